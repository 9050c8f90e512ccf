"""From entries to objects: every delta applied to its base.

Whole objects come first, then whatever is made from them, so each delta is applied exactly once, to a base that is
ready, and a cycle is simply never reached. What is left over then asks for bases outside the pack: a thin pack's
deltas, or deltas that nothing can resolve.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from treehold.errors import LimitExceeded, MissingObject, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.hash import hash_object
from treehold.packs.delta import apply_delta, delta_result_size
from treehold.packs.limits import DEFAULT_LIMITS, PackLimits
from treehold.packs.scan import ScannedEntry, check_size


class BaseObject(NamedTuple):
    """An object that is stored already; ``depth`` counts the deltas between it and a whole object."""

    kind: ObjectKind
    data: bytes
    depth: int


FindBase = Callable[[ObjectId], BaseObject | None]
"""Answers a stored object, or None when there is none of that id."""


class ResolvedObject(NamedTuple):
    """One object of a pack. ``base`` is the id of what its entry is a delta of, None for a whole entry."""

    oid: ObjectId
    kind: ObjectKind
    data: bytes
    depth: int
    base: ObjectId | None
    entry: ScannedEntry


def no_base(_: ObjectId) -> None:
    """The FindBase of a pack that must stand alone."""


def resolve_pack(
    entries: Sequence[ScannedEntry], *, external_base: FindBase, limits: PackLimits = DEFAULT_LIMITS
) -> list[ResolvedObject]:
    """Every object of the pack, bases before what is made from them.

    An object that the pack has twice is there twice. Raises MissingObject when a base is nowhere, RejectedPack for a
    delta that does not fit or whose bases go round in a circle, LimitExceeded.
    """
    return _Resolver(entries, limits).resolve(external_base)


class _Resolver:
    """The work of one resolve_pack: who waits for which base, and what is ready."""

    def __init__(self, entries: Sequence[ScannedEntry], limits: PackLimits) -> None:
        self._limits = limits
        self._bytes_left = limits.inflated_bytes_max - sum(entry.header.size for entry in entries)
        self._resolved: list[ResolvedObject] = []
        self._whole: list[ScannedEntry] = []
        self._waiting_by_offset: defaultdict[int, list[ScannedEntry]] = defaultdict(list)
        self._waiting_by_oid: defaultdict[ObjectId, list[ScannedEntry]] = defaultdict(list)
        for entry in entries:
            if entry.header.base_offset is not None:
                self._waiting_by_offset[entry.header.base_offset].append(entry)
            elif entry.header.base_oid is not None:
                self._waiting_by_oid[entry.header.base_oid].append(entry)
            else:
                self._whole.append(entry)

    def resolve(self, external_base: FindBase) -> list[ResolvedObject]:
        for entry in self._whole:
            kind = ObjectKind(entry.header.kind_code)
            self._add(ResolvedObject(hash_object(kind, entry.data), kind, entry.data, 0, None, entry))
        for oid in list(self._waiting_by_oid):
            if oid not in self._waiting_by_oid:
                continue  # it has turned up in the pack meanwhile
            base = external_base(oid)
            if base is not None:
                for entry in self._waiting_by_oid.pop(oid):
                    self._add(self._apply(entry, oid, base))
        self._refuse_leftovers()
        return self._resolved

    def _add(self, first: ResolvedObject) -> None:
        """Take one object, and all that can be made now that it is there."""
        ready = [first]
        while ready:
            found = ready.pop()
            self._resolved.append(found)
            waiting = self._waiting_by_offset.pop(found.entry.offset, [])
            waiting += self._waiting_by_oid.pop(found.oid, [])
            if waiting:
                base = BaseObject(found.kind, found.data, found.depth)
                ready += [self._apply(entry, found.oid, base) for entry in waiting]

    def _apply(self, entry: ScannedEntry, oid: ObjectId, base: BaseObject) -> ResolvedObject:
        depth = base.depth + 1
        if depth > self._limits.delta_depth_max:
            raise LimitExceeded(f"a delta chain is over the limit of {self._limits.delta_depth_max}")
        size = delta_result_size(entry.data)
        check_size(size, self._bytes_left, self._limits)
        self._bytes_left -= size
        data = apply_delta(base.data, entry.data, result_bytes_max=size)
        return ResolvedObject(hash_object(base.kind, data), base.kind, data, depth, oid, entry)

    def _refuse_leftovers(self) -> None:
        """A delta by offset waits for another delta or for nothing; so the missing ids, if any, are the cause."""
        if self._waiting_by_oid:
            oid, waiting = next(iter(self._waiting_by_oid.items()))
            raise MissingObject(
                f"{len(self._waiting_by_oid)} delta bases are missing or made from their own deltas, "
                f"such as {oid.hex()} for the entry at {waiting[0].offset}"
            )
        if self._waiting_by_offset:
            offset, waiting = next(iter(self._waiting_by_offset.items()))
            raise RejectedPack(f"the entry at {waiting[0].offset} has a base at {offset}, where no entry begins")
