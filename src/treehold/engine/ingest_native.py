"""Taking in a large push by C Git, in a quarantine beside the repo.

``git index-pack --strict`` resolves and checks it with bounded memory, and completes a thin pack by appending the bases
that it borrows. Those are cut off again: what is kept is the pack as it was pushed, less what the repo has already.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.native import GitPlace
from treehold.engine.pack_cache import map_file
from treehold.engine.reachable import list_objects
from treehold.engine.spool import PackSpool
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MissingObject, NativeGitError, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.entry import PACK_TRAILER_BYTES
from treehold.packs.git_index import from_git_index
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.rewrite import PlacedEntry, place_entries, plan_rewrite

_COMPLAINT: Final = re.compile("(?:error|fatal): (.*)")
_COMPLAINTS_TOLD: Final = 3
_USUAL_DEPTH: Final = 50
"""git's own default for the chains that it makes."""
TOLERATED: Final = ("zeroPaddedFilemode", "nulInCommit")
"""Old warts, by their names in ``git fsck``, that real histories have and that git itself only warns of."""


@dataclass(frozen=True, slots=True)
class NativeIngest:
    """A pushed pack made ready to be kept: ``source`` and ``index`` without what the repo has already.

    ``complete`` is the pack as C Git completed it. Reads like the repo with the push in it.
    """

    engine: Engine
    view: RepoView
    place: GitPlace
    complete: PackSet
    source: Path
    index: PackIndex

    @property
    def size_bytes(self) -> int:
        """Size of the pack to keep."""
        return self.source.stat().st_size

    def pack_bytes(self) -> bytes:
        """The pack to keep."""
        return self.source.read_bytes()

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """A pushed object, or one of the repo that may be seen; raises NotFound."""
        try:
            return self.complete.read(oid)
        except NotFound:
            return self.view.read(oid)

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The type of such an object; raises NotFound."""
        try:
            return self.complete.kind(oid)
        except NotFound:
            return self.view.kind(oid)

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        reached = await _new_objects(self.engine, self.place, self.view, tips)
        return reached.issuperset(self.index.oids())


@contextlib.asynccontextmanager
async def ingest_native(engine: Engine, pack: PackSpool, view: RepoView) -> AsyncIterator[NativeIngest]:
    """Check a pack of any size against the repo; raises RejectedPack, LimitExceeded, Unavailable, NativeGitError.

    Changes nothing; the quarantine is gone when the context ends.
    """
    async with (
        engine.node.repos.objects(view.state.packs) as repo_objects,
        engine.node.git_dirs.quarantine(repo_objects) as place,
    ):
        completed = await _index(engine, place, pack)
        for entry in completed.borrowed:
            if entry.oid not in view:  # a delta could copy the content of an object that this client may not see
                raise MissingObject(f"the delta base {entry.oid.hex()} is neither in the pack nor in the repo")
        pushed = {entry.oid for entry in completed.pushed}
        await _check_sizes(engine, place, pushed)
        source, index = await _keep_what_is_new(engine, completed, pack, view, place)
        ingest = NativeIngest(
            engine=engine, view=view, place=place, complete=PackSet([completed.pack]), source=source, index=index
        )
        if not view.state.repo.exact:
            await _check_links_visible(ingest, pushed)
        yield ingest


@dataclass(frozen=True, slots=True)
class _Completed:
    """What index-pack made of a push: the entries that came, and after them the bases that it borrowed."""

    pack: OpenPack
    pushed: list[PlacedEntry]
    borrowed: list[PlacedEntry]


async def _index(engine: Engine, place: GitPlace, pack: PackSpool) -> _Completed:
    if pack.declared_objects > engine.limits.pack_objects_max:
        raise LimitExceeded(f"the pack has more than {engine.limits.pack_objects_max} objects")
    strict = "--strict=" + ",".join(f"{wart}=ignore" for wart in TOLERATED)
    source = os.open(pack.file(), os.O_RDONLY)
    try:
        await engine.node.native.output(
            place, ["index-pack", "--stdin", "--fix-thin", strict], stdin=source, seconds=_seconds_for(pack.size_bytes)
        )
    except NativeGitError as error:
        if str(place.git_dir) in str(error) or "No space left" in str(error):  # our folder or disk failed, not the pack
            raise
        raise RejectedPack(_complaint(error)) from None
    finally:
        os.close(source)
    return await asyncio.to_thread(_open_completed, place, pack.size_bytes - PACK_TRAILER_BYTES)


def _seconds_for(size_bytes: int) -> int:
    """How long C Git may read a pack: real ones take some 0.3 s for a megabyte, bombs of a few kilobytes take hours."""
    return 60 + 2 * (size_bytes >> 20)


def _open_completed(place: GitPlace, borrowed_from: int) -> _Completed:
    (made,) = (place.objects / "pack").glob("*.pack")
    opened = OpenPack(map_file(made), from_git_index(made.with_suffix(".idx").read_bytes()))
    entries = place_entries(opened.view, opened.index)
    pushed = sum(entry.offset < borrowed_from for entry in entries)
    return _Completed(opened, entries[:pushed], entries[pushed:])


def _complaint(error: NativeGitError) -> str:
    """What C Git says of a bad pack, without our own words round it: first what is wrong, then what that means."""
    said = [_COMPLAINT.search(line) for line in str(error).splitlines()]
    return "; ".join([found[1] for found in said if found][:_COMPLAINTS_TOLD]) or str(error)


async def _check_sizes(engine: Engine, place: GitPlace, oids: Iterable[ObjectId]) -> None:
    """Refuse a blob over the limits, and anything else that this process, which walks histories, could not hold."""
    limits = engine.limits
    blob_max = min(limits.blob_bytes_max or limits.object_bytes_max, limits.object_bytes_max)
    asked = b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in oids)
    rest = b""
    async with contextlib.aclosing(
        engine.node.native.stream(place, ["cat-file", "--batch-check", "--buffer"], stdin=asked)
    ) as told:
        async for piece in told:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                oid, kind, size = line.decode("ascii").split()
                bytes_max = blob_max if kind == "blob" else limits.inflated_bytes_max
                if int(size) > bytes_max:
                    raise LimitExceeded(f"{kind} {oid} is larger than {bytes_max} bytes")


async def _keep_what_is_new(
    engine: Engine, completed: _Completed, pack: PackSpool, view: RepoView, place: GitPlace
) -> tuple[Path, PackIndex]:
    """The pack to keep: the pushed file itself if nothing in it has to change."""
    kept = await asyncio.to_thread(lambda: [entry for entry in completed.pushed if entry.oid not in view.stored])
    if not await asyncio.to_thread(_may_stay_deltas, kept, view, engine.limits.delta_depth_max):
        return await _packed_anew(engine, place, kept)
    if len(kept) == len(completed.pushed):
        index = await asyncio.to_thread(PackIndex.build, ((entry.oid, entry.crc, entry.offset) for entry in kept))
        return pack.file(), index
    return await asyncio.to_thread(_without_duplicates, completed, kept, place.git_dir / "kept.pack")


def _without_duplicates(completed: _Completed, kept: list[PlacedEntry], path: Path) -> tuple[Path, PackIndex]:
    plan = plan_rewrite(completed.pack.view, kept)
    with path.open("wb") as file:
        for chunk in plan.chunks(completed.pack.view):
            file.write(chunk)
    return path, plan.index


def _may_stay_deltas(kept: list[PlacedEntry], view: RepoView, depth_max: int) -> bool:
    """Whether no chain is too long across the repo's packs, and no commit or tag is a delta of one outside the pack.

    The small path tells why of the second: see ``_store_whole_history`` there.
    """
    by_oid = {entry.oid: entry for entry in kept}
    depths: dict[ObjectId, int] = {}
    for entry in kept:
        chain = []
        oid: ObjectId | None = entry.oid
        while oid in by_oid and oid not in depths:
            chain.append(oid)
            oid = by_oid[oid].base
        if oid is not None and oid not in by_oid and oid not in depths:
            if view.stored.kind(oid) in (ObjectKind.COMMIT, ObjectKind.TAG):
                return False
            depths[oid] = view.stored.depth(oid)
        depth = -1 if oid is None else depths[oid]
        depths.update(zip(reversed(chain), count(depth + 1), strict=False))
        if depth + len(chain) > depth_max:
            return False
    return True


async def _packed_anew(engine: Engine, place: GitPlace, kept: list[PlacedEntry]) -> tuple[Path, PackIndex]:
    """The same objects in a pack of C Git's making: self-contained, and with chains of the usual length."""
    asked = b"".join(b"%s\n" % entry.oid.hex().encode("ascii") for entry in kept)
    depth = min(_USUAL_DEPTH, engine.limits.delta_depth_max)
    arguments = ["pack-objects", "-q", "--delta-base-offset", f"--depth={depth}", str(place.git_dir / "kept")]
    await engine.node.native.output(place, arguments, stdin=asked)
    (made,) = place.git_dir.glob("kept-*.pack")
    return made, from_git_index(await asyncio.to_thread(made.with_suffix(".idx").read_bytes))


async def _check_links_visible(ingest: NativeIngest, pushed: set[ObjectId]) -> None:
    """C Git has found everything that the push names, but it saw objects that this repo's refs do not reach.

    Everything reached from what was pushed must be pushed or visible.
    """
    reached = await _new_objects(ingest.engine, ingest.place, ingest.view, pushed)
    for oid in reached:
        if oid not in pushed and oid not in ingest.view:
            raise MissingObject(f"the push needs {oid.hex()}, which is neither in the pack nor in the repo")


async def _new_objects(engine: Engine, place: GitPlace, view: RepoView, starts: Iterable[ObjectId]) -> set[ObjectId]:
    """What these objects reach and the repo's refs do not; perhaps some that they do."""
    revisions = [*(oid.hex() for oid in starts), *(f"^{oid.hex()}" for oid in view.tips())]
    return await asyncio.to_thread(set, await list_objects(engine.node.native, place, revisions))
