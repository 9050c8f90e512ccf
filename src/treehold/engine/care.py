"""Maintenance as a whole: who is in need, whose turn it is, what was done.

Every job is leased by what it is about, so that of several processes one does it, and its lease is renewed until it
ends. It is written into the job log from its beginning. A process that dies in a job leaves a lease that runs out.
Every job may be done again, and even twice at once: whoever commits second loses. Some kinds of jobs rest from one to
the next, however the one ended; that is a lease too, which nobody gives back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from treehold.catalog.care import JobOutcome, JobRow, RepoNeed
from treehold.engine.context import Engine
from treehold.engine.maintenance import sweep
from treehold.engine.repack import repack
from treehold.engine.rollup import choose_run, roll_up
from treehold.errors import CatalogError, NotFound, TreeholdError
from treehold.ids import Milliseconds, RepoId, new_id

log = structlog.get_logger(__name__)

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do for a repo, or for all of them (``repo`` None), and how long it rests before it is done again.

    ``deed`` answers what it did, in a line.
    """

    kind: str
    repo: RepoId | None
    deed: Callable[[], Awaitable[str]]
    rest_seconds: int = 0

    @property
    def lease(self) -> str:
        """One name for all that is done to a repo."""
        return self.kind if self.repo is None else f"repo:{self.repo}"

    @property
    def rest(self) -> str:
        """The name of the lease that is its rest."""
        return f"rest:{self.kind}:{self.repo or ''}"


async def run_round(engine: Engine, *, patient: bool, grace_seconds: int | None = None) -> list[JobRow]:
    """Do all that is to be done now and answer it; raises CatalogError.

    A ``patient`` round leaves alone what has not rested. ``grace_seconds`` is for the sweep, in place of the limit.
    """
    done = await care_for_repos(engine, patient=patient)
    swept = await run_job(engine, _sweep_job(engine, grace_seconds), patient=patient)
    return [*done, swept] if swept else done


async def care_for_repos(engine: Engine, *, patient: bool) -> list[JobRow]:
    """Go through all repos in need once, and answer what was done."""
    done: list[JobRow] = []
    place = 0
    while needs := await engine.catalog.repos_in_need(packs_min=engine.limits.roll_up_packs, limit=_PAGE, after=place):
        for need in needs:
            job = await care_for(engine, need, patient=patient)
            done += [job] if job else []
        place = needs[-1].place
    return done


async def care_for(engine: Engine, need: RepoNeed, *, patient: bool) -> JobRow | None:
    """Do for one repo what pays: a repack makes a roll-up needless.

    A fork keeps the packs that it shares: a repack would copy them all.
    """
    if not need.exact and not need.is_fork:
        deed = partial(repack, engine, need.repo)
        job = Job("repack", need.repo, deed, rest_seconds=engine.limits.repack_rest_seconds)
        if repacked := await run_job(engine, job, patient=patient):
            return repacked
    if need.packs < engine.limits.roll_up_packs or not await _has_run(engine, need.repo):
        return None
    return await run_job(engine, Job("roll-up", need.repo, partial(roll_up, engine, need.repo)), patient=patient)


async def _has_run(engine: Engine, repo: RepoId) -> bool:
    """Whether a roll-up would find anything to do: asked first, for every job is written down."""
    with contextlib.suppress(NotFound):
        return bool(choose_run(await engine.catalog.repo_state(repo), packs_max=engine.limits.roll_up_packs))
    return False


def _sweep_job(engine: Engine, grace_seconds: int | None) -> Job:
    grace = engine.limits.sweep_grace_seconds if grace_seconds is None else grace_seconds

    async def swept() -> str:
        return str(await sweep(engine, grace_seconds=grace))

    return Job("sweep", None, swept, rest_seconds=engine.limits.sweep_rest_seconds)


async def run_job(engine: Engine, job: Job, *, patient: bool) -> JobRow | None:
    """Do a job and answer how it went, or None if it is not begun: somebody is at it, or it rests.

    What goes wrong with the job is logged and not raised. Raises CatalogError where leases and the log fail.
    """
    holder = new_id(engine.entropy)
    if patient and job.rest_seconds and not await _take(engine, job.rest, holder, job.rest_seconds):
        return None
    async with _holding(engine, job.lease, holder) as is_ours:
        if is_ours:
            return await _carry_out(engine, job, holder)
    await engine.catalog.release_lease(job.rest, holder)
    return None


async def _take(engine: Engine, name: str, holder: str, seconds: int) -> bool:
    now = engine.clock()
    return await engine.catalog.acquire_lease(name, holder, now=now, until=Milliseconds(now + seconds * 1000))


@contextlib.asynccontextmanager
async def _holding(engine: Engine, name: str, holder: str) -> AsyncIterator[bool]:
    """Hold a lease for as long as the context lasts, if it can be had."""
    seconds = engine.limits.lease_seconds
    if not await _take(engine, name, holder, seconds):
        yield False
        return
    renewing = asyncio.create_task(_renew(engine, name, holder, seconds))
    try:
        yield True
    finally:
        renewing.cancel()
        await engine.catalog.release_lease(name, holder)


async def _renew(engine: Engine, name: str, holder: str, seconds: int) -> None:
    """Take the lease again and again. If that fails another may do the same job, which costs no more than its time."""
    while True:
        await asyncio.sleep(max(1, seconds) / 3)
        with contextlib.suppress(CatalogError):
            await _take(engine, name, holder, seconds)


async def _carry_out(engine: Engine, job: Job, job_id: str) -> JobRow:
    begun = JobRow(job_id, job.kind, job.repo, engine.clock(), None, "running", "")
    await engine.catalog.record_job(begun)
    log.info("maintenance_begun", kind=job.kind, repo=job.repo)

    async def end(outcome: JobOutcome, detail: str) -> JobRow:
        ended = replace(begun, finished_at=engine.clock(), outcome=outcome, detail=detail)
        await engine.catalog.record_job(ended)
        took = (engine.clock() - begun.started_at) / 1000
        tell = log.error if outcome == "failed" else log.info
        tell("maintenance_ended", kind=job.kind, repo=job.repo, outcome=outcome, detail=detail, seconds=took)
        return ended

    try:
        outcome, detail = await _outcome(job)
    except asyncio.CancelledError:
        await end("skipped", "the server stopped meanwhile")
        raise
    return await end(outcome, detail)


async def _outcome(job: Job) -> tuple[JobOutcome, str]:
    try:
        return "done", await job.deed()
    except NotFound:
        return "skipped", "the repo is gone"
    except TreeholdError as error:
        return "failed", f"{type(error).__name__}: {error}"
    except Exception as error:
        log.exception("maintenance_broke", kind=job.kind, repo=job.repo)
        return "failed", repr(error)
