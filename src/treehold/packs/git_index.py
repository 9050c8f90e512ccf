"""C Git's own pack index, version 2 (gitformat-pack, "Version 2 pack-*.idx files"), to and from ours."""

import struct
from collections import Counter
from hashlib import sha1
from itertools import accumulate
from typing import Final

from treehold.errors import CorruptStore
from treehold.ids import OID_BYTES, ObjectId
from treehold.packs.entry import PACK_TRAILER_BYTES, Buffer
from treehold.packs.index import PackIndex

_MAGIC: Final = b"\377tOc\0\0\0\2"
_FANOUT: Final = struct.Struct(">256I")
_OIDS_POS: Final = len(_MAGIC) + _FANOUT.size
_LARGE: Final = 0x8000_0000
"""An offset of 31 bits or less stands for itself; one with this bit is a row of the table of 64-bit offsets."""
_ROW_BYTES: Final = OID_BYTES + 4 + 4


def to_git_index(index: PackIndex, pack_trailer: bytes) -> bytes:
    """The ``.idx`` file that git index-pack would write; ``pack_trailer`` is the pack's last 20 bytes."""
    count = len(index)
    oids = list(index.oids())
    firsts = Counter(oid[0] for oid in oids)
    small: list[int] = []
    large: list[int] = []
    for offset in index.offsets():
        if offset < _LARGE:
            small.append(offset)
        else:
            small.append(_LARGE | len(large))
            large.append(offset)
    body = b"".join(
        (
            _MAGIC,
            _FANOUT.pack(*accumulate(firsts[first] for first in range(256))),
            *oids,
            struct.pack(f">{count}I", *index.crcs()),
            struct.pack(f">{count}I", *small),
            struct.pack(f">{len(large)}Q", *large),
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
    count = _FANOUT.unpack_from(view, len(_MAGIC))[255]
    large_bytes = len(view) - minimum - count * _ROW_BYTES
    if large_bytes < 0 or large_bytes % 8:
        raise CorruptStore(f"a git pack index of {count} objects has {len(view)} bytes")
    crcs_pos = _OIDS_POS + OID_BYTES * count
    oids = [ObjectId(oid) for (oid,) in struct.iter_unpack(f"{OID_BYTES}s", view[_OIDS_POS:crcs_pos])]
    crcs = struct.unpack_from(f">{count}I", view, crcs_pos)
    small = struct.unpack_from(f">{count}I", view, crcs_pos + 4 * count)
    large = struct.unpack_from(f">{large_bytes // 8}Q", view, crcs_pos + 8 * count)
    try:
        offsets = [large[offset - _LARGE] if offset >= _LARGE else offset for offset in small]
    except IndexError:
        raise CorruptStore("a git pack index points beyond its table of large offsets") from None
    return PackIndex.build(zip(oids, crcs, offsets, strict=True))
