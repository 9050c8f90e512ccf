"""Many small packs become few."""

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token
from tests.unit.engine.paused_store import PausedStore
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import history, oid_of
from treehold.catalog.base import PackRow, RepoRow, RepoState
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.rollup import choose_run, roll_up
from treehold.errors import CorruptStore, NotFound, StorageError
from treehold.ids import AccountId, Milliseconds, PackId, RepoId
from treehold.store.local import LocalStore

LINE = history(*(b"%d" % number for number in range(12)))
PUSHES = [LINE[start : start + 3] for start in range(0, len(LINE), 3)]


def state_of(
    sizes: Sequence[int], *, exact: bool = True, anchor: int = 0, origin: int = 0, first: int | None = None
) -> RepoState:
    """A repo with packs of these sizes, pushed at generations 1, 2, ...; ``first``: the first one's, if it is a
    roll-up or a repack."""
    zero = Milliseconds(0)
    row = RepoRow(
        id=RepoId("r"),
        account=AccountId("a"),
        namespace="ns",
        name="repo",
        description=None,
        default_branch="main",
        read_only=False,
        source=None,
        generation=len(sizes),
        exact=exact,
        anchor=anchor,
        origin=origin,
        size_bytes=sum(sizes),
        object_count=len(sizes),
        created_at=zero,
        updated_at=zero,
        last_push_at=None,
    )
    packs = [PackRow(PackId(at_), at_, 1, size, None, at_) for at_, size in enumerate(sizes, start=1)]
    if first is not None:
        packs[0] = replace(packs[0], first_generation=first)
    return RepoState(repo=row, refs={}, packs=tuple(packs))


def run_of(state: RepoState, packs_max: int = 4) -> list[int]:
    return [pack.id for pack in choose_run(state, packs_max=packs_max)]


@pytest.mark.parametrize(
    ("sizes", "run"),
    [
        ([], []),
        ([9, 9, 9], []),
        ([9, 9, 9, 9], [1, 2, 3, 4]),
        ([1000, 9, 9, 9], [2, 3, 4]),
        ([1000, 500, 9, 9], [3, 4]),
        ([64, 32, 16, 8], []),
        ([64, 32, 16, 8, 8], [1, 2, 3, 4, 5]),
        ([64, 32, 1, 8, 1], [3, 4, 5]),
        ([1, 2, 4, 8, 1000], [1, 2, 3, 4, 5]),
    ],
)
def test_the_newest_packs_are_merged_by_size(sizes: list[int], run: list[int]) -> None:
    """Merged are those at the end that are not twice as large as all that follow; none while there are few."""
    assert run_of(state_of(sizes)) == run


@pytest.mark.parametrize(("first", "run"), [(0, [1, 2, 3, 4]), (1, [1, 2, 3, 4])])
def test_a_repack_is_merged_like_any_other_pack(first: int, run: list[int]) -> None:
    """In a repo that is no fork even a pack that spans from generation 0 may grow."""
    assert run_of(state_of([9, 9, 9, 9], first=first)) == run


def test_shared_packs_are_left_alone() -> None:
    """A fork merges only what joined since its origin, and only when that is much."""
    assert run_of(state_of([9] * 7, origin=3)) == [4, 5, 6, 7]
    assert run_of(state_of([9] * 7, origin=4)) == []
    assert run_of(state_of([9] * 7, origin=3, first=0)) == [4, 5, 6, 7]


def test_the_anchor_is_a_border() -> None:
    """In a repo that is not exact the packs before and after its anchor stay apart; in an exact one it says nothing."""
    assert run_of(state_of([9] * 7, exact=False, anchor=4)) == [1, 2, 3, 4]
    assert run_of(state_of([9] * 7, exact=False, anchor=3)) == [4, 5, 6, 7]
    assert run_of(state_of([9] * 7, exact=False, anchor=4, origin=2)) == [5, 6, 7]
    assert run_of(state_of([9] * 7, exact=False, anchor=7)) == [1, 2, 3, 4, 5, 6, 7]
    assert run_of(state_of([9] * 7, exact=False)) == [1, 2, 3, 4, 5, 6, 7]
    assert run_of(state_of([9] * 7, anchor=4)) == [1, 2, 3, 4, 5, 6, 7]


@given(st.lists(st.integers(1, 10_000), min_size=4, max_size=60))
def test_each_pack_left_is_twice_as_large_as_all_that_follow(sizes: list[int]) -> None:
    """After a roll-up the sizes at the end fall by half at least, from the merged pack's neighbour on."""
    state = state_of(sizes)
    run = choose_run(state, packs_max=4)
    assert len(run) != 1
    left = [*(pack.size_bytes for pack in state.packs[: len(sizes) - len(run)])]
    if run:
        assert run == list(state.packs[-len(run) :])
        left.append(sum(pack.size_bytes for pack in run))
    if len(left) > 1:
        assert left[-2] >= 2 * left[-1]


@given(st.lists(st.integers(1, 100), max_size=300))
def test_a_repo_of_many_pushes_has_few_packs(sizes: list[int]) -> None:
    """With a roll-up whenever there are enough packs, n pushes leave less than that plus log n."""
    left: list[int] = []
    for size in sizes:
        left.append(size)
        run = choose_run(state_of(left), packs_max=8)
        if run:
            left = [*left[: -len(run)], sum(pack.size_bytes for pack in run)]
        assert len(left) <= 8 + 12


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(roll_up_packs=4)) as engine:
        yield engine


async def objects_of(repo: SmallRepo) -> set[bytes]:
    view = await repo.view()
    assert all(view.read(oid_of(item)) == item for item in LINE if oid_of(item) in view)
    packs = [await repo.engine.node.packs.open(row) for row in (await repo.state()).packs]
    listed = [oid for pack in packs for oid in pack.index.oids()]
    assert len(listed) == len(set(listed))
    return set(listed)


async def keys_in_store(engine: Engine) -> set[str]:
    return {blob.key async for blob in engine.store.blobs()}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("inline_bytes", [0, 1 << 20])
async def test_all_is_there_afterwards(engine: Engine, stored: bool, inline_bytes: int) -> None:
    """Inline or stored, packs become one, inline or stored, with every object and the same refs."""
    engine = replace(engine, limits=Limits(roll_up_packs=4, inline_pack_bytes=inline_bytes))
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES, stored=stored)
    before = await repo.state()
    said = await roll_up(engine, repo.row.id)
    after = await repo.state()
    assert said.startswith("12 of 12 packs became one")
    assert (after.refs, after.repo.exact) == (before.refs, True)
    (pack,) = after.packs
    assert (pack.first_generation, pack.generation, pack.objects) == (1, 12, len(LINE))
    assert (pack.key is None) is (inline_bytes > 0)
    assert await objects_of(repo) == {oid_of(item) for item in LINE}
    assert list(engine.node.spool.iterdir()) == []
    assert await roll_up(engine, repo.row.id) == "1 packs, nothing to do"


async def test_packs_in_a_snapshot_are_merged_and_a_fork_keeps_its_own(engine: Engine) -> None:
    """After a fork the packs lie in a snapshot that both share: the parent's are merged, the fork's stay."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES[:6])
    row = await engine.catalog.fork_repo(repo.row.id, new_repo("fork"), new_token())
    fork = SmallRepo(engine, row)
    of_fork = (await fork.state()).packs
    await roll_up(engine, repo.row.id)
    assert len((await repo.state()).packs) == 1
    assert (await fork.state()).packs == of_fork
    await fork.grow(*PUSHES[6:])
    assert (await roll_up(engine, row.id)).startswith("6 of 12 packs")
    assert (await fork.state()).packs[:6] == of_fork
    assert await objects_of(fork) == {oid_of(item) for item in LINE}


async def test_a_repo_that_is_not_exact_keeps_its_anchor(engine: Engine) -> None:
    """What was pushed before a loss and after it is merged apart, each in its turn."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES[:5])
    await repo.push(PUSHES[5], {MAIN: oid_of(PUSHES[5][-1])}, preserves=False)
    await repo.grow(*PUSHES[6:])
    anchor = (await repo.state()).repo.anchor
    assert anchor == 6
    for _ in range(3):
        await roll_up(engine, repo.row.id)
        spans = [(pack.first_generation, pack.generation) for pack in (await repo.state()).packs]
        assert all(last <= anchor or first > anchor for first, last in spans)
    assert spans == [(1, 6), (7, 12)]
    assert (await repo.state()).repo.anchor == anchor


@pytest.fixture
def paused(engine: Engine, tmp_path: Path) -> tuple[Engine, PausedStore]:
    """The engine with a store in which something happens when a merged pack is kept."""
    return PausedStore.under(engine, tmp_path / "store")


async def test_a_push_meanwhile_does_no_harm(paused: tuple[Engine, PausedStore]) -> None:
    """A pack that joins while others are merged stands behind the merged one."""
    engine, store = paused
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES[:8])
    store.meanwhile = lambda: repo.grow(*PUSHES[8:10])
    assert (await roll_up(engine, repo.row.id)).startswith("8 of 8")
    assert [row.generation for row in (await repo.state()).packs] == [8, 9, 10]
    assert await objects_of(repo) == {oid_of(item) for push in PUSHES[:10] for item in push}


async def test_a_fork_meanwhile_keeps_the_packs(paused: tuple[Engine, PausedStore]) -> None:
    """A fork made while its parent's packs are merged has them as they were, and the parent has the merged one."""
    engine, store = paused
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    before = await repo.state()
    forks: list[RepoRow] = []

    async def fork() -> None:
        forks.append(await engine.catalog.fork_repo(repo.row.id, new_repo("fork"), new_token()))

    store.meanwhile = fork
    await roll_up(engine, repo.row.id)
    (row,) = forks
    assert len((await repo.state()).packs) == 1
    assert [pack.id for pack in (await engine.catalog.repo_state(row.id)).packs] == [pack.id for pack in before.packs]
    assert await objects_of(SmallRepo(engine, row)) == await objects_of(repo)


async def test_who_is_overtaken_by_another_roll_up_gives_up(paused: tuple[Engine, PausedStore]) -> None:
    """When the packs have been merged meanwhile the later one leaves nothing behind."""
    engine, store = paused
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    others = replace(engine, store=LocalStore(store._folder, entropy=os.urandom))
    store.meanwhile = lambda: roll_up(others, repo.row.id)
    assert (await roll_up(engine, repo.row.id)).startswith("given up")
    (pack,) = (await repo.state()).packs
    assert await keys_in_store(engine) == {pack.key, f"{pack.key}.index"}
    assert await objects_of(repo) == {oid_of(item) for item in LINE}


async def test_a_repo_deleted_meanwhile_leaves_nothing(paused: tuple[Engine, PausedStore]) -> None:
    """When the repo goes while its packs are merged, the merged one goes too."""
    engine, store = paused
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    store.meanwhile = lambda: engine.catalog.delete_repo(ACCOUNT, NAMESPACE, repo.row.name, at(1))
    assert (await roll_up(engine, repo.row.id)).startswith("given up")
    assert await keys_in_store(engine) == set()
    with pytest.raises(NotFound):
        await roll_up(engine, repo.row.id)


async def test_packs_that_are_not_there_are_told(engine: Engine) -> None:
    """A pack whose bytes are gone stops the roll-up, and everything stays as it was."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES, stored=True)
    before = await repo.state()
    await engine.store.delete(str(before.packs[5].key))
    with pytest.raises(CorruptStore):
        await roll_up(engine, repo.row.id)
    assert await repo.state() == before
    assert list(engine.node.spool.iterdir()) == []


async def test_a_disk_that_fails_is_told(engine: Engine) -> None:
    """A spool that cannot be written stops the roll-up as the disk's fault."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    engine.node.spool.rmdir()
    with pytest.raises(StorageError):
        await roll_up(engine, repo.row.id)
