"""C Git's own pack index, version 2 (gitformat-pack, "Version 2 pack-*.idx files"), to and from ours."""

import struct
from collections import Counter
from hashlib import sha1
from itertools import accumulate, count, islice
from operator import lt
from typing import Final

from treehold.errors import CorruptStore
from treehold.ids import OID_BYTES
from treehold.packs.entry import PACK_TRAILER_BYTES, Buffer
from treehold.packs.index import INDEX_HEADER_BYTES, INDEX_MAGIC, INDEX_VERSION, PackIndex

_MAGIC: Final = b"\377tOc\0\0\0\2"
_FANOUT: Final = struct.Struct(">256I")
_OIDS_POS: Final = len(_MAGIC) + _FANOUT.size
_LARGE: Final = 0x8000_0000
"""An offset of 31 bits or less stands for itself; one with this bit is a row of the table of 64-bit offsets."""
_ROW_BYTES: Final = OID_BYTES + 4 + 4
_OUR_HEADER: Final = struct.Struct(">4sIQ")


def to_git_index(index: PackIndex, pack_trailer: bytes) -> bytes:
    """The ``.idx`` file that git index-pack would write; ``pack_trailer`` is the pack's last 20 bytes."""
    objects = len(index)
    rows = memoryview(index.encode())[INDEX_HEADER_BYTES:]
    oids = rows[: OID_BYTES * objects]
    crcs = rows[OID_BYTES * objects : (OID_BYTES + 4) * objects]
    offsets = rows[(OID_BYTES + 4) * objects :]
    firsts = Counter(bytes(oids[::OID_BYTES]))
    small, large = _split_offsets(offsets)
    body = b"".join(
        (
            _MAGIC,
            _FANOUT.pack(*accumulate(firsts[first] for first in range(256))),
            oids,
            crcs,
            small,
            large,
            pack_trailer,
        )
    )
    return body + sha1(body, usedforsecurity=False).digest()


def from_git_index(data: Buffer) -> PackIndex:
    """Read a ``.idx`` file; raises CorruptStore for a damaged one, another version, or an object that is there
    twice."""
    view = memoryview(data)
    minimum = _OIDS_POS + 2 * PACK_TRAILER_BYTES
    if len(view) < minimum or bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise CorruptStore("not a git pack index of version 2")
    if sha1(view[:-PACK_TRAILER_BYTES], usedforsecurity=False).digest() != bytes(view[-PACK_TRAILER_BYTES:]):
        raise CorruptStore("a git pack index has a wrong checksum")
    objects = _FANOUT.unpack_from(view, len(_MAGIC))[255]
    large_bytes = len(view) - minimum - objects * _ROW_BYTES
    if large_bytes < 0 or large_bytes % 8:
        raise CorruptStore(f"a git pack index of {objects} objects has {len(view)} bytes")
    crcs_pos = _OIDS_POS + OID_BYTES * objects
    small_pos = crcs_pos + 4 * objects
    large_pos = small_pos + 4 * objects
    oids = [oid for (oid,) in struct.iter_unpack(f"{OID_BYTES}s", view[_OIDS_POS:crcs_pos])]
    if not all(map(lt, oids, islice(oids, 1, None))):
        raise CorruptStore("the ids of a git pack index do not ascend")
    offsets = _join_offsets(view[small_pos:large_pos], view[large_pos : large_pos + large_bytes])
    header = _OUR_HEADER.pack(INDEX_MAGIC, INDEX_VERSION, objects)
    return PackIndex.decode(b"".join((header, view[_OIDS_POS:small_pos], offsets)))


def _split_offsets(offsets: memoryview) -> tuple[bytes, bytes]:
    """Git's columns of small and of large offsets, from our column of 8 bytes each."""
    numbers = struct.unpack(f">{len(offsets) // 8}Q", offsets)
    large = [offset for offset in numbers if offset >= _LARGE]
    if not large:
        return struct.pack(f">{len(numbers)}I", *numbers), b""
    row = count()
    small = (offset if offset < _LARGE else _LARGE | next(row) for offset in numbers)
    return struct.pack(f">{len(numbers)}I", *small), struct.pack(f">{len(large)}Q", *large)


def _join_offsets(small: memoryview, large: memoryview) -> bytes:
    """Our column of offsets, from git's two."""
    numbers = struct.unpack(f">{len(small) // 4}I", small)
    table = struct.unpack(f">{len(large) // 8}Q", large)
    try:
        offsets = [table[number - _LARGE] if number >= _LARGE else number for number in numbers]
    except IndexError:
        raise CorruptStore("a git pack index points beyond its table of large offsets") from None
    return struct.pack(f">{len(offsets)}Q", *offsets)
