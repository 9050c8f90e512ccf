"""Where each object of a pack is. The form is that of docs/formats/pack-index.md: three columns, sorted by object id.

An index is read where it lies (bytes, or a mapped file): looking up one object touches some fifteen of its ids.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from treehold.errors import CorruptStore
from treehold.ids import OID_BYTES, ObjectId
from treehold.packs.entry import Buffer

INDEX_MAGIC: Final = b"THPI"
INDEX_VERSION: Final = 1
_HEADER: Final = struct.Struct(">4sIQ")
INDEX_HEADER_BYTES: Final = _HEADER.size
ROW_BYTES: Final = OID_BYTES + 4 + 8

_PREFIX_AT: Final = struct.Struct(">Q").unpack_from
_CRC_AT: Final = struct.Struct(">I").unpack_from
_OFFSET_AT: Final = struct.Struct(">Q").unpack_from

_TABLE_ROWS_MAX: Final = 2000
"""Up to so many objects an index is also kept as a dict, for a look-up in a tenth of the time."""
_TABLE_ROW_BYTES: Final = 200
_ROWS_FOR_AN_ASK: Final = 4
"""The dict is made once that many times the look-ups outnumber the objects: by then it would have paid. A repo that is
pushed to often has many packs of three, whose first look-up makes it."""

IndexRow = tuple[ObjectId, int, int]
"""An object's id, the CRC-32 of its entry's bytes, and the entry's offset in the pack."""


class PackIndex:
    """The index of one pack: immutable, over bytes in its own form."""

    __slots__ = ("_asks", "_count", "_crcs_pos", "_offsets_pos", "_table", "_view")

    def __init__(self, view: memoryview, count: int) -> None:
        """For :meth:`build` and :meth:`decode`, which know that ``view`` holds ``count`` rows."""
        self._view = view
        self._count = count
        self._crcs_pos = INDEX_HEADER_BYTES + OID_BYTES * count
        self._offsets_pos = self._crcs_pos + 4 * count
        self._asks = 0
        self._table: dict[ObjectId, int] | None = None  # of a small index that is asked often

    @classmethod
    def build(cls, rows: Iterable[IndexRow]) -> "PackIndex":
        """The index of these entries, in any order. Raises CorruptStore when an object is there twice."""
        ordered = sorted(rows)
        oids = [row[0] for row in ordered]
        if len(set(oids)) != len(oids):
            raise CorruptStore("an object is twice in one pack index")
        return cls._of_columns(oids, [row[1] for row in ordered], [row[2] for row in ordered])

    @classmethod
    def _of_columns(cls, oids: Sequence[bytes], crcs: Sequence[int], offsets: Sequence[int]) -> "PackIndex":
        count = len(oids)
        columns = (
            _HEADER.pack(INDEX_MAGIC, INDEX_VERSION, count),
            *oids,
            struct.pack(f">{count}I", *crcs),
            struct.pack(f">{count}Q", *offsets),
        )
        return cls(memoryview(b"".join(columns)), count)

    @classmethod
    def decode(cls, buffer: Buffer) -> "PackIndex":
        """Read an index in place, without copying it; ``buffer`` must outlive it. Raises CorruptStore.

        That the ids are sorted is not checked: it would mean to read them all.
        """
        if len(buffer) < INDEX_HEADER_BYTES:
            raise CorruptStore("a pack index ends within its header")
        magic, version, count = _HEADER.unpack_from(buffer)
        if magic != INDEX_MAGIC or version != INDEX_VERSION:
            raise CorruptStore(f"not a pack index of version {INDEX_VERSION}")
        if len(buffer) != INDEX_HEADER_BYTES + ROW_BYTES * count:
            raise CorruptStore(f"a pack index of {count} objects has {len(buffer)} bytes")
        return cls(memoryview(buffer), count)

    def encode(self) -> bytes:
        """The index's bytes, which decode reads."""
        return bytes(self._view)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, oid: ObjectId) -> bool:
        return self.find(oid) is not None

    def find(self, oid: ObjectId) -> int | None:
        """The offset of the object's entry; None when it is not in the pack."""
        if self._table is not None:
            return self._table.get(oid)
        self._asks += _ROWS_FOR_AN_ASK
        if self._count <= min(self._asks, _TABLE_ROWS_MAX):
            return self.offset_by_oid().get(oid)
        row = self._row_of(oid)
        return None if row < 0 else _OFFSET_AT(self._view, self._offsets_pos + 8 * row)[0]

    def offset_by_oid(self) -> Mapping[ObjectId, int]:
        """The offsets of all entries; of a small index the same mapping each time."""
        if self._table is not None:
            return self._table
        found = dict(zip(self.oids(), self.offsets(), strict=True))
        if self._count <= _TABLE_ROWS_MAX:
            self._table = found
        return found

    @property
    def table_bytes(self) -> int:
        """What the index may come to hold in memory beside its bytes."""
        return self._count * _TABLE_ROW_BYTES if self._count <= _TABLE_ROWS_MAX else 0

    def crc(self, oid: ObjectId) -> int | None:
        """The CRC-32 of the object's entry; None when it is not in the pack."""
        row = self._row_of(oid)
        return None if row < 0 else _CRC_AT(self._view, self._crcs_pos + 4 * row)[0]

    def _row_of(self, oid: ObjectId) -> int:
        """The object's row, or -1. Numbers made of the first 8 bytes are compared: nothing is copied for that."""
        view = self._view
        low, high = 0, self._count
        prefix = _PREFIX_AT(oid)[0]
        while low < high:
            middle = (low + high) >> 1
            if _PREFIX_AT(view, INDEX_HEADER_BYTES + OID_BYTES * middle)[0] < prefix:
                low = middle + 1
            else:
                high = middle
        for row in range(low, self._count):
            pos = INDEX_HEADER_BYTES + OID_BYTES * row
            if bytes(view[pos : pos + OID_BYTES]) == oid:
                return row
            if _PREFIX_AT(view, pos)[0] != prefix:
                break
        return -1

    def oid_at(self, row: int) -> ObjectId:
        """The id in that row, counted by ascending id."""
        pos = INDEX_HEADER_BYTES + OID_BYTES * row
        return ObjectId(bytes(self._view[pos : pos + OID_BYTES]))

    def oids(self) -> Iterator[ObjectId]:
        """Every object's id, ascending."""
        column = self._view[INDEX_HEADER_BYTES : self._crcs_pos]
        return (ObjectId(oid) for (oid,) in struct.iter_unpack(f"{OID_BYTES}s", column))

    def crcs(self) -> tuple[int, ...]:
        """The CRC-32s of the entries, in the order of their ids."""
        return struct.unpack_from(f">{self._count}I", self._view, self._crcs_pos)

    def offsets(self) -> tuple[int, ...]:
        """The offsets of the entries, in the order of their ids."""
        return struct.unpack_from(f">{self._count}Q", self._view, self._offsets_pos)

    def entries(self) -> Iterator[IndexRow]:
        """Every row, by ascending id."""
        return zip(self.oids(), self.crcs(), self.offsets(), strict=True)

    def offsets_sorted(self) -> list[int]:
        """The offsets of the entries, ascending: each entry ends where the next one begins."""
        return sorted(self.offsets())


def merge_indexes(parts: Sequence[tuple[PackIndex, int]]) -> PackIndex:
    """The index of concatenated packs: each part's offsets moved by its shift (see concatenate.shifts).

    Raises CorruptStore when two packs have the same object: repos keep disjoint packs only.
    """
    rows: list[IndexRow] = []
    for index, shift in parts:
        rows += zip(index.oids(), index.crcs(), [offset + shift for offset in index.offsets()], strict=True)
    return PackIndex.build(rows)
