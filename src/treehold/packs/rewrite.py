"""A new pack out of some of another's entries, copied as they lie, without inflating them.

Only the headers of deltas by offset may have to change: the base moved nearer, or it does not come along and must be
named by its id instead. The result is then thin: its missing bases lie in the repo's other packs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import NamedTuple
from zlib import compress, crc32

from treehold.errors import CorruptStore, LimitExceeded, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.entry import (
    OFS_DELTA,
    PACK_HEADER_BYTES,
    PACK_OBJECTS_MAX,
    PACK_TRAILER_BYTES,
    REF_DELTA,
    Buffer,
    EntryHeader,
    encode_entry_header,
    encode_pack_header,
    parse_entry_header,
)
from treehold.packs.index import IndexRow, PackIndex


class PlacedEntry(NamedTuple):
    """One entry at ``[offset, end)`` of its pack; ``base`` is the id of what it is a delta of, None for a whole one."""

    oid: ObjectId
    offset: int
    end: int
    crc: int
    header: EntryHeader
    base: ObjectId | None


Piece = bytes | slice
"""New bytes, or a stretch of the old pack."""


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """A pack that is not yet written. ``size_bytes`` counts header and trailer; ``index`` is that of the new pack."""

    index: PackIndex
    size_bytes: int
    pieces: tuple[Piece, ...]

    def chunks(self, pack: Buffer) -> Iterator[bytes | memoryview]:
        """The new pack's bytes, piece by piece; ``pack`` is the one that the plan was made for.

        Stretches of the old pack come as views of any length.
        """
        view = memoryview(pack)
        digest = sha1(usedforsecurity=False)
        for piece in (encode_pack_header(len(self.index)), *self.pieces):
            chunk = view[piece] if isinstance(piece, slice) else piece
            digest.update(chunk)
            yield chunk
        yield digest.digest()

    def join(self, pack: Buffer) -> bytes:
        """The new pack, all of it in memory."""
        return b"".join(self.chunks(pack))


def place_entries(pack: Buffer, index: PackIndex) -> list[PlacedEntry]:
    """Every entry of a stored pack in its order, from its index and the entries' headers alone.

    Raises CorruptStore when the index does not fit the pack.
    """
    view = memoryview(pack)
    rows = sorted((offset, oid, crc) for oid, crc, offset in index.entries())
    oid_at = {offset: oid for offset, oid, _ in rows}
    ends = [*(offset for offset, _, _ in rows[1:]), len(view) - PACK_TRAILER_BYTES]
    entries = []
    for (offset, oid, crc), end in zip(rows, ends, strict=False):
        try:
            header = parse_entry_header(view, offset, end)
            base = header.base_oid if header.base_offset is None else oid_at[header.base_offset]
        except (RejectedPack, KeyError) as error:
            raise CorruptStore(f"a pack's index does not fit its entry at {offset}: {error}") from None
        entries.append(PlacedEntry(oid, offset, end, crc, header, base))
    return entries


def plan_rewrite(
    pack: Buffer, kept: Sequence[PlacedEntry], *, whole: Mapping[int, tuple[ObjectKind, bytes]] | None = None
) -> RewritePlan:
    """The pack of these entries of ``pack``, given by ascending offset; those at the offsets of ``whole`` are stored
    as the whole objects given there.

    Reads the bytes of entries whose header changes, for their CRC-32, and no others. Raises LimitExceeded for more
    objects than a pack can count, CorruptStore when an object is there twice.
    """
    if len(kept) > PACK_OBJECTS_MAX:
        raise LimitExceeded(f"a pack cannot hold more than {PACK_OBJECTS_MAX} objects")
    writer = _Writer(memoryview(pack))
    for entry in kept:
        if whole and entry.offset in whole:
            writer.add_whole(entry, *whole[entry.offset])
        elif entry.header.base_offset is None:
            writer.add_as_is(entry)
        else:
            writer.add_ofs_delta(entry, entry.header.base_offset)
    return RewritePlan(PackIndex.build(writer.rows), writer.pos + PACK_TRAILER_BYTES, tuple(writer.pieces))


class _Writer:
    """The work of one plan_rewrite: the new pack so far."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._new_offset: dict[int, int] = {}  # by old offset
        self.pos = PACK_HEADER_BYTES
        self.pieces: list[Piece] = []
        self.rows: list[IndexRow] = []

    def add_as_is(self, entry: PlacedEntry) -> None:
        self._begin(entry, entry.crc)
        self._copy(entry.offset, entry.end)

    def add_whole(self, entry: PlacedEntry, kind: ObjectKind, data: bytes) -> None:
        written = encode_entry_header(kind, len(data)) + compress(data)
        self._begin(entry, crc32(written))
        self._write(written)

    def add_ofs_delta(self, entry: PlacedEntry, base_offset: int) -> None:
        old = entry.header
        new_base = self._new_offset.get(base_offset)
        if new_base is not None and self.pos - new_base == entry.offset - base_offset:
            self.add_as_is(entry)
            return
        if new_base is not None:
            header = encode_entry_header(OFS_DELTA, old.size, distance=self.pos - new_base)
        else:
            header = encode_entry_header(REF_DELTA, old.size, base_oid=entry.base)
        self._begin(entry, crc32(self._view[old.body_pos : entry.end], crc32(header)))
        self._write(header)
        self._copy(old.body_pos, entry.end)

    def _begin(self, entry: PlacedEntry, crc: int) -> None:
        self._new_offset[entry.offset] = self.pos
        self.rows.append((entry.oid, crc, self.pos))

    def _write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.pos += len(data)

    def _copy(self, start: int, end: int) -> None:
        """Take a stretch of the old pack, as one with the stretch before it where they touch."""
        self.pos += end - start
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, slice) and last.stop == start:
            self.pieces[-1] = slice(last.start, end)
        else:
            self.pieces.append(slice(start, end))
