"""Taking bytes away, and leaving everything that is needed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import history, oid_of
from treehold.catalog.answers import KeyedRequest
from treehold.engine import maintenance
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.maintenance import Swept, discard_unreferenced, sweep
from treehold.engine.rollup import roll_up
from treehold.ids import Milliseconds, TokenId
from treehold.server.backends import clock

HOUR = 3600
DAY = 24 * HOUR
LINE = history(b"1", b"2", b"3", b"4")
PUSHES = [LINE[start : start + 3] for start in range(0, len(LINE), 3)]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine that lives at the present, as the files of its store do."""
    async with engine_in(tmp_path, limits=Limits(roll_up_packs=4)) as engine:
        yield replace(engine, clock=clock)


def later(engine: Engine, seconds: float) -> Engine:
    """The same engine at a later time."""
    return replace(engine, clock=lambda: Milliseconds(clock() + int(seconds * 1000)))


async def keys(engine: Engine) -> set[str]:
    return {blob.key async for blob in engine.store.blobs()}


async def packs_swept(engine: Engine, grace_seconds: int) -> tuple[int, int]:
    """How many packs a sweep noted and removed."""
    swept = await sweep(engine, grace_seconds=grace_seconds)
    assert swept.orphans == 0
    return swept.noted, swept.removed


async def rolled_up(engine: Engine) -> SmallRepo:
    """A repo whose four stored packs have become one inline pack."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES, stored=True)
    await roll_up(engine, repo.row.id)
    return repo


async def test_replaced_packs_go_after_the_grace(engine: Engine) -> None:
    """They are noted first, stay through the grace, and then their rows and bytes go; the repo is whole throughout."""
    repo = await rolled_up(engine)
    assert len(await keys(engine)) == 8
    assert await packs_swept(engine, 60) == (4, 0)
    assert await packs_swept(later(engine, 50), 60) == (0, 0)
    assert len(await keys(engine)) == 8
    assert await packs_swept(later(engine, 61), 60) == (0, 4)
    assert await keys(engine) == set()
    view = await repo.view()
    assert [view.read(oid_of(item)) for item in LINE] == LINE


async def test_no_grace_takes_at_once(engine: Engine) -> None:
    """With a grace of 0 what is noted goes in the same sweep."""
    await rolled_up(engine)
    assert await packs_swept(engine, 0) == (4, 4)


async def test_what_a_fork_shares_stays(engine: Engine) -> None:
    """Packs that one fork still has are kept when all its kin are gone, and go with the last one."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES, stored=True)
    fork = SmallRepo(engine, await engine.catalog.fork_repo(repo.row.id, new_repo("fork"), new_token()))
    await engine.catalog.delete_repo(ACCOUNT, NAMESPACE, repo.row.name, at(1))
    assert await packs_swept(engine, 0) == (0, 0)
    view = await fork.view()
    assert [view.read(oid_of(item)) for item in LINE] == LINE
    await engine.catalog.delete_repo(ACCOUNT, NAMESPACE, "fork", at(1))
    assert (await sweep(engine, grace_seconds=0)).removed == 4
    assert await keys(engine) == set()


async def test_more_than_a_batch_goes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sweep takes away everything that is due, however much it is."""
    monkeypatch.setattr(maintenance, "_BATCH", 3)
    await rolled_up(engine)
    assert (await sweep(engine, grace_seconds=0)).removed == 4
    assert await keys(engine) == set()


@pytest.mark.parametrize("kept", ["both", "pack", "index"])
async def test_what_no_row_names_goes_when_it_is_old(engine: Engine, kept: str) -> None:
    """A pack that was stored and never named, its index, or what a crashed sweep left of them, goes after the grace."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES[:2], stored=True)
    named = await keys(engine)
    if kept != "index":
        await engine.store.put("packs/ab/orphan.pack", b"1")
    if kept != "pack":
        await engine.store.put("packs/ab/orphan.pack.index", b"1")
    count = 2 if kept == "both" else 1
    assert (await sweep(later(engine, DAY - 60), grace_seconds=0)).orphans == 0
    assert (await sweep(later(engine, DAY + 60), grace_seconds=0)).orphans == count
    assert await keys(engine) == named


async def test_a_pack_on_its_way_in_is_safe_from_any_setting(engine: Engine) -> None:
    """Whatever the grace, what was stored within the last hour may be about to be named, and stays."""
    hasty = replace(engine, limits=Limits(sweep_grace_seconds=0))
    await (await SmallRepo.make(engine)).grow(PUSHES[0], stored=True)
    await engine.store.put("packs/ab/new.pack", b"1")
    assert (await sweep(later(hasty, HOUR - 60), grace_seconds=0)).orphans == 0
    assert (await sweep(later(hasty, HOUR + 60), grace_seconds=0)).orphans == 1


async def test_a_doomed_pack_is_no_orphan(engine: Engine) -> None:
    """While a row names a pack its bytes stay through the grace, however old they are."""
    repo = await rolled_up(engine)
    await repo.push(history(b"more"), {MAIN: oid_of(history(b"more")[-1])}, preserves=False)
    await sweep(engine, grace_seconds=DAY)
    assert (await sweep(later(engine, 30 * DAY), grace_seconds=40 * DAY)).orphans == 0
    assert len(await keys(engine)) == 8


async def test_the_store_of_another_catalog_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    """A catalog that names nothing of what is stored, such as a fresh one in place of a lost one, deletes nothing."""
    await (await SmallRepo.make(engine)).grow(*PUSHES, stored=True)
    (tmp_path / "fresh").mkdir()
    async with engine_in(tmp_path / "fresh") as fresh:
        wrong = replace(fresh, store=engine.store, clock=clock)
        assert (await sweep(later(wrong, 30 * DAY), grace_seconds=0)).orphans == 0
        assert len(await keys(engine)) == 8
        await wrong.catalog.create_repo(new_repo("known"), new_token())
    await engine.store.put("packs/ab/orphan.pack", b"1")
    assert (await sweep(later(engine, 30 * DAY), grace_seconds=0)).orphans == 1


async def test_orphans_go_in_bounded_numbers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep remembers no more orphans than a bound, and the next ones take the rest."""
    monkeypatch.setattr(maintenance, "_BATCH", 1)
    monkeypatch.setattr(maintenance, "_ORPHANS_A_SWEEP", 2)
    await (await SmallRepo.make(engine)).grow(PUSHES[0], stored=True)
    for number in range(5):
        await engine.store.put(f"orphan-{number}", b"1")
    for _ in range(12):
        await sweep(later(engine, 2 * DAY), grace_seconds=0)
    assert len(await keys(engine)) in (2, 7)  # the listing may begin with orphans, and then names nothing


async def test_ended_rows_go(engine: Engine) -> None:
    """Deleted repos and expired tokens are forgotten after their time."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    await sweep(engine, grace_seconds=DAY)  # of the first token, which has expired
    await engine.catalog.delete_repo(ACCOUNT, NAMESPACE, repo.row.name, clock())
    assert (await sweep(later(engine, 29 * DAY), grace_seconds=DAY)).rows == 0
    assert (await sweep(later(engine, 31 * DAY), grace_seconds=DAY)).rows == 1 + len(PUSHES)


async def test_first_answers_go(engine: Engine) -> None:
    """What was answered to a request with a key is forgotten when the key may be used again."""
    asked, now = KeyedRequest(TokenId("token"), b"key", b"request"), clock()
    await engine.catalog.claim_answer(asked, b"claim", now=now, forgotten_before=now, abandoned_before=now)
    assert (await sweep(later(engine, DAY - HOUR), grace_seconds=DAY)).rows == 0
    assert (await sweep(later(engine, DAY + HOUR), grace_seconds=DAY)).rows == 1


async def test_a_sweep_that_dies_is_finished_by_the_next(engine: Engine) -> None:
    """Wherever a sweep is cut off, no row names what is gone, and the next sweeps take what it left behind."""
    for failpoint in ("sweep.noted", "sweep.rows-gone", "sweep.pack-deleted"):

        def die(name: str, failpoint: str = failpoint) -> None:
            if name == failpoint:
                raise KeyboardInterrupt

        repo = await SmallRepo.make(engine, failpoint)
        await repo.grow(*PUSHES, stored=True)
        await roll_up(engine, repo.row.id)
        await repo.grow(history(b"later" + failpoint.encode()), stored=True)
        with pytest.raises(KeyboardInterrupt):
            await sweep(replace(engine, failpoint=die), grace_seconds=0)
        view = await repo.view()
        assert [view.read(oid_of(item)) for item in LINE] == LINE
    await sweep(later(engine, 2 * DAY), grace_seconds=0)
    assert len(await keys(engine)) == 2 * 3


async def test_discarding_takes_pack_and_index(engine: Engine) -> None:
    """A pack that lost its race goes with its index, and it may be done twice."""
    for suffix in ("", ".index"):
        await engine.store.put("packs/ab/lost.pack" + suffix, b"1")
    for _ in range(2):
        await discard_unreferenced(engine, "packs/ab/lost.pack")
    assert await keys(engine) == set()


def test_what_was_swept_is_told_in_words() -> None:
    """The job log gets a line."""
    assert str(Swept(1, 2, 3, 4)) == "1 packs noted, 2 packs, 3 orphaned files and 4 ended rows removed"
