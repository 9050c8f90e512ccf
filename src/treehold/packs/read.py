"""Reading single objects out of a repo's packs, through delta chains that lead from pack to pack."""

import itertools
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from treehold.errors import CorruptStore, LimitExceeded, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.delta import DELTA_SIZES_BYTES_MAX, apply_delta, delta_result_size
from treehold.packs.entry import PACK_HEADER_BYTES, PACK_TRAILER_BYTES, Buffer, EntryHeader, parse_entry_header
from treehold.packs.index import PackIndex
from treehold.packs.inflate import inflate, inflate_beginning, inflate_pieces
from treehold.packs.limits import DELTA_DEPTH_MAX
from treehold.packs.resolve import BaseObject

CACHE_BYTES_MAX: Final = 16 * 2**20
"""Objects kept because the next one may be a delta of them; git's core.deltaBaseCacheLimit is 96 MB."""
OBJECT_BYTES_MAX: Final = 2 * 2**30
"""Largest object that is read into memory."""
_TABLE_OBJECTS_MAX: Final = 200_000
_UNBOUNDED: Final = 1 << 62
_KIND_BY_CODE: Final = {int(kind): kind for kind in ObjectKind}


_serials: Final = itertools.count()


class OpenPack:
    """A pack's bytes and its index. Both are viewed where they are and must outlive this.

    ``serial`` is another one for each pack that was ever opened.
    """

    __slots__ = ("_order", "end", "index", "serial", "view")

    def __init__(self, buffer: Buffer, index: PackIndex) -> None:
        self.view = memoryview(buffer)
        self.index = index
        self.end = len(self.view) - PACK_TRAILER_BYTES
        self.serial = next(_serials)
        self._order: tuple[array[int], array[int]] | None = None
        if self.end < PACK_HEADER_BYTES:
            raise CorruptStore("a stored pack is shorter than an empty one")

    def header_at(self, offset: int) -> EntryHeader:
        """The header of the entry there; raises CorruptStore."""
        try:
            return parse_entry_header(self.view, offset, self.end)
        except RejectedPack as error:
            raise CorruptStore(f"a stored pack is damaged: {error}") from error

    def whole_kind_at(self, offset: int) -> ObjectKind | None:
        """The kind of the entry there if it is a whole object; None for a delta, and for what is no entry."""
        return _KIND_BY_CODE.get(self.view[offset] >> 4 & 7) if offset < self.end else None

    def entry_end(self, offset: int) -> int:
        """Where the entry that begins at ``offset`` ends."""
        starts, _ = self._by_offset()
        following = bisect_right(starts, offset)
        return starts[following] if following < len(starts) else self.end

    def oid_at(self, offset: int) -> ObjectId | None:
        """The object whose entry begins at ``offset``; None when none does."""
        starts, rows = self._by_offset()
        position = bisect_left(starts, offset)
        if position == len(starts) or starts[position] != offset:
            return None
        return self.index.oid_at(rows[position])

    def _by_offset(self) -> tuple["array[int]", "array[int]"]:
        """The entries' offsets, ascending, and their rows in the index; made once, 12 bytes an object."""
        if self._order is None:
            offsets = self.index.offsets()
            rows = sorted(range(len(offsets)), key=offsets.__getitem__)
            self._order = array("Q", (offsets[row] for row in rows)), array("I", rows)
        return self._order


class _Link(NamedTuple):
    """One step of a delta chain."""

    pack: OpenPack
    offset: int
    header: EntryHeader


_CacheKey = tuple[int, int]


class PackSet:
    """The packs of one repo, oldest first. Not for several threads at once."""

    def __init__(
        self,
        packs: Sequence[OpenPack],
        *,
        cache_bytes_max: int = CACHE_BYTES_MAX,
        object_bytes_max: int = OBJECT_BYTES_MAX,
        delta_depth_max: int = DELTA_DEPTH_MAX,
        inflated_bytes_max: int | None = None,
        cache: "ObjectCache | None" = None,
    ) -> None:
        self._newest_first = tuple(reversed(packs))
        self._object_bytes_max = object_bytes_max
        self._inflated_bytes_left = _UNBOUNDED if inflated_bytes_max is None else inflated_bytes_max
        self._delta_depth_max = delta_depth_max
        self._cache = ObjectCache(cache_bytes_max) if cache is None else cache
        self._table: dict[ObjectId, tuple[OpenPack, int]] | None = None
        objects = sum(len(pack.index) for pack in packs)
        # One look-up asks half the packs or all of them. When the packs asked outnumber the objects, a table of them
        # all has cost no more than the asking did, and answers at once from then on.
        self._asks_left = objects if len(packs) > 1 and objects <= _TABLE_OBJECTS_MAX else -1

    def find(self, oid: ObjectId) -> tuple[OpenPack, int] | None:
        """Where the object's entry is; None when no pack has it."""
        if self._table is not None:
            return self._table.get(oid)
        if self._asks_left >= 0:
            self._asks_left -= len(self._newest_first)
            if self._asks_left < 0:
                self._table = self._make_table()
        for pack in self._newest_first:
            offset = pack.index.find(oid)
            if offset is not None:
                return pack, offset
        return None

    def __contains__(self, oid: ObjectId) -> bool:
        return self.find(oid) is not None

    def bounded(
        self, *, object_bytes_max: int, inflated_bytes_max: int | None = None, cache: "ObjectCache | None" = None
    ) -> "PackSet":
        """The same packs for a reader who is refused any larger object, and any at all once so much was inflated.

        What is refused raises LimitExceeded. Pieces of a whole object are not counted,
        nor is what the ``cache`` has, which sets that are used in one thread may share.
        """
        return PackSet(
            self._newest_first[::-1],
            object_bytes_max=object_bytes_max,
            delta_depth_max=self._delta_depth_max,
            inflated_bytes_max=inflated_bytes_max,
            cache=cache,
        )

    def between(self, low: ObjectId, high: ObjectId) -> Iterator[ObjectId]:
        """The ids from ``low`` to ``high``, both included, by pack."""
        for pack in self._newest_first:
            rows = range(len(pack.index))
            for row in rows[bisect_left(rows, low, key=pack.index.oid_at) :]:
                oid = pack.index.oid_at(row)
                if oid > high:
                    break
                yield oid

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """The object; raises NotFound, CorruptStore, and LimitExceeded when it is too large for memory."""
        found = self.read_base(oid)
        if found is None:
            raise NotFound(f"no object {oid.hex()}")
        return found.kind, found.data

    def read_base(self, oid: ObjectId) -> BaseObject | None:
        """The object with its chain's length, None when no pack has it: what resolve_pack asks for thin deltas.

        Raises CorruptStore, LimitExceeded.
        """
        place = self.find(oid)
        if place is None:
            return None
        chain: list[_Link] = []
        base = None
        while base is None:
            pack, offset = place
            base = self._cache.get((pack.serial, offset))
            if base is None:
                link = _Link(pack, offset, pack.header_at(offset))
                next_place = self._base_place(link, len(chain))
                if next_place is None:
                    base = self._inflate_whole(link)
                else:
                    chain.append(link)
                    place = next_place
        for link in reversed(chain):
            base = self._apply(link, base)
        return base

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The object's kind, from headers alone; raises NotFound, CorruptStore."""
        pack, offset = self._place(oid)
        return pack.whole_kind_at(offset) or ObjectKind(self._walk((pack, offset))[-1].header.kind_code)

    def size(self, oid: ObjectId) -> int:
        """The object's size in bytes, without making the object; raises NotFound, CorruptStore."""
        pack, offset = self._place(oid)
        header = pack.header_at(offset)
        if header.base_offset is None and header.base_oid is None:
            return header.size
        try:
            return delta_result_size(inflate_beginning(pack.view, header.body_pos, pack.end, DELTA_SIZES_BYTES_MAX))
        except RejectedPack as error:
            raise CorruptStore(f"a stored delta is damaged: {error}") from error

    def is_whole(self, oid: ObjectId) -> bool:
        """Whether the object lies whole in its pack, and not as a delta; raises NotFound."""
        pack, offset = self._place(oid)
        return pack.whole_kind_at(offset) is not None

    def whole_pieces(self, oid: ObjectId, *, piece_bytes: int) -> Iterator[bytes]:
        """The bytes of an object that lies whole, however large, in pieces of at most that size.

        Raises NotFound at once, and CorruptStore when it comes to what is damaged.
        """
        pack, offset = self._place(oid)
        header = pack.header_at(offset)
        assert header.base_offset is None
        assert header.base_oid is None
        return _sound(inflate_pieces(pack.view, header.body_pos, pack.end, header.size, piece_bytes=piece_bytes))

    def entry_bytes(self, oid: ObjectId) -> int:
        """How long the object's entry is in its pack; raises NotFound."""
        pack, offset = self._place(oid)
        return pack.entry_end(offset) - offset

    def depth(self, oid: ObjectId) -> int:
        """How many deltas lie between the object and a whole one, from headers alone; raises NotFound, CorruptStore."""
        return len(self._walk(self._place(oid))) - 1

    def _place(self, oid: ObjectId) -> tuple[OpenPack, int]:
        """Where the object's entry is; raises NotFound."""
        place = self.find(oid)
        if place is None:
            raise NotFound(f"no object {oid.hex()}")
        return place

    def _walk(self, start: tuple[OpenPack, int]) -> list[_Link]:
        """The chain of the object whose entry begins there, down to the whole object."""
        place: tuple[OpenPack, int] | None = start
        chain: list[_Link] = []
        while place is not None:
            pack, offset = place
            link = _Link(pack, offset, pack.header_at(offset))
            place = self._base_place(link, len(chain))
            chain.append(link)
        return chain

    def _base_place(self, link: _Link, steps: int) -> tuple[OpenPack, int] | None:
        """Where the entry's base is, None for a whole entry. ``steps`` came before: a circle is a chain too long."""
        header = link.header
        place: tuple[OpenPack, int] | None
        if header.base_offset is not None:
            place = link.pack, header.base_offset
        elif header.base_oid is not None:
            place = self.find(header.base_oid)
            if place is None:
                raise CorruptStore(f"the delta base {header.base_oid.hex()} is in no pack")
        else:
            return None
        if steps >= self._delta_depth_max:
            raise CorruptStore(f"a stored delta chain is longer than {self._delta_depth_max}, or a circle")
        return place

    def _inflate(self, link: _Link) -> bytes:
        if link.header.size > self._object_bytes_max:
            raise LimitExceeded(f"an object is over the limit of {self._object_bytes_max} bytes")
        self._inflated_bytes_left -= link.header.size
        if self._inflated_bytes_left < 0:
            raise LimitExceeded("reading these objects takes more than it may")
        try:
            return inflate(link.pack.view, link.header.body_pos, link.pack.end, link.header.size)[0]
        except RejectedPack as error:
            raise CorruptStore(f"a stored pack is damaged: {error}") from error

    def _inflate_whole(self, link: _Link) -> BaseObject:
        found = BaseObject(ObjectKind(link.header.kind_code), self._inflate(link), 0)
        self._cache.put((link.pack.serial, link.offset), found)
        return found

    def _apply(self, link: _Link, base: BaseObject) -> BaseObject:
        delta = self._inflate(link)
        try:
            data = apply_delta(base.data, delta, result_bytes_max=self._object_bytes_max)
        except RejectedPack as error:
            raise CorruptStore(f"a stored delta is damaged: {error}") from error
        found = BaseObject(base.kind, data, base.depth + 1)
        self._cache.put((link.pack.serial, link.offset), found)
        return found

    def _make_table(self) -> dict[ObjectId, tuple[OpenPack, int]]:
        table: dict[ObjectId, tuple[OpenPack, int]] = {}
        for pack in reversed(self._newest_first):  # the newest one last: it wins
            for oid, offset in pack.index.offset_by_oid().items():
                table[oid] = (pack, offset)
        return table


def _sound(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; what is wrong with them is wrong with the store."""
    try:
        yield from pieces
    except RejectedPack as error:
        raise CorruptStore(f"a stored pack is damaged: {error}") from error


class ObjectCache:
    """The objects used last, up to a number of bytes. One object may take a quarter of it."""

    def __init__(self, bytes_max: int) -> None:
        self._entries: OrderedDict[_CacheKey, BaseObject] = OrderedDict()
        self._bytes_left = bytes_max
        self._object_bytes_max = bytes_max // 4

    def get(self, key: _CacheKey) -> BaseObject | None:
        """The object of a pack's serial and an offset, if it is kept."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: _CacheKey, found: BaseObject) -> None:
        """Keep an object that :meth:`get` has just not found."""
        if len(found.data) > self._object_bytes_max:
            return
        self._entries[key] = found
        self._bytes_left -= len(found.data) + _ENTRY_OVERHEAD_BYTES
        while self._bytes_left < 0:
            _, oldest = self._entries.popitem(last=False)
            self._bytes_left += len(oldest.data) + _ENTRY_OVERHEAD_BYTES


_ENTRY_OVERHEAD_BYTES: Final = 300
"""What Python needs for the key and the entry themselves; without it a cache of tiny objects would not be bounded."""
