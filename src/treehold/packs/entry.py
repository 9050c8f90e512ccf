"""The header of a pack and of each entry in it (gitformat-pack).

An entry begins with its kind and its inflated size as a number of 7 bits a byte, and for a delta with where its base
is: as a distance backwards in the pack (OFS_DELTA), or as an object id (REF_DELTA). Its zlib stream follows.
"""

import struct
from mmap import mmap
from typing import Final, NamedTuple

from treehold.errors import RejectedPack
from treehold.ids import OID_BYTES, ObjectId

Buffer = bytes | memoryview | mmap
"""Bytes that are read in place, never copied whole."""

OFS_DELTA: Final = 6
REF_DELTA: Final = 7

_PACK_HEADER: Final = struct.Struct(">4sII")
PACK_HEADER_BYTES: Final = _PACK_HEADER.size
PACK_TRAILER_BYTES: Final = 20
"""The SHA-1 of all that comes before it."""
PACK_OBJECTS_MAX: Final = 2**32 - 1
PACK_VERSIONS: Final = (2, 3)
"""Version 3 differs in nothing that Git has ever written; C Git reads both."""

_SIZE_BITS_MAX: Final = 63  # what C Git's off_t holds
_MORE: Final = 0x80


class EntryHeader(NamedTuple):
    """An entry up to its zlib stream, which begins at ``body_pos``.

    ``kind_code`` is an ObjectKind, OFS_DELTA or REF_DELTA; ``size`` that of the inflated stream. ``base_offset`` is
    absolute in the pack.
    """

    kind_code: int
    size: int
    base_offset: int | None
    base_oid: ObjectId | None
    body_pos: int


def encode_pack_header(objects: int, version: int = 2) -> bytes:
    """The first 12 bytes of a pack."""
    return _PACK_HEADER.pack(b"PACK", version, objects)


def parse_pack_header(buf: Buffer) -> int:
    """How many objects the pack says it has; raises RejectedPack for what is not a pack of a known version."""
    if len(buf) < PACK_HEADER_BYTES:
        raise RejectedPack("the pack ends within its header")
    magic, version, objects = _PACK_HEADER.unpack_from(buf)
    if magic != b"PACK":
        raise RejectedPack("not a pack: it does not begin with PACK")
    if version not in PACK_VERSIONS:
        raise RejectedPack(f"pack version {version} is not known")
    return int(objects)


def parse_entry_header(buf: Buffer, pos: int, end: int) -> EntryHeader:
    """Read the header of the entry at ``pos``; nothing at or after ``end`` belongs to it. Raises RejectedPack."""
    offset = pos
    more = _MORE
    number = shift = kind_code = 0
    while more:  # the first byte has the kind between its flag and its 4 bits of size
        if pos >= end:
            raise RejectedPack(f"the pack ends within the header of the entry at {offset}")
        byte = buf[pos]
        more = byte & _MORE
        if pos == offset:
            kind_code, number, shift = byte >> 4 & 7, byte & 15, 4
        else:
            number |= (byte & 127) << shift
            shift += 7
        if shift >= _SIZE_BITS_MAX + 7:
            raise RejectedPack(f"the size of the entry at {offset} never ends")
        pos += 1
    if number >> _SIZE_BITS_MAX:
        raise RejectedPack(f"the size of the entry at {offset} does not fit 63 bits")
    if 1 <= kind_code <= 4:
        return EntryHeader(kind_code, number, None, None, pos)
    if kind_code == OFS_DELTA:
        base_offset, pos = _parse_base_offset(buf, pos, end, offset)
        return EntryHeader(kind_code, number, base_offset, None, pos)
    if kind_code != REF_DELTA:
        raise RejectedPack(f"the entry at {offset} has the unknown kind {kind_code}")
    if pos + OID_BYTES > end:
        raise RejectedPack(f"the pack ends within the header of the entry at {offset}")
    return EntryHeader(kind_code, number, None, ObjectId(bytes(buf[pos : pos + OID_BYTES])), pos + OID_BYTES)


def _parse_base_offset(buf: Buffer, pos: int, end: int, offset: int) -> tuple[int, int]:
    """The absolute offset of an OFS_DELTA's base, and where its distance ends."""
    distance = -1
    more = _MORE
    while more:  # each further byte adds one before it shifts, so that no distance has two spellings
        if pos >= end:
            raise RejectedPack(f"the pack ends within the header of the entry at {offset}")
        byte = buf[pos]
        pos += 1
        more = byte & _MORE
        distance = (distance + 1) << 7 | (byte & 127)
        if distance > offset:
            raise RejectedPack(f"the entry at {offset} has its base before the pack")
    base_offset = offset - distance
    if distance == 0 or base_offset < PACK_HEADER_BYTES:
        raise RejectedPack(f"the entry at {offset} has no place in the pack as its base")
    return base_offset, pos


def encode_entry_header(
    kind_code: int, size: int, *, distance: int | None = None, base_oid: ObjectId | None = None
) -> bytes:
    """The header's bytes. ``distance`` goes with OFS_DELTA, ``base_oid`` with REF_DELTA; no other kind has either."""
    header = bytearray([kind_code << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= _MORE
        header.append(size & 127)
        size >>= 7
    if distance is not None:
        header += _encode_distance(distance)
    elif base_oid is not None:
        header += base_oid
    return bytes(header)


def _encode_distance(distance: int) -> bytes:
    groups = [distance & 127]
    distance >>= 7
    while distance:
        distance -= 1
        groups.append(_MORE | distance & 127)
        distance >>= 7
    return bytes(reversed(groups))
