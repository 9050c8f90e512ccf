"""Bitmaps and commit graphs that C Git makes and uses."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live_server import Git, new_git
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import history, oid_of
from treehold.catalog.base import NewPack
from treehold.engine import git_indexes
from treehold.engine.context import Engine
from treehold.engine.fetch import choose_plan, negotiate
from treehold.engine.limits import Limits
from treehold.engine.reachable import list_objects
from treehold.ids import ObjectId
from treehold.packs.git_index import from_git_index
from treehold.packs.resolve import resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.fetch_request import FetchRequest

LIMITS = Limits(walk_increment_objects=0, walk_clone_objects=0, walk_indexed_objects=0)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    found = shutil.which("git")
    assert found
    async with engine_in(tmp_path, git=Path(found), limits=LIMITS) as engine:
        yield engine


@pytest.fixture
def origin(tmp_path: Path) -> Git:
    """A history with a merge."""
    git = new_git(tmp_path / "origin", "")
    for number in range(12):
        git.commit({"file": f"{number}\n" * 50, f"dir/{number}": f"{number}\n"})
        if number == 5:
            git("branch", "side")
    git("merge", "-q", "-s", "ours", "-m", "Merge", "--no-ff", "side")
    return git


async def filled(engine: Engine, origin: Git) -> SmallRepo:
    """A repo of that history, as one push."""
    origin("repack", "-adq")
    (pack,) = (origin.folder / ".git/objects/pack").glob("*.pack")
    index = from_git_index(pack.with_suffix(".idx").read_bytes())
    repo = await SmallRepo.make(engine)
    data = pack.read_bytes()
    tip = ObjectId(bytes.fromhex(origin("rev-parse", "main")))
    await repo.commit(NewPack(len(index), len(data), index.encode(), data=data), {b"refs/heads/main": tip})
    return repo


async def fetched(repo: SmallRepo, origin: Git, want: str, have: str) -> set[str]:
    """The ids in the answer to a fetch."""
    wants, haves = ((ObjectId(bytes.fromhex(origin("rev-parse", name))),) for name in (want, have))
    view = await repo.view()
    settled = await negotiate(repo.engine, view, FetchRequest(wants=wants, haves=haves, done=True, ofs_delta=True))
    plan = await choose_plan(repo.engine, view, settled)
    assert plan.name == "computed"
    pack = b"".join([bytes(piece) async for piece in plan.pieces(repo.engine)])
    return {item.oid.hex() for item in resolve_pack(scan_pack(pack), external_base=view.stored.read_base)}


async def test_they_are_made_after_the_first_use_and_used(
    engine: Engine, origin: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computed fetch has them made in the background; with them a later one is answered alike."""
    monkeypatch.setattr(git_indexes, "_WORTHWHILE_OBJECTS", 1)
    repo = await filled(engine, origin)
    rows = (await repo.state()).packs
    assert not engine.node.indexes.has(rows)
    await fetched(repo, origin, "main~1", "main~7")
    await engine.node.indexes.settle()
    assert engine.node.indexes.has(rows)
    names = {path.suffix for path in (engine.node.repos.base_objects(rows) / "pack").iterdir()}
    assert ".bitmap" in names
    assert (engine.node.repos.base_objects(rows) / "info" / "commit-graph").exists()
    for want, have in (("main", "main~4"), ("main", "side~2"), ("side", "main~9")):
        expected = set(origin("rev-list", "--objects", "--no-object-names", want, f"^{have}").split())
        got = await fetched(repo, origin, want, have)
        assert expected <= got | set(origin("rev-list", "--objects", "--no-object-names", have).split())
        assert origin("rev-parse", want) in got


async def test_they_outlive_pushes(engine: Engine, origin: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was worked out for the base of a list serves the lists that grow from it."""
    monkeypatch.setattr(git_indexes, "_WORTHWHILE_OBJECTS", 1)
    monkeypatch.setattr("treehold.engine.materialise._SPLIT_FROM_BYTES", 1)
    repo = await filled(engine, origin)
    engine.node.indexes.want(await repo.state())
    await engine.node.indexes.settle()
    news = history(b"news")
    await repo.push(news, {b"refs/heads/news": oid_of(news[-1])})
    rows = (await repo.state()).packs
    assert engine.node.indexes.has(rows)
    assert {oid_of(item) for item in news} < await objects_listed(engine, repo)


async def objects_listed(engine: Engine, repo: SmallRepo) -> set[ObjectId]:
    """All that the refs of the repo reach, which is all that it holds."""
    state = await repo.state()
    tips = [ref.oid for ref in state.refs.values()]
    async with engine.node.repos.objects(state.packs) as objects, engine.node.git_dirs.bare(objects) as place:
        ids = set(await list_objects(engine.node.native, place, [tip.hex() for tip in tips]))
    assert len(ids) == sum(pack.objects for pack in state.packs)
    return ids


async def test_a_small_repo_needs_none(engine: Engine, origin: Git) -> None:
    """Nothing is begun where it is not worth it."""
    repo = await filled(engine, origin)
    state = await repo.state()
    engine.node.indexes.want(state)
    await engine.node.indexes.settle()
    assert not engine.node.indexes.has(state.packs)


async def test_a_repo_without_all_its_history_gets_none(
    engine: Engine, origin: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they say of a commit would go beyond the repo's boundary."""
    monkeypatch.setattr(git_indexes, "_WORTHWHILE_OBJECTS", 1)
    repo = await filled(engine, origin)
    state = await repo.state()
    engine.node.indexes.want(replace(state, shallow=frozenset({state.refs[MAIN].oid})))
    await engine.node.indexes.settle()
    assert not engine.node.indexes.has(state.packs)


async def test_a_failure_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When git cannot make them it is asked once, and nobody is told but the log."""
    monkeypatch.setattr(git_indexes, "_WORTHWHILE_OBJECTS", 1)
    git = fake_git(tmp_path, "cat >/dev/null\necho asked >>$notes/asked\nexit 1")
    async with engine_in(tmp_path, git=git) as engine:
        repo = await SmallRepo.make(engine)
        await repo.grow(history(b"1"))
        state = await repo.state()
        for _ in range(2):
            engine.node.indexes.want(state)
            await engine.node.indexes.settle()
        assert (tmp_path / "asked").read_text() == "asked\n"


async def test_what_is_unfinished_is_given_up_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops does not wait for them."""
    monkeypatch.setattr(git_indexes, "_WORTHWHILE_OBJECTS", 1)
    git = fake_git(tmp_path, "echo begun >>$notes/begun\nexec sleep 600")
    async with engine_in(tmp_path, git=git) as engine:
        repo = await SmallRepo.make(engine)
        await repo.grow(history(b"1"))
        engine.node.indexes.want(await repo.state())
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.01)
        await engine.node.indexes.close()
