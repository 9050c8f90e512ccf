"""Taking in a large push by C Git, in a quarantine beside the repo.

``git index-pack --strict`` resolves and checks it with bounded memory, and completes a thin pack by appending the bases
that it borrows. Those are cut off again: what is kept is the pack as it was pushed, less what the repo has already.
"""

import asyncio
import contextlib
import os
import re
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.native import GitPlace, strict_option
from treehold.engine.pack_anew import pack_anew
from treehold.engine.pack_cache import map_file
from treehold.engine.reachable import list_objects
from treehold.engine.spool import PackSpool
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MissingObject, NativeGitError, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.entry import PACK_TRAILER_BYTES
from treehold.packs.git_index import from_git_index
from treehold.packs.index import IndexRow, PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.rewrite import place_entries, plan_rewrite
from treehold.packs.survey import survey_entries

_COMPLAINT: Final = re.compile("(?:error|fatal): (.*)")
_COMPLAINTS_TOLD: Final = 3
_LACKING: Final = "did not receive expected object"


@dataclass(frozen=True, slots=True)
class NativeIngest:
    """A pushed pack made ready to be kept: ``source`` and ``index`` without what the repo has already (``repeated``).

    ``complete`` is the pack as C Git completed it. Reads like the repo with the push in it.
    """

    engine: Engine
    view: RepoView
    place: GitPlace
    complete: PackSet
    repeated: frozenset[ObjectId]
    source: Path
    index: PackIndex

    @property
    def shallow(self) -> frozenset[ObjectId]:
        """The repo's boundary: a push does not move it."""
        return self.view.shallow

    @property
    def size_bytes(self) -> int:
        """Size of the pack to keep."""
        return self.source.stat().st_size

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

    def dropped(self) -> Iterable[ObjectId]:
        """What was pushed and not kept, because it is stored already."""
        return self.repeated

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        if not self.view.state.packs:  # nothing but the push is there to be reached
            return await _count_objects(self.engine, self.place, tips) == len(self.index)
        reached = await _new_objects(self.engine, self.place, self.view, tips)
        return reached.issuperset(self.index.oids())


@contextlib.asynccontextmanager
async def ingest_native(engine: Engine, pack: PackSpool, view: RepoView) -> AsyncIterator[NativeIngest]:
    """Check a pack of any size against the repo; raises RejectedPack, LimitExceeded, Unavailable, NativeGitError.

    Changes nothing; the quarantine is gone when the context ends.
    """
    async with (
        engine.node.repos.objects(view.state.packs) as repo_objects,
        engine.node.git_dirs.quarantine(repo_objects, shallow=view.shallow) as place,
    ):
        await _index(engine, place, pack, view)
        taken = await asyncio.to_thread(_look_over, engine.limits, place, pack, view)
        source, index = await _keep_what_is_new(engine, taken, pack, view, place)
        ingest = NativeIngest(
            engine=engine,
            view=view,
            place=place,
            complete=PackSet([taken.pack]),
            repeated=frozenset(taken.repeated.values()),
            source=source,
            index=index,
        )
        if not view.state.repo.exact:
            await _check_links_visible(ingest, frozenset(taken.pushed()))
        yield ingest


@dataclass(frozen=True, slots=True)
class _Taken:
    """What index-pack made of a push: the entries that came, and after them (``borrowed``) the bases that it fetched.

    ``repeated`` are those that came and are stored already. Both are ids by offset. ``bases`` are the offsets of the
    bases of the deltas that came.
    """

    pack: OpenPack
    borrowed: Mapping[int, ObjectId]
    repeated: Mapping[int, ObjectId]
    bases: Mapping[int, int]

    def pushed(self) -> set[ObjectId]:
        """All that came."""
        return set(self.pack.index.oids()).difference(self.borrowed.values())

    def kept(self) -> Iterator[IndexRow]:
        """The rows of what is to be kept."""
        left_out = self.borrowed.keys() | self.repeated.keys()
        return (row for row in self.pack.index.entries() if row[2] not in left_out)


async def _index(engine: Engine, place: GitPlace, pack: PackSpool, view: RepoView) -> None:
    """Have C Git check the pack and index it, in the quarantine's own pack folder."""
    if pack.declared_objects > engine.limits.pack_objects_max:
        raise LimitExceeded(f"the pack has more than {engine.limits.pack_objects_max} objects")
    try:
        await _run_index_pack(engine, place, pack, is_first=not view.state.packs)
    except NativeGitError as error:
        if str(place.git_dir) in str(error) or "No space left" in str(error):  # our folder or disk failed, not the pack
            raise
        refusal = MissingObject if _LACKING in str(error) else RejectedPack
        raise refusal(_complaint(error)) from None


async def _run_index_pack(engine: Engine, place: GitPlace, pack: PackSpool, *, is_first: bool) -> None:
    """A first push has no other bases than its own, so it can be indexed where it lies, without being copied."""
    native, seconds = engine.node.native, _seconds_for(pack.size_bytes)
    strict = strict_option(engine.limits.fsck)
    source = pack.file()
    if is_first:
        own = place.objects / "pack" / "pack-pushed.pack"
        own.hardlink_to(source)
        await native.output(place, ["index-pack", strict, str(own)], seconds=seconds, began=pack.note_work)
        return
    descriptor = os.open(source, os.O_RDONLY)
    try:
        arguments = ["index-pack", "--stdin", "--fix-thin", strict]
        await native.output(place, arguments, stdin=descriptor, seconds=seconds, began=pack.note_work)
    finally:
        os.close(descriptor)


def _seconds_for(size_bytes: int) -> int:
    """How long C Git may read a pack: real ones take some 0.3 s for a megabyte, bombs of a few kilobytes take hours."""
    return 60 + 2 * (size_bytes >> 20)


def _complaint(error: NativeGitError) -> str:
    """What C Git says of a bad pack, without our own words round it: first what is wrong, then what that means."""
    said = [_COMPLAINT.search(line) for line in str(error).splitlines()]
    return "; ".join([found[1] for found in said if found][:_COMPLAINTS_TOLD]) or str(error)


def _look_over(limits: Limits, place: GitPlace, pack: PackSpool, view: RepoView) -> _Taken:
    """Weigh the indexed pack against the bounds and the repo; raises LimitExceeded, MissingObject."""
    (made,) = (place.objects / "pack").glob("*.pack")
    opened = OpenPack(map_file(made), from_git_index(made.with_suffix(".idx").read_bytes()))
    offsets = opened.index.offsets_sorted()
    borrowed_from = bisect_left(offsets, pack.size_bytes - PACK_TRAILER_BYTES)
    survey = survey_entries(opened, offsets[:borrowed_from], bytes_max=_smallest_bound(limits))
    _check_sizes(limits, opened, survey.oversized)
    borrowed = {offset: oid for offset in offsets[borrowed_from:] if (oid := opened.oid_at(offset)) is not None}
    for oid in borrowed.values():
        if oid not in view:  # a delta could copy the content of an object that this client may not see
            raise MissingObject(f"the delta base {oid.hex()} is neither in the pack nor in the repo")
    repeated = {}
    if view.state.packs:
        rows = opened.index.entries()
        repeated = {offset: oid for oid, _, offset in rows if offset not in borrowed and oid in view.stored}
    return _Taken(opened, borrowed, repeated, survey.bases)


def _smallest_bound(limits: Limits) -> int:
    return min(_bound(limits, ObjectKind.BLOB), _bound(limits, ObjectKind.COMMIT))


def _bound(limits: Limits, kind: ObjectKind) -> int:
    """The largest object of that type: for a blob as is set, for others what a walk of a history can hold."""
    if kind is not ObjectKind.BLOB:
        return limits.inflated_bytes_max
    return min(limits.blob_bytes_max or limits.object_bytes_max, limits.object_bytes_max)


def _check_sizes(limits: Limits, pack: OpenPack, oversized: Iterable[int]) -> None:
    objects = PackSet([pack])
    for offset in oversized:
        oid = pack.oid_at(offset)
        assert oid is not None
        kind = objects.kind(oid)
        if objects.size(oid) > _bound(limits, kind):
            raise LimitExceeded(f"{kind.name.lower()} {oid.hex()} is larger than {_bound(limits, kind)} bytes")


async def _keep_what_is_new(
    engine: Engine, taken: _Taken, pack: PackSpool, view: RepoView, place: GitPlace
) -> tuple[Path, PackIndex]:
    """The pack to keep: the pushed file itself if nothing in it has to change."""
    if not await asyncio.to_thread(_may_stay_deltas, taken, view, engine.limits.delta_depth_max):
        asked = b"".join(b"%s\n" % oid.hex().encode("ascii") for oid, _, _ in taken.kept())
        return await pack_anew(engine, place, stdin=asked)
    if taken.repeated:
        return await asyncio.to_thread(_without_repeated, taken, place.git_dir / "kept.pack")
    if taken.borrowed:
        return pack.file(), await asyncio.to_thread(PackIndex.build, taken.kept())
    return pack.file(), taken.pack.index


def _without_repeated(taken: _Taken, path: Path) -> tuple[Path, PackIndex]:
    left_out = taken.borrowed.keys() | taken.repeated.keys()
    entries = place_entries(taken.pack.view, taken.pack.index)
    plan = plan_rewrite(taken.pack.view, [entry for entry in entries if entry.offset not in left_out])
    with path.open("wb") as file:
        for chunk in plan.chunks(taken.pack.view):
            file.write(chunk)
    return path, plan.index


def _may_stay_deltas(taken: _Taken, view: RepoView, depth_max: int) -> bool:
    """Whether no chain is too long across the repo's packs, and no commit or tag is a delta of one outside the pack.

    The small path tells why of the second: see ``_store_whole_history`` there.
    """
    foreign = {**taken.borrowed, **taken.repeated}
    depths: dict[int, int] = {}
    for first in taken.bases:
        chain, offset = [], first
        while offset not in depths and offset not in foreign and offset in taken.bases:
            chain.append(offset)
            offset = taken.bases[offset]
        if offset in foreign and offset not in depths and first not in foreign:
            if view.stored.kind(foreign[offset]) in (ObjectKind.COMMIT, ObjectKind.TAG):
                return False
            depths[offset] = view.stored.depth(foreign[offset])
        depth = depths.get(offset, 0) + len(chain)
        if depth > depth_max:
            return False
        depths.update(zip(chain, range(depth, 0, -1), strict=False))
    return True


async def _check_links_visible(ingest: NativeIngest, pushed: frozenset[ObjectId]) -> None:
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


async def _count_objects(engine: Engine, place: GitPlace, starts: Iterable[ObjectId]) -> int:
    """How many objects these reach, themselves included."""
    asked = b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in starts)
    return int(await engine.node.native.output(place, ["rev-list", "--objects", "--count", "--stdin"], stdin=asked))
