"""What repos were lately found to hold: decoded snapshots, and generations, which are snapshots with rows laid over.

Neither ever changes and no key ever comes back, so nothing here goes stale. Only the event loop's thread uses a cache.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from treehold.catalog.base import PackRow, Ref
from treehold.ids import ObjectId, RefName, RepoId

Key = int | tuple[RepoId, int]
"""A snapshot's own, or a repo's id and one of its generations."""

ENTRY_BYTES: Final = 400
"""What a ref, a pack or a commit takes in memory beside its texts: the objects of Python around them."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot's refs and packs. Many readers share it, so nobody may change the mapping."""

    refs: Mapping[RefName, Ref]
    packs: tuple[PackRow, ...]
    shallow: frozenset[ObjectId] = frozenset()  # of a generation, never of a snapshot of its own


EMPTY: Final = Snapshot({}, ())
"""What a repo starts from that has no snapshot."""


class SnapshotCache:
    """Snapshots by key, within a number of bytes; the one that was used longest ago goes first."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, tuple[Snapshot, int]] = OrderedDict()

    def get(self, key: Key) -> Snapshot | None:
        """The snapshot with that key, if it is here."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: Key, snapshot: Snapshot, text_bytes: int) -> None:
        """Keep a snapshot whose texts have that many bytes, unless it alone is too large."""
        size = text_bytes + ENTRY_BYTES * (len(snapshot.refs) + len(snapshot.packs) + len(snapshot.shallow))
        if size > self._bytes_max or key in self._kept:
            return
        self._kept[key] = snapshot, size
        self._bytes += size
        while self._bytes > self._bytes_max:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed
