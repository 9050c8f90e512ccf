"""Push: take a pack in, make it durable, move the refs, in that order.

The order is what makes an acknowledged push safe: bytes are durable, then one transaction names them and moves the
refs, then the client is told. A push that loses a race is weighed again against the repo as it then is; one that fails
leaves at most a stored pack that no row names.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from treehold.catalog.base import NewPack, PushCommit, RefChange
from treehold.engine import refs
from treehold.engine.context import Engine
from treehold.engine.exactness import stays_exact
from treehold.engine.gate import GitGuest
from treehold.engine.ingest import SmallIngest, ingest_small, nothing_pushed
from treehold.engine.ingest_native import NativeIngest, ingest_native
from treehold.engine.maintenance import discard_unreferenced
from treehold.engine.pack_cache import INDEX_SUFFIX
from treehold.engine.spool import PackSpool
from treehold.engine.view import RepoView, open_view
from treehold.errors import Conflict, LimitExceeded, NotFound, RejectedPack, RequestError, Unavailable
from treehold.protocol.receive_pack import PushRequest
from treehold.protocol.report_status import RefResult

_IN_LINE_BYTES = 32 << 10
"""A pack up to this size is taken in on the event loop: it takes less than the 5 ms after which a thread pays."""

Ingest = SmallIngest | NativeIngest


@dataclass(frozen=True, slots=True)
class PushReport:
    """What the client is told: of the pack (``ok`` or what is wrong with it) and of each command in its order."""

    unpack: str
    results: tuple[RefResult, ...]


def refused(request: PushRequest, reason: str) -> PushReport:
    """The report on a push of which nothing is kept."""
    results = (RefResult(command.name, command.problem or "unpacker error") for command in request.commands)
    return PushReport(unpack=reason, results=tuple(results))


async def receive_push(engine: Engine, guest: GitGuest, request: PushRequest, pack: PackSpool) -> PushReport:
    """Carry out a push whose pack has all come. What is wrong with the push itself is in the report, not raised.

    Raises ServerError when this server fails: nothing was kept then, unless the catalog failed while it committed.
    """
    try:
        async with contextlib.AsyncExitStack() as held:
            view = await open_view(engine, guest.repo.id)
            ingest = await held.enter_async_context(_taking_in(engine, request, pack, view))
            async with engine.node.push_locks.holding(guest.repo.id):
                for _ in range(engine.limits.push_attempts):
                    try:
                        return await _settle(engine, guest, request, ingest)
                    except Conflict:
                        view = await open_view(engine, guest.repo.id)
                        ingest = await held.enter_async_context(_taking_in(engine, request, pack, view))
    except RequestError as error:
        return refused(request, str(error))
    raise Unavailable("too many pushes to this repo at once")


@contextlib.asynccontextmanager
async def _taking_in(engine: Engine, request: PushRequest, pack: PackSpool, view: RepoView) -> AsyncIterator[Ingest]:
    """The pack, checked against one generation, by this process or by C Git."""
    small = pack.in_memory()
    if not request.wants_pack:
        yield nothing_pushed(view)
    elif pack.size_bytes == 0:
        raise RejectedPack("the pack is missing")
    elif small is None or pack.declared_objects > engine.limits.small_push_objects:
        async with ingest_native(engine, pack, view) as ingest:
            yield ingest
    elif len(small) <= _IN_LINE_BYTES:
        yield ingest_small(small, view, engine.limits)
    else:
        yield await asyncio.to_thread(ingest_small, small, view, engine.limits)


async def _settle(engine: Engine, guest: GitGuest, request: PushRequest, ingest: Ingest) -> PushReport:
    """Weigh the commands, keep the pack and commit; raises Conflict when the repo has moved on."""
    state = ingest.view.state
    if (await engine.catalog.repo_row(state.repo.id)).generation != state.repo.generation:
        raise Conflict("the repo has moved on")
    verdict = refs.judge(request.commands, state.refs, ingest, atomic=request.atomic, refs_max=engine.limits.refs_max)
    report = PushReport(
        unpack="ok",
        results=tuple(map(RefResult, (command.name for command in request.commands), verdict.reasons)),
    )
    if not verdict.changes:
        return report
    exact = await stays_exact(ingest, verdict, budget=engine.limits.history_walk_commits)
    await _commit(engine, guest, ingest, verdict.changes, exact=exact)
    return report


async def _commit(
    engine: Engine, guest: GitGuest, ingest: Ingest, changes: Sequence[RefChange], *, exact: bool
) -> None:
    repo = ingest.view.state.repo
    if repo.size_bytes + ingest.size_bytes > engine.limits.repo_bytes_max:
        raise LimitExceeded(f"the repo would be larger than {engine.limits.repo_bytes_max} bytes")
    pack = await _keep_bytes(engine, ingest) if len(ingest.index) else None
    engine.failpoint("push.bytes-durable")
    commit = PushCommit(
        repo=repo.id,
        expected_generation=repo.generation,
        changes=tuple(changes),
        pack=pack,
        exact=exact,
        token=guest.token,
        now=engine.clock(),
    )
    try:
        await engine.catalog.commit_push(commit)
    except (Conflict, NotFound):
        if pack is not None and pack.key is not None:
            await discard_unreferenced(engine, pack.key)
        raise
    engine.failpoint("push.committed")


async def _keep_bytes(engine: Engine, ingest: Ingest) -> NewPack:
    """Small packs go into the catalog's row; larger ones are durable in the store before anything names them."""
    index = ingest.index.encode()
    objects, size_bytes = len(ingest.index), ingest.size_bytes
    if size_bytes <= engine.limits.inline_pack_bytes:
        return NewPack(objects=objects, size_bytes=size_bytes, index=index, data=ingest.pack_bytes())
    name = hashlib.sha256(index).hexdigest()
    key = f"packs/{name[:2]}/{name[:40]}-{engine.entropy(8).hex()}.pack"
    await engine.store.put(key, ingest.source)
    engine.failpoint("push.pack-stored")
    await engine.store.put(key + INDEX_SUFFIX, index)
    return NewPack(objects=objects, size_bytes=size_bytes, index=b"", key=key)
