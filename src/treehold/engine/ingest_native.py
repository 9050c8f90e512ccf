"""Taking in a large push by C Git, in a quarantine beside the repo.

``git index-pack --strict`` resolves and checks it with bounded memory, and completes a thin pack by appending the bases
that it borrows. Those are cut off again: what is kept is the pack as it was pushed, less what the repo has already.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.native import GitPlace
from treehold.engine.pack_cache import map_file
from treehold.engine.spool import PackSpool
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MissingObject, NativeGitError, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.entry import PACK_TRAILER_BYTES
from treehold.packs.git_index import from_git_index
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.rewrite import PlacedEntry, place_entries, plan_rewrite

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
        if engine.limits.blob_bytes_max:
            await _check_blob_sizes(engine, place, completed.pack.index)
        source, index = await asyncio.to_thread(_keep_what_is_new, engine, completed, pack, view, place)
        ingest = NativeIngest(
            engine=engine, view=view, place=place, complete=PackSet([completed.pack]), source=source, index=index
        )
        if not view.state.repo.exact:
            await _check_links_visible(ingest, set(completed.pack.index.oids()))
        yield ingest


@dataclass(frozen=True, slots=True)
class _Completed:
    """What index-pack made: the pack with its borrowed bases, which begin at ``borrowed_from``."""

    pack: OpenPack
    borrowed_from: int


async def _index(engine: Engine, place: GitPlace, pack: PackSpool) -> _Completed:
    if pack.declared_objects > engine.limits.pack_objects_max:
        raise LimitExceeded(f"the pack has more than {engine.limits.pack_objects_max} objects")
    strict = "--strict=" + ",".join(f"{wart}=ignore" for wart in TOLERATED)
    source = os.open(pack.file(), os.O_RDONLY)
    try:
        await engine.node.native.output(place, ["index-pack", "--stdin", "--fix-thin", strict], stdin=source)
    except NativeGitError as error:
        raise RejectedPack(_complaint(error)) from None
    finally:
        os.close(source)
    (made,) = (place.objects / "pack").glob("*.pack")
    index = from_git_index(await asyncio.to_thread(made.with_suffix(".idx").read_bytes))
    return _Completed(OpenPack(map_file(made), index), pack.size_bytes - PACK_TRAILER_BYTES)


def _complaint(error: NativeGitError) -> str:
    """What C Git says of a bad pack, without our own words round it."""
    said = [line for line in str(error).splitlines() if "fatal:" in line or "error:" in line] or [str(error)]
    return said[-1].partition("fatal: ")[2] or said[-1]


def _keep_what_is_new(
    engine: Engine, completed: _Completed, pack: PackSpool, view: RepoView, place: GitPlace
) -> tuple[Path, PackIndex]:
    """The pack to keep: the pushed file itself if nothing in it has to change."""
    entries = place_entries(completed.pack.view, completed.pack.index)
    pushed = [entry for entry in entries if entry.offset < completed.borrowed_from]
    for entry in entries[len(pushed) :]:
        if entry.oid not in view:  # a delta could copy the content of an object that this client may not see
            raise MissingObject(f"the delta base {entry.oid.hex()} is neither in the pack nor in the repo")
    kept = [entry for entry in pushed if entry.oid not in view.stored]
    whole = _to_store_whole(engine, completed, kept, view)
    if len(kept) == len(pushed) and not whole:
        return pack.file(), PackIndex.build((entry.oid, entry.crc, entry.offset) for entry in kept)
    plan = plan_rewrite(completed.pack.view, kept, whole=whole)
    source = place.git_dir / "kept.pack"
    with source.open("wb") as file:
        for chunk in plan.chunks(completed.pack.view):
            file.write(chunk)
    return source, plan.index


def _to_store_whole(
    engine: Engine, completed: _Completed, kept: list[PlacedEntry], view: RepoView
) -> dict[int, tuple[ObjectKind, bytes]]:
    """The entries whose chain would grow too long across the repo's packs, with their content."""
    objects = PackSet([completed.pack])
    by_oid = {entry.oid: entry for entry in kept}
    depths: dict[ObjectId, int] = {}
    whole: dict[int, tuple[ObjectKind, bytes]] = {}
    for entry in kept:
        chain = []
        step: PlacedEntry | None = entry
        while step is not None and step.oid not in depths:
            chain.append(step)
            step = by_oid.get(step.base) if step.base is not None else None
        for link in reversed(chain):
            depths[link.oid] = _depth(link, depths, view)
            if depths[link.oid] > engine.limits.delta_depth_max:
                whole[link.offset] = objects.read(link.oid)
                depths[link.oid] = 0
    return whole


def _depth(entry: PlacedEntry, depths: dict[ObjectId, int], view: RepoView) -> int:
    if entry.base is None:
        return 0
    return 1 + (depths[entry.base] if entry.base in depths else view.stored.depth(entry.base))


async def _check_blob_sizes(engine: Engine, place: GitPlace, index: PackIndex) -> None:
    asked = b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in index.oids())
    told = await engine.node.native.output(place, ["cat-file", "--batch-check", "--buffer"], stdin=asked)
    for line in told.splitlines():
        oid, kind, size = line.split()
        if kind == b"blob" and int(size) > engine.limits.blob_bytes_max:
            raise LimitExceeded(f"blob {oid.decode('ascii')} is larger than {engine.limits.blob_bytes_max} bytes")


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
    lines = [*(oid.hex() for oid in starts), *(f"^{oid.hex()}" for oid in view.tips())]
    arguments = ["rev-list", "--objects", "--no-object-names", "--stdin"]
    listed = await engine.node.native.output(place, arguments, stdin="\n".join([*lines, ""]).encode("ascii"))
    return {ObjectId(bytes.fromhex(line)) for line in listed.decode("ascii").split()}
