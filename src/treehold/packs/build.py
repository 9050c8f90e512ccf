"""A plain pack of whole objects."""

from collections.abc import Iterable
from hashlib import sha1
from zlib import compress, crc32

from treehold.ids import ObjectId, ObjectKind
from treehold.objects.hash import hash_object
from treehold.packs.entry import PACK_HEADER_BYTES, encode_entry_header, encode_pack_header
from treehold.packs.index import PackIndex

COMPRESSION_LEVEL = 6
"""zlib's own default: level 9 takes twice the time for a hundredth of the bytes."""


def build_pack(
    objects: Iterable[tuple[ObjectKind, bytes]], *, level: int = COMPRESSION_LEVEL
) -> tuple[bytes, PackIndex]:
    """A pack of these objects in their order, and its index; an object that comes twice is written once."""
    written: dict[ObjectId, tuple[int, int]] = {}
    entries = []
    pos = PACK_HEADER_BYTES
    for kind, data in objects:
        oid = hash_object(kind, data)
        if oid in written:
            continue
        entry = encode_entry_header(kind, len(data)) + compress(data, level)
        written[oid] = (crc32(entry), pos)
        entries.append(entry)
        pos += len(entry)
    body = b"".join([encode_pack_header(len(entries)), *entries])
    index = PackIndex.build((oid, crc, offset) for oid, (crc, offset) in written.items())
    return body + sha1(body, usedforsecurity=False).digest(), index
