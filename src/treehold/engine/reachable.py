"""Which objects some refs reach: what a repo may give out when its packs hold more than that.

Computed by C Git once for a list of packs and a set of tips, so forks of one baseline share it, and kept as sorted
ids, 20 bytes each.
"""

import asyncio
import hashlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from treehold.catalog.base import PackRow
from treehold.engine.git_dir import GitDirs
from treehold.engine.locks import KeyedLocks
from treehold.engine.materialise import Materialiser
from treehold.engine.native import GitPlace, NativeGit
from treehold.ids import OID_BYTES, ObjectId

_ENTRY_OVERHEAD_BYTES: Final = 400
"""What a kept set costs beside its ids; without it a cache of tiny sets would not be bounded."""


class OidSet:
    """An immutable set of ids in sorted order, 20 bytes each."""

    __slots__ = ("_sorted",)

    def __init__(self, oids: Iterable[bytes]) -> None:
        self._sorted = b"".join(sorted(set(oids)))

    def __len__(self) -> int:
        return len(self._sorted) // OID_BYTES

    def __contains__(self, oid: ObjectId) -> bool:
        row = bisect_left(range(len(self)), oid, key=self._at)
        return row < len(self) and self._at(row) == oid

    def _at(self, row: int) -> ObjectId:
        return ObjectId(self._sorted[row * OID_BYTES : (row + 1) * OID_BYTES])


class ReachableSets:
    """Computes and keeps reachable sets, together up to a bound in bytes."""

    def __init__(self, *, native: NativeGit, repos: Materialiser, git_dirs: GitDirs, bytes_max: int) -> None:
        self._native = native
        self._repos = repos
        self._git_dirs = git_dirs
        self._bytes_max = bytes_max
        self._bytes = 0
        self._sets: OrderedDict[bytes, OidSet] = OrderedDict()
        self._computing = KeyedLocks()

    async def of(
        self, packs: Sequence[PackRow], tips: Iterable[ObjectId], shallow: frozenset[ObjectId] = frozenset()
    ) -> OidSet:
        """The ids of all that the tips reach in a repo of these packs and boundary, themselves included.

        Raises NativeGitError, Unavailable.
        """
        wanted = sorted(set(tips))
        if not wanted:
            return OidSet(())
        key = _key(packs, wanted)  # packs are shared by forks alone, which have the same boundary
        async with self._computing.holding(key):
            if key not in self._sets:
                self._keep(key, await self._compute(packs, wanted, shallow))
            self._sets.move_to_end(key)
            return self._sets[key]

    async def _compute(
        self, packs: Sequence[PackRow], tips: Sequence[ObjectId], shallow: frozenset[ObjectId]
    ) -> OidSet:
        async with self._repos.objects(packs) as objects, self._git_dirs.bare(objects, shallow=shallow) as place:
            ids = await list_objects(self._native, place, [tip.hex() for tip in tips])
        return await asyncio.to_thread(OidSet, ids)

    def _keep(self, key: bytes, oids: OidSet) -> None:
        self._sets[key] = oids
        self._bytes += _cost(oids)
        while self._bytes > self._bytes_max and len(self._sets) > 1:
            _, gone = self._sets.popitem(last=False)
            self._bytes -= _cost(gone)


def _cost(oids: OidSet) -> int:
    return len(oids) * OID_BYTES + _ENTRY_OVERHEAD_BYTES


def _key(packs: Sequence[PackRow], tips: Sequence[ObjectId]) -> bytes:
    """A name of fixed size for a question: lists of packs and tips may be long."""
    rows = b",".join(b"%d" % row.id for row in packs)
    return hashlib.sha256(b"%d,%b:%b" % (len(packs), rows, b"".join(tips))).digest()


async def list_objects(native: NativeGit, place: GitPlace, revisions: Iterable[str]) -> Iterator[ObjectId]:
    """What C Git lists as reached by these revisions, in the words of ``git rev-list``; for a set made in a thread.

    Raises NativeGitError, Unavailable.
    """
    arguments = ["rev-list", "--objects", "--no-object-names", "--use-bitmap-index", "--stdin"]
    listed = await native.output(place, arguments, stdin="\n".join([*revisions, ""]).encode("ascii"))
    ids = await asyncio.to_thread(bytes.fromhex, listed.decode("ascii"))
    return (ObjectId(ids[start : start + OID_BYTES]) for start in range(0, len(ids), OID_BYTES))
