"""Repacks by real git: a repo that is not exact becomes exact again, whatever comes in between."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token
from tests.unit.engine.paused_store import PausedStore
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import Object, blob, history, oid_of
from treehold.catalog.base import PushCommit, Ref, RefChange, RepoRow
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.repack import repack
from treehold.errors import NotFound
from treehold.ids import ObjectId, RefName

GIT = Path(shutil.which("git") or "git")
OLD = history(b"1", b"2", b"lost")
KEPT = OLD[:6]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, git=GIT, limits=Limits(roll_up_packs=8)) as engine:
        yield engine


async def forced_back(engine: Engine, *, stored: bool = False) -> SmallRepo:
    """A repo whose branch has gone back from the third commit to the second."""
    repo = await SmallRepo.make(engine)
    await repo.grow(OLD[:3], OLD[3:6], OLD[6:], stored=stored)
    await repo.push([], {MAIN: oid_of(KEPT[-1])}, preserves=False)
    return repo


async def stored_ids(repo: SmallRepo) -> list[ObjectId]:
    packs = [await repo.engine.node.packs.open(row) for row in (await repo.state()).packs]
    return sorted(oid for pack in packs for oid in pack.index.oids())


def ids(objects: list[Object]) -> list[ObjectId]:
    return sorted({oid_of(item) for item in objects})


async def keys_in_store(engine: Engine) -> set[str]:
    return {found.key async for found in engine.store.blobs()}


async def test_only_what_refs_reach_is_left(engine: Engine) -> None:
    """After a force-push the packs become one that holds just the closure of the refs, and the repo is exact."""
    repo = await forced_back(engine)
    before = await repo.state()
    said = await repack(engine, repo.row.id)
    after = await repo.state()
    assert said.startswith(f"9 objects in {before.repo.size_bytes} bytes became 6 in ")
    assert (after.refs, after.repo.exact) == (before.refs, True)
    assert (after.repo.object_count, after.repo.size_bytes) == (6, after.packs[0].size_bytes)
    assert await stored_ids(repo) == ids(KEPT)
    view = await repo.view()
    assert view.visible is view.stored
    assert await repack(engine, repo.row.id) == "nothing to do"


async def test_tags_and_odd_refs_are_kept(engine: Engine) -> None:
    """What only a tag of a blob or of a tree reaches is kept too."""
    repo = await forced_back(engine)
    odd = blob(b"told by a ref alone")
    await repo.push([odd], {b"refs/tags/odd": oid_of(odd), b"refs/tags/tree": oid_of(OLD[7])}, preserves=False)
    await repack(engine, repo.row.id)
    assert await stored_ids(repo) == ids([*KEPT, odd, OLD[7], OLD[6]])


@pytest.mark.parametrize("stored", [False, True])
async def test_a_fork_keeps_what_it_began_with(engine: Engine, stored: bool) -> None:
    """Repacking a parent takes nothing from a fork that was made before the loss."""
    repo = await SmallRepo.make(engine)
    await repo.grow(OLD, stored=stored)
    fork = SmallRepo(engine, await engine.catalog.fork_repo(repo.row.id, new_repo("fork"), new_token()))
    await repo.push([], {MAIN: oid_of(KEPT[-1])}, preserves=False)
    await repack(engine, repo.row.id)
    assert await stored_ids(repo) == ids(KEPT)
    assert await stored_ids(fork) == ids(OLD)
    late = SmallRepo(engine, await engine.catalog.fork_repo(repo.row.id, new_repo("late"), new_token()))
    assert await stored_ids(late) == ids(KEPT)


async def test_the_pack_stands_by_itself(engine: Engine, tmp_path: Path) -> None:
    """Out of many packs comes one that git takes as complete."""
    engine, store = PausedStore.under(engine, tmp_path / "store")
    store.meanwhile = nothing
    repo = await forced_back(engine, stored=True)
    await repack(engine, repo.row.id)
    (row,) = (await repo.state()).packs
    file = await engine.store.local_file(str(row.key))
    assert file is not None
    subprocess.run([GIT, "index-pack", "--strict", "-o", tmp_path / "x.idx", file], check=True, capture_output=True)


async def nothing() -> None:
    """Nothing happens meanwhile."""


async def push_of_another_process(repo: SmallRepo, number: int) -> None:
    """A branch more, by somebody who does not ask this process's locks."""
    state = await repo.state()
    item = blob(b"pushed meanwhile %d" % number)
    pack = await repo._pack([item], stored=False)
    change = RefChange(RefName(b"refs/heads/late-%d" % number), None, Ref(oid_of(item)))
    await repo.engine.catalog.commit_push(
        PushCommit(repo.row.id, state.repo.generation, (change,), pack, True, None, at(1))
    )


@pytest.mark.parametrize("overtaken", [1, 2, 3])
async def test_who_is_overtaken_begins_again(engine: Engine, tmp_path: Path, overtaken: int) -> None:
    """A push in the middle voids the repack, which is thrown away and made anew, but not for ever."""
    engine, store = PausedStore.under(engine, tmp_path / "store")
    repo = await forced_back(engine)
    attempts: list[bool] = []

    async def push() -> None:
        held = repo.row.id in engine.node.push_locks._locks
        attempts.append(held)
        if len(attempts) <= overtaken:
            await push_of_another_process(repo, len(attempts))

    store.meanwhile = push
    said = await repack(engine, repo.row.id)
    state = await repo.state()
    assert state.repo.exact is (overtaken < 3)
    assert said.startswith("given up") is (overtaken == 3)
    assert attempts == [False, False, True][: overtaken + 1]
    late = [blob(b"pushed meanwhile %d" % number) for number in range(1, overtaken + 1)]
    assert {oid_of(item) for item in late} <= set(await stored_ids(repo))
    assert set(ids(KEPT)) <= set(await stored_ids(repo))
    assert await keys_in_store(engine) == {
        key for row in state.packs if row.key for key in (row.key, f"{row.key}.index")
    }


async def test_a_repo_deleted_meanwhile_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    """When the repo goes in the middle the new pack goes too."""
    engine, store = PausedStore.under(engine, tmp_path / "store")
    repo = await forced_back(engine)
    store.meanwhile = lambda: engine.catalog.delete_repo(ACCOUNT, NAMESPACE, repo.row.name, at(1))
    with pytest.raises(NotFound):
        await repack(engine, repo.row.id)
    assert await keys_in_store(engine) == set()


async def test_a_fork_made_meanwhile_is_whole(engine: Engine, tmp_path: Path) -> None:
    """A fork made in the middle has the packs as they were, and its parent the new one."""
    engine, store = PausedStore.under(engine, tmp_path / "store")
    repo = await forced_back(engine)
    forks: list[RepoRow] = []

    async def fork() -> None:
        forks.append(await engine.catalog.fork_repo(repo.row.id, new_repo("fork"), new_token()))

    store.meanwhile = fork
    await repack(engine, repo.row.id)
    assert await stored_ids(repo) == ids(KEPT)
    assert await stored_ids(SmallRepo(engine, forks[0])) == ids(OLD)
