"""Push: take a pack in, make it durable, move the refs, in that order.

The order is what makes an acknowledged push safe: bytes are durable, then one transaction names them and moves the
refs, then the client is told. A push that loses a race is weighed again against the repo as it then is; one that fails
leaves at most a stored pack that no row names.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from treehold.catalog.base import NewPack, PushCommit, RefChange
from treehold.engine import refs
from treehold.engine.context import Engine
from treehold.engine.exactness import preserves
from treehold.engine.gate import GitGuest
from treehold.engine.ingest import QUICK_WORK, SmallIngest, full_work, ingest_small, nothing_pushed
from treehold.engine.ingest_native import NativeIngest, ingest_native
from treehold.engine.keep import keep_pack
from treehold.engine.maintenance import discarding_if_refused
from treehold.engine.refs import Verdict
from treehold.engine.room import find_room
from treehold.engine.spool import PackSpool
from treehold.engine.view import RepoView, open_view
from treehold.errors import Conflict, LimitExceeded, MissingObject, RejectedPack, RequestError, Unavailable
from treehold.protocol.receive_pack import PushRequest
from treehold.protocol.report_status import RefResult

_IN_LINE_BYTES: Final = 32 << 10
"""A pack up to this size is taken in on the event loop: it takes less than the 5 ms after which a thread pays."""
_IN_LINE_COMMANDS: Final = 256
"""The same bound for weighing ref updates."""

_CUT_OFF: Final = "shallow update not allowed"
_HASTE: Final = 2
"""A repo with so many times the packs that call for a roll-up does not wait for its time."""

Ingest = SmallIngest | NativeIngest


@dataclass(frozen=True, slots=True)
class PushReport:
    """What the client is told: of the pack (``ok`` or what is wrong with it) and of each command in its order."""

    unpack: str
    results: tuple[RefResult, ...]

    @property
    def failure(self) -> str | None:
        """The first thing that went wrong; None if all is well."""
        if self.unpack != "ok":
            return self.unpack
        return next((result.error for result in self.results if result.error), None)


def refused(request: PushRequest, reason: str) -> PushReport:
    """The report on a push of which nothing is kept."""
    results = (RefResult(command.name, command.problem or "unpacker error") for command in request.commands)
    return PushReport(unpack=reason, results=tuple(results))


def _cut_off(request: PushRequest) -> PushReport:
    """The report on a push from a history that is cut off where the repo's is not, in git's own words."""
    results = (RefResult(command.name, command.problem or _CUT_OFF) for command in request.commands)
    return PushReport(unpack="ok", results=tuple(results))


async def receive_push(engine: Engine, guest: GitGuest, request: PushRequest, pack: PackSpool) -> PushReport:
    """Carry out a push whose pack has all come. What is wrong with the push itself is in the report, not raised.

    Raises ServerError when this server fails: nothing was kept then, unless the catalog failed while it committed.
    """
    try:
        async with contextlib.AsyncExitStack() as held:
            view = await open_view(engine, guest.repo.id)
            ingest = await held.enter_async_context(_taking_in(engine, request, pack, view))
            async with engine.node.push_locks.holding(guest.repo.id) as has_waited:
                for _ in range(engine.limits.push_attempts):
                    try:
                        if has_waited:
                            await _check_present(engine, view)
                        return await _settle(engine, guest, request, ingest)
                    except Conflict:
                        view = await open_view(engine, guest.repo.id)
                        ingest = await held.enter_async_context(_taking_in(engine, request, pack, view))
    except MissingObject as error:
        return _cut_off(request) if request.shallow else refused(request, str(error))
    except RequestError as error:
        return refused(request, str(error))
    raise Unavailable("too many pushes to this repo at once")


@contextlib.asynccontextmanager
async def _taking_in(engine: Engine, request: PushRequest, pack: PackSpool, view: RepoView) -> AsyncIterator[Ingest]:
    """The pack, checked against one generation, by this process or by C Git."""
    if not request.wants_pack:
        yield nothing_pushed(view)
        return
    if pack.size_bytes == 0:
        raise RejectedPack("the pack is missing")
    small = await _in_this_process(engine, pack, view)
    if small is not None:
        yield small
        return
    async with ingest_native(engine, pack, view) as ingest:
        yield ingest


async def _in_this_process(engine: Engine, pack: PackSpool, view: RepoView) -> SmallIngest | None:
    """The pack taken in here if that takes little work: on the event loop, else in a thread, else not at all.

    How much work a pack is cannot be told from its size: a few kilobytes may inflate to gigabytes.
    """
    data = pack.in_memory()
    if data is None or pack.declared_objects > engine.limits.small_push_objects:
        return None
    with contextlib.suppress(LimitExceeded):
        if len(data) <= _IN_LINE_BYTES:
            return ingest_small(data, view, engine.limits, QUICK_WORK)
    with contextlib.suppress(LimitExceeded):
        return await asyncio.to_thread(ingest_small, data, view, engine.limits, full_work(engine.limits))
    return None


async def _check_present(engine: Engine, view: RepoView) -> None:
    """Raise Conflict if the repo has moved on: the commit would say so too, but only after more work for nothing."""
    repo = view.state.repo
    if (await engine.catalog.repo_row(repo.id)).generation != repo.generation:
        raise Conflict("the repo has moved on")


async def _settle(engine: Engine, guest: GitGuest, request: PushRequest, ingest: Ingest) -> PushReport:
    """Weigh the commands, keep the pack and commit; raises Conflict when the repo has moved on."""
    verdict = await _judge(engine, request, ingest)
    report = PushReport(
        unpack="ok",
        results=tuple(map(RefResult, (command.name for command in request.commands), verdict.reasons)),
    )
    if not verdict.changes:
        return report
    is_growth = await preserves(ingest, verdict, budget=engine.limits.history_walk_commits)
    await _commit(engine, guest, ingest, verdict.changes, preserves=is_growth)
    return report


async def _judge(engine: Engine, request: PushRequest, ingest: Ingest) -> Verdict:
    weigh = partial(refs.judge, atomic=request.atomic, refs_max=engine.limits.refs_max)
    if len(request.commands) <= _IN_LINE_COMMANDS:
        return weigh(request.commands, ingest.view.state.refs, ingest)
    return await asyncio.to_thread(weigh, request.commands, ingest.view.state.refs, ingest)


async def _commit(
    engine: Engine, guest: GitGuest, ingest: Ingest, changes: Sequence[RefChange], *, preserves: bool
) -> None:
    repo = ingest.view.state.repo
    pack = await _keep_bytes(engine, ingest) if len(ingest.index) else None
    engine.failpoint("push.bytes-durable")
    commit = PushCommit(
        repo=repo.id,
        expected_generation=repo.generation,
        changes=tuple(changes),
        pack=pack,
        preserves=preserves,
        token=guest.token,
        now=engine.clock(),
    )
    async with discarding_if_refused(engine, pack):
        await engine.catalog.commit_push(commit)
    if len(ingest.view.state.packs) >= _HASTE * engine.limits.roll_up_packs:
        engine.node.care_wanted.set()
    engine.failpoint("push.committed")


async def _keep_bytes(engine: Engine, ingest: Ingest) -> NewPack:
    """The pack, durable; raises StorageLimitReached, before it is kept, when there is no room for it."""
    repo, size_bytes = ingest.view.state.repo, ingest.size_bytes
    room = await find_room(engine, repo.account, repo_bytes=repo.size_bytes)
    room.check(size_bytes)
    return await keep_pack(engine, ingest.source, ingest.index, size_bytes=size_bytes)
