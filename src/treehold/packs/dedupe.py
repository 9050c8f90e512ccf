"""Which of a pushed pack's entries to keep, so that a repo has each object once and no delta chain grows for ever.

Pushes carry objects that the repo has already (reverts bring them back), and a pack may hold an object twice. Their
extra entries are dropped; whoever used one as a base then uses the copy that stays, which may be a longer chain: so
depths are counted anew over what stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from treehold.errors import MissingObject, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.resolve import BaseObject, FindBase, ResolvedObject
from treehold.packs.rewrite import PlacedEntry

STORED_DEPTH_MAX: Final = 64
"""Longest chain that is stored, across a repo's packs; git's own default when it packs is 50."""


@dataclass(frozen=True, slots=True)
class KeptEntries:
    """What stays of a pack: entries by offset, and of these the ones to be stored whole, by offset."""

    entries: tuple[PlacedEntry, ...]
    whole: dict[int, tuple[ObjectKind, bytes]]

    @property
    def oids(self) -> list[ObjectId]:
        """The ids of the objects that stay."""
        return [entry.oid for entry in self.entries]


def choose_duplicates(resolved: Sequence[ResolvedObject]) -> set[int]:
    """The offsets of entries to drop because another entry of the pack has the same object; raises RejectedPack when
    two objects of one id differ.

    Of each object the entry with the shortest chain stays. No circle of bases can come of that: a kept entry of depth
    d is a delta of an object that has some entry of depth d - 1, so the kept entry of that object has at most that
    depth, and each step from a delta to its base goes strictly down. (Were any other copy kept, it might be a delta
    of something made from the dropped one.)
    """
    kept: dict[ObjectId, ResolvedObject] = {}
    dropped = set()
    for found in sorted(resolved, key=attrgetter("depth")):
        first = kept.setdefault(found.oid, found)
        if first is not found:
            _refuse_collision(found, BaseObject(first.kind, first.data, first.depth))
            dropped.add(found.entry.offset)
    return dropped


def choose_entries(
    resolved: Sequence[ResolvedObject], *, stored: FindBase, depth_max: int = STORED_DEPTH_MAX
) -> KeptEntries:
    """What to keep of a resolved pack in a repo whose objects ``stored`` finds.

    Objects that are stored already are dropped, after comparing them: RejectedPack if they differ. So are duplicates
    within the pack. Entries whose chain would be longer than ``depth_max`` are to be stored whole.
    """
    dropped = choose_duplicates(resolved)
    depths: dict[ObjectId, int] = {}
    kept = []
    whole = {}
    for found in sorted(resolved, key=attrgetter("depth")):  # bases first, also where a duplicate takes its place
        if found.entry.offset in dropped:
            continue
        twin = stored(found.oid)
        if twin is not None:
            _refuse_collision(found, twin)
            depths[found.oid] = twin.depth
            continue
        depth = 0 if found.base is None else _depth_of(found.base, depths, stored) + 1
        if depth > depth_max:
            whole[found.entry.offset] = (found.kind, found.data)
            depth = 0
        depths[found.oid] = depth
        entry = found.entry
        kept.append(PlacedEntry(found.oid, entry.offset, entry.end, entry.crc, entry.header, found.base))
    kept.sort(key=attrgetter("offset"))
    return KeptEntries(tuple(kept), whole)


def _depth_of(oid: ObjectId, depths: dict[ObjectId, int], stored: FindBase) -> int:
    if oid not in depths:
        base = stored(oid)
        if base is None:
            raise MissingObject(f"the delta base {oid.hex()} is not there any more")
        depths[oid] = base.depth
    return depths[oid]


def _refuse_collision(found: ResolvedObject, twin: BaseObject) -> None:
    if found.kind != twin.kind or found.data != twin.data:
        raise RejectedPack(f"two different objects have the id {found.oid.hex()}")
