"""Taking bytes away. Nothing else in the engine deletes what is stored.

A pack that no repo names can never be named again, but a reader may still be at it, so it is only noted first, and
taken away after a grace longer than any request. Rows go first and bytes after: a row must never name what is not
there. A process that dies between the two, or between storing a pack and naming it, leaves an orphan: stored bytes that
no row names. Those are looked for in the store itself.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from treehold.catalog.base import NewPack
from treehold.engine.context import Engine
from treehold.engine.pack_cache import INDEX_SUFFIX
from treehold.errors import Conflict, NotFound
from treehold.ids import Milliseconds

log = structlog.get_logger(__name__)

_BATCH: Final = 500
_ORPHANS_A_SWEEP: Final = 10_000
_NAMED_WITHIN_SECONDS: Final = 3_600
"""A stored pack is named a moment later or never; this is far beyond any such moment, and no setting goes below it."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: packs newly noted, packs taken away, blobs without a row, and rows of other kinds."""

    noted: int
    removed: int
    orphans: int
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.noted} packs noted, {self.removed} packs, {self.orphans} orphaned files and {self.rows} ended rows"
            " removed"
        )


async def discard_unreferenced(engine: Engine, key: str) -> None:
    """Delete a pack that was put into the store and that no row has ever named, or names any more."""
    await engine.store.delete(key)
    engine.failpoint("sweep.pack-deleted")
    await engine.store.delete(key + INDEX_SUFFIX)


@contextlib.asynccontextmanager
async def discarding_if_refused(engine: Engine, pack: NewPack | None) -> AsyncIterator[None]:
    """Commit within this what names a new pack: if it is refused the stored bytes go, and the refusal goes on."""
    try:
        yield
    except (Conflict, NotFound):
        if pack is not None and pack.key is not None:
            await discard_unreferenced(engine, pack.key)
        raise


async def sweep(engine: Engine, *, grace_seconds: int) -> Swept:
    """Note what nobody needs, and remove what was noted before the grace; raises StorageError, CatalogError.

    May be done by several processes at once. The grace is for readers alone: a pack on its way in is safe whatever it
    is.
    """
    now = engine.clock()
    noted = await engine.catalog.doom_unreferenced(now)
    engine.failpoint("sweep.noted")
    removed = await _remove_doomed(engine, Milliseconds(engine.clock() + 1 - grace_seconds * 1000))
    orphans = await _remove_orphans(engine)
    purged = await engine.catalog.purge(Milliseconds(now - engine.limits.ended_rows_kept_seconds * 1000))
    answers = await engine.catalog.purge_answers(Milliseconds(now - engine.limits.idempotency_seconds * 1000))
    rows = purged.tokens + purged.repos + purged.log_entries + purged.leases + purged.jobs + answers
    return Swept(noted=noted, removed=removed, orphans=orphans, rows=rows)


async def _remove_doomed(engine: Engine, before: Milliseconds) -> int:
    removed = 0
    while packs := await engine.catalog.doomed_packs(before, _BATCH):
        await engine.catalog.forget_packs([pack.id for pack in packs])
        engine.failpoint("sweep.rows-gone")
        for pack in packs:
            if pack.key is not None:
                await discard_unreferenced(engine, pack.key)
        removed += len(packs)
    return removed


async def _remove_orphans(engine: Engine) -> int:
    """Delete old blobs that no row names, if this is the catalog that they belong to: it names any of them."""
    age_seconds = max(engine.limits.sweep_grace_seconds, _NAMED_WITHIN_SECONDS)
    orphans: list[str] = []
    some_named = False
    async for keys in _old_blobs(engine, Milliseconds(engine.clock() - age_seconds * 1000)):
        named = await engine.catalog.named_keys([_pack_key(key) for key in keys])
        some_named = some_named or bool(named)
        orphans += [key for key in keys if _pack_key(key) not in named]
        if len(orphans) >= _ORPHANS_A_SWEEP:
            break
    if orphans and not some_named:
        log.error("store_belongs_to_another_catalog", blobs=len(orphans))
        return 0
    for key in orphans:
        await engine.store.delete(key)
    return len(orphans)


async def _old_blobs(engine: Engine, before: Milliseconds) -> AsyncIterator[Sequence[str]]:
    """The keys of blobs that were stored earlier than that, some at a time."""
    keys: list[str] = []
    async for blob in engine.store.blobs():
        if blob.stored_at < before:
            keys.append(blob.key)
        if len(keys) == _BATCH:
            yield keys
            keys = []
    if keys:
        yield keys


def _pack_key(key: str) -> str:
    """The key of the pack that a blob is, or whose index it is."""
    return key.removesuffix(INDEX_SUFFIX)
