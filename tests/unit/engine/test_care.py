"""Whose turn it is, what is done, and what of it is written down."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, NOW, at, new_repo, new_token
from tests.unit.engine.paused_store import PausedStore
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import history, oid_of
from treehold.catalog.care import JobRow
from treehold.engine.care import Job, run_job, run_round
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.errors import NotFound, StorageError
from treehold.ids import Milliseconds, RepoId

PACKS = 8
"""Fewest packs by which the catalog finds a repo in need."""
LINE = history(*(b"%d" % number for number in range(PACKS)))
PUSHES = [LINE[start : start + 3] for start in range(0, len(LINE), 3)]


@dataclass
class HandClock:
    """A clock that a test moves."""

    now: Milliseconds = NOW

    def __call__(self) -> Milliseconds:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now = Milliseconds(self.now + 1000 * seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def engine(tmp_path: Path, clock: HandClock) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(roll_up_packs=PACKS)) as engine:
        yield replace(engine, clock=clock)


@pytest.fixture
async def another(tmp_path: Path, clock: HandClock, engine: Engine) -> AsyncIterator[Engine]:
    """Another process on the same data."""
    async with engine_in(tmp_path, limits=engine.limits) as another:
        yield replace(another, clock=clock)


class Deed:
    """Something to do that a test can hold up."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.times = 0
        self.error = error

    async def __call__(self) -> str:
        self.times += 1
        self.begun.set()
        await self.go_on.wait()
        if self.error:
            raise self.error
        return "did it"


def at_once(error: Exception | None = None) -> Deed:
    deed = Deed(error)
    deed.go_on.set()
    return deed


def told(jobs: list[JobRow]) -> list[tuple[str, str | None, str]]:
    return [(job.kind, job.repo, job.outcome) for job in jobs]


async def kinds(engine: Engine, *, patient: bool = False) -> list[str]:
    return [job.kind for job in await run_round(engine, patient=patient)]


async def test_a_job_is_written_down_from_its_beginning(engine: Engine, clock: HandClock) -> None:
    """While it runs the log says so, and afterwards how long it took and what it did."""
    deed = Deed()
    task = asyncio.create_task(run_job(engine, Job("polish", RepoId("r"), deed), patient=False))
    await deed.begun.wait()
    (job,) = await engine.catalog.recent_jobs(9)
    assert (job.kind, job.repo, job.outcome, job.finished_at) == ("polish", "r", "running", None)
    clock.advance(5)
    deed.go_on.set()
    done = replace(job, outcome="done", finished_at=at(5000), detail="did it")
    assert await task == done
    assert await engine.catalog.recent_jobs(9) == [done]


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (StorageError("disk full"), "failed", "StorageError: disk full"),
        (NotFound("no such repo"), "skipped", "the repo is gone"),
        (RuntimeError("odd"), "failed", "RuntimeError('odd')"),
    ],
)
async def test_what_goes_wrong_is_written_down_and_not_raised(
    engine: Engine, error: Exception, outcome: str, detail: str
) -> None:
    """A job that fails, even in a way that nobody thought of, ends as such in the log, and its lease is free."""
    with structlog.testing.capture_logs() as logs:
        job = await run_job(engine, Job("polish", None, at_once(error)), patient=False)
    assert job is not None
    assert (job.outcome, job.detail) == (outcome, detail)
    assert any(entry["log_level"] == "error" for entry in logs) is (outcome == "failed")
    again = await run_job(engine, Job("polish", None, at_once()), patient=False)
    assert again is not None


async def test_begin_and_end_are_logged(engine: Engine) -> None:
    """The log has what was done, to which repo and for how long."""
    with structlog.testing.capture_logs() as logs:
        await run_job(engine, Job("polish", RepoId("r"), at_once()), patient=False)
    assert [entry["event"] for entry in logs] == ["maintenance_begun", "maintenance_ended"]
    ended = {"kind": "polish", "repo": "r", "outcome": "done", "detail": "did it", "seconds": 0.0}
    assert ended.items() <= logs[1].items()


async def test_one_process_does_a_job(engine: Engine, another: Engine) -> None:
    """While one is at a repo nobody else is, with whatever job; afterwards it is free."""
    deed = Deed()
    task = asyncio.create_task(run_job(engine, Job("polish", RepoId("r"), deed), patient=False))
    await deed.begun.wait()
    assert await run_job(another, Job("polish", RepoId("r"), at_once()), patient=False) is None
    assert await run_job(another, Job("paint", RepoId("r"), at_once()), patient=False) is None
    assert await run_job(another, Job("polish", RepoId("s"), at_once()), patient=False) is not None
    deed.go_on.set()
    await task
    assert await run_job(another, Job("polish", RepoId("r"), at_once()), patient=False) is not None


async def test_a_process_that_died_is_followed_when_its_lease_has_run_out(
    engine: Engine, another: Engine, clock: HandClock
) -> None:
    """Nobody waits for ever for one that will not come back."""
    until = Milliseconds(clock.now + engine.limits.lease_seconds * 1000)
    assert await engine.catalog.acquire_lease("repo:r", "died", now=clock.now, until=until)
    assert await run_job(another, Job("polish", RepoId("r"), at_once()), patient=False) is None
    clock.advance(engine.limits.lease_seconds)
    assert await run_job(another, Job("polish", RepoId("r"), at_once()), patient=False) is not None


async def test_a_long_job_keeps_its_lease(engine: Engine, another: Engine, clock: HandClock) -> None:
    """The lease is renewed while the job goes on, however long that is."""
    renewed = asyncio.Event()

    class Watched(HandClock):
        """Notes that somebody looked at the time."""

        def __call__(self) -> Milliseconds:
            renewed.set()
            return clock.now

    limits = replace(engine.limits, lease_seconds=1)
    deed = Deed()
    watched = replace(engine, clock=Watched(), limits=limits)
    task = asyncio.create_task(run_job(watched, Job("polish", RepoId("r"), deed), patient=False))
    await deed.begun.wait()
    for _ in range(2):
        clock.advance(1)
        renewed.clear()
        await renewed.wait()
        await watched.catalog.release_lease("turn", "mine")  # comes after what was asked before: the renewal
        assert await run_job(another, Job("polish", RepoId("r"), at_once()), patient=False) is None
    deed.go_on.set()
    assert await task is not None


async def test_a_job_that_is_dropped_says_so(engine: Engine) -> None:
    """When the server stops in a job the log says so, and the lease is free."""
    deed = Deed()
    task = asyncio.create_task(run_job(engine, Job("polish", RepoId("r"), deed), patient=False))
    await deed.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (job,) = await engine.catalog.recent_jobs(9)
    assert (job.outcome, job.detail, job.finished_at) == ("skipped", "the server stopped meanwhile", NOW)
    assert await run_job(engine, Job("polish", RepoId("r"), at_once()), patient=False) is not None


@pytest.mark.parametrize("error", [None, StorageError("disk full")])
async def test_a_job_rests(engine: Engine, another: Engine, clock: HandClock, error: Exception | None) -> None:
    """However it ended, no process begins it again before its rest is over, but for one that will not wait."""
    job = Job("polish", RepoId("r"), at_once(error), rest_seconds=100)
    assert await run_job(engine, job, patient=True) is not None
    clock.advance(99)
    assert await run_job(another, job, patient=True) is None
    assert await run_job(another, replace(job, repo=RepoId("s")), patient=True) is not None
    assert await run_job(another, job, patient=False) is not None
    clock.advance(1)
    assert await run_job(another, job, patient=True) is not None


async def test_a_job_that_was_not_begun_does_not_rest(engine: Engine, another: Engine) -> None:
    """Who finds another at the repo tries again the next time."""
    deed = Deed()
    task = asyncio.create_task(run_job(engine, Job("paint", RepoId("r"), deed), patient=True))
    await deed.begun.wait()
    job = Job("polish", RepoId("r"), at_once(), rest_seconds=100)
    assert await run_job(another, job, patient=True) is None
    deed.go_on.set()
    await task
    assert await run_job(another, job, patient=True) is not None


async def test_a_round_does_what_is_needed(engine: Engine) -> None:
    """Repos with many packs are rolled up, those that are not exact repacked, idle ones left alone; then all is
    swept."""
    many, loose, idle = [await SmallRepo.make(engine, name) for name in ("many", "loose", "idle")]
    await many.grow(*PUSHES)
    await loose.grow(PUSHES[0])
    await loose.push([], {MAIN: None}, preserves=False)
    await idle.grow(*PUSHES[: PACKS - 1])
    done = await run_round(engine, patient=True)
    assert told(done) == [
        ("roll-up", many.row.id, "done"),
        ("repack", loose.row.id, "done"),
        ("sweep", None, "done"),
    ]
    assert list(reversed(await engine.catalog.recent_jobs(9))) == sorted(done, key=lambda job: job.id)
    assert [len((await repo.state()).packs) for repo in (many, loose, idle)] == [1, 0, PACKS - 1]
    assert "0 packs, 0 orphaned" in done[-1].detail


async def test_a_round_that_finds_nothing_does_nothing(engine: Engine) -> None:
    """While nothing has changed a second round has no job, and writes none down."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*PUSHES)
    assert await kinds(engine, patient=True) == ["roll-up", "sweep"]
    before = await repo.state()
    assert await kinds(engine, patient=True) == []
    assert await repo.state() == before
    assert len(await engine.catalog.recent_jobs(9)) == 2


async def test_one_repo_s_trouble_does_not_stop_the_others(engine: Engine) -> None:
    """A repo whose packs cannot be read fails, and the next one and the sweep go on."""
    broken, sound = [await SmallRepo.make(engine, name) for name in ("broken", "sound")]
    await broken.grow(*PUSHES, stored=True)
    await sound.grow(*PUSHES)
    await engine.store.delete(str((await broken.state()).packs[3].key))
    done = await run_round(engine, patient=True)
    assert [job.outcome for job in done] == ["failed", "done", "done"]
    assert done[0].detail.startswith("CorruptStore: the store has no packs/")


async def test_a_repo_that_rests_from_repacking_is_rolled_up(engine: Engine, clock: HandClock) -> None:
    """A failed repack, here for want of git, is not tried again before its rest is over; packs are merged all the
    same."""
    repo = await SmallRepo.make(engine)
    await repo.push(PUSHES[0], {MAIN: oid_of(PUSHES[0][-1])}, preserves=False)
    await repo.grow(*PUSHES[1:])
    assert [job.outcome for job in await run_round(engine, patient=True)] == ["failed", "done"]
    assert await kinds(engine, patient=True) == ["roll-up"]
    assert await kinds(engine, patient=True) == []
    assert await kinds(engine) == ["repack", "sweep"]
    clock.advance(engine.limits.repack_rest_seconds)
    assert await kinds(engine, patient=True) == ["repack", "sweep"]


async def test_forks_are_rolled_up_and_never_repacked(engine: Engine) -> None:
    """A fork merges its own packs; that it is not exact makes it no copy of what it shares."""
    parent = await SmallRepo.make(engine)
    await parent.grow(*PUSHES[:2])
    await parent.push([], {b"refs/heads/other": oid_of(PUSHES[0][-1])})
    row = await engine.catalog.fork_repo(parent.row.id, new_repo("fork"), new_token(), only=frozenset({MAIN}))
    fork = SmallRepo(engine, row)
    assert not row.exact
    assert await kinds(engine) == ["sweep"]
    await fork.grow(*(history(b"of the fork %d" % number) for number in range(PACKS)))
    assert told(await run_round(engine, patient=True))[:-1] == [("roll-up", row.id, "done")]
    assert len((await fork.state()).packs) == 3


async def test_a_repo_deleted_meanwhile_is_no_trouble(engine: Engine, tmp_path: Path) -> None:
    """One that goes between being found and being cared for is passed over."""
    engine, store = PausedStore.under(engine, tmp_path / "store")
    first, second = [await SmallRepo.make(engine, name) for name in ("first", "second")]
    for repo in (first, second):
        await repo.grow(*PUSHES)
    store.meanwhile = lambda: engine.catalog.delete_repo(ACCOUNT, NAMESPACE, second.row.name, at(1))
    assert told(await run_round(engine, patient=True))[:-1] == [("roll-up", first.row.id, "done")]


async def test_two_processes_never_do_one_job_twice(engine: Engine, another: Engine) -> None:
    """Rounds of two processes at once share the jobs out: each repo is merged once."""
    repos = [await SmallRepo.make(engine, f"repo-{number}") for number in range(20)]
    for repo in repos:
        await repo.grow(*PUSHES)
    rounds = await asyncio.gather(*(run_round(one, patient=True) for one in (engine, another)))
    done = [job for jobs in rounds for job in jobs]
    assert sorted(str(job.repo) for job in done if job.kind == "roll-up") == sorted(repo.row.id for repo in repos)
    assert sorted(job.kind for job in done).count("sweep") == 1
    assert all(job.detail.startswith(f"{len(PUSHES)} of") for job in done if job.kind == "roll-up")
