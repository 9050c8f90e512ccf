"""The two blobs of a snapshot: a table of refs and a list of packs.

Both keep their texts together and their fixed-width parts together, so that Python reads thousands of entries with one
split and one pass. The layouts, with examples, are in docs/formats/catalog.md. Backends share them.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from treehold.catalog.base import PackRow
from treehold.errors import CatalogError, CorruptStore
from treehold.ids import OID_BYTES, ObjectId, PackId, RefName

_REFS_VERSION: Final = 1
_PACKS_VERSION: Final = 2  # migration 2 rewrote all of version 1
_HEAD = struct.Struct(">BII")  # version, entries, bytes of the joined texts
_PACK = struct.Struct(">QQQQQ")  # id, generation, objects, bytes, first generation
_PACK_ID = struct.Struct(">Q32x")
_SEPARATOR: Final = b"\n"  # no ref name may hold a control character, and no store key does


def encode_refs(oids: Mapping[RefName, ObjectId]) -> bytes:
    """The table of an id for each ref name, sorted by name."""
    names = sorted(oids)
    joined = _join(names)
    return b"".join((_HEAD.pack(_REFS_VERSION, len(names), len(joined)), joined, *(oids[name] for name in names)))


def decode_refs(blob: bytes) -> dict[RefName, ObjectId]:
    """Read what :func:`encode_refs` wrote, in its order; raises CorruptStore."""
    names, body = _split(blob, _REFS_VERSION, OID_BYTES)
    oids = (ObjectId(body[at : at + OID_BYTES]) for at in range(0, len(body), OID_BYTES))
    table = dict(zip(map(RefName, names), oids, strict=True))
    if len(table) != len(names):
        raise CorruptStore("a snapshot names a ref twice")
    return table


def encode_packs(packs: Sequence[PackRow]) -> bytes:
    """The list of packs, in the order given."""
    joined = _join([(pack.key or "").encode() for pack in packs])
    bodies = (
        _PACK.pack(pack.id, pack.generation, pack.objects, pack.size_bytes, pack.first_generation) for pack in packs
    )
    return b"".join((_HEAD.pack(_PACKS_VERSION, len(packs), len(joined)), joined, *bodies))


def decode_packs(blob: bytes) -> list[PackRow]:
    """Read what :func:`encode_packs` wrote; raises CorruptStore."""
    texts, body = _split(blob, _PACKS_VERSION, _PACK.size)
    try:
        keys = [text.decode() or None for text in texts]
    except UnicodeDecodeError as error:
        raise CorruptStore("a snapshot's store key is not UTF-8") from error
    return [
        PackRow(PackId(number), generation, objects, size_bytes, key, first_generation)
        for (number, generation, objects, size_bytes, first_generation), key in zip(
            _PACK.iter_unpack(body), keys, strict=True
        )
    ]


def decode_pack_ids(blob: bytes) -> list[int]:
    """The ids alone, which the sweep reads of every snapshot; raises CorruptStore."""
    return [number for (number,) in _PACK_ID.iter_unpack(_split(blob, _PACKS_VERSION, _PACK.size)[1])]


def _join(texts: Sequence[bytes]) -> bytes:
    """The texts of a blob; raises CatalogError rather than write what could not be read back."""
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) != max(0, len(texts) - 1):
        raise CatalogError("a ref name or store key holds a line feed")
    return joined


def _split(blob: bytes, version: int, width: int) -> tuple[list[bytes], bytes]:
    """The texts of a blob, and its fixed-width parts still joined; raises CorruptStore."""
    if len(blob) < _HEAD.size:
        raise CorruptStore("a snapshot is cut short")
    found, count, text_bytes = _HEAD.unpack_from(blob)
    if found != version:
        raise CorruptStore(f"a snapshot has version {found}, not {version}")
    body_at = _HEAD.size + text_bytes
    if len(blob) != body_at + count * width:
        raise CorruptStore("a snapshot's length is not what its head says")
    texts = blob[_HEAD.size : body_at].split(_SEPARATOR)
    if count == 0 and texts == [b""]:
        return [], b""
    if len(texts) != count:
        raise CorruptStore("a snapshot's count is not what its head says")
    return texts, blob[body_at:]
