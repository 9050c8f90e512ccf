"""Which objects some refs reach: what a repo may give out when its packs hold more than that.

Computed by C Git once for a list of packs and a set of tips, so forks of one baseline share it, and kept as sorted
ids, 20 bytes each.
"""

import asyncio
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from treehold.catalog.base import PackRow
from treehold.engine.git_dir import GitDirs
from treehold.engine.locks import KeyedLocks
from treehold.engine.materialise import Materialiser
from treehold.engine.native import NativeGit
from treehold.ids import OID_BYTES, ObjectId, PackId

_Key = tuple[tuple[PackId, ...], frozenset[ObjectId]]


class OidSet:
    """An immutable set of ids in sorted order, 20 bytes each."""

    __slots__ = ("_sorted",)

    def __init__(self, oids: Iterable[ObjectId]) -> None:
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
        self._sets: OrderedDict[_Key, OidSet] = OrderedDict()
        self._computing = KeyedLocks()

    async def of(self, packs: Sequence[PackRow], tips: Iterable[ObjectId]) -> OidSet:
        """The ids of all that the tips reach, themselves included; raises NativeGitError, Unavailable."""
        key = (tuple(row.id for row in packs), frozenset(tips))
        if not key[1]:
            return OidSet(())
        async with self._computing.holding(key):
            if key not in self._sets:
                self._keep(key, await self._compute(packs, key[1]))
            self._sets.move_to_end(key)
            return self._sets[key]

    async def _compute(self, packs: Sequence[PackRow], tips: frozenset[ObjectId]) -> OidSet:
        arguments = ["rev-list", "--objects", "--no-object-names", "--stdin"]
        wanted = b"".join(b"%s\n" % tip.hex().encode("ascii") for tip in tips)
        async with self._repos.objects(packs) as objects, self._git_dirs.bare(objects) as place:
            lines = await self._native.output(place, arguments, stdin=wanted)
        return await asyncio.to_thread(_parse_ids, lines)

    def _keep(self, key: _Key, oids: OidSet) -> None:
        self._sets[key] = oids
        self._bytes += len(oids) * OID_BYTES
        while self._bytes > self._bytes_max and len(self._sets) > 1:
            _, gone = self._sets.popitem(last=False)
            self._bytes -= len(gone) * OID_BYTES


def _parse_ids(lines: bytes) -> OidSet:
    return OidSet(ObjectId(bytes.fromhex(line.decode("ascii"))) for line in lines.split())
