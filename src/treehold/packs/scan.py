"""Taking a whole pack apart: every entry, inflated, and every check that the bytes alone allow."""

from hashlib import sha1
from typing import NamedTuple
from zlib import crc32

from treehold.errors import LimitExceeded, RejectedPack
from treehold.packs.entry import (
    OFS_DELTA,
    PACK_HEADER_BYTES,
    PACK_TRAILER_BYTES,
    REF_DELTA,
    Buffer,
    EntryHeader,
    parse_entry_header,
    parse_pack_header,
)
from treehold.packs.inflate import inflate
from treehold.packs.limits import DEFAULT_LIMITS, PackLimits


class ScannedEntry(NamedTuple):
    """One entry at ``[offset, end)`` of its pack; ``data`` is the inflated object or delta, ``crc`` the CRC-32 of the
    entry's bytes as they lie there."""

    offset: int
    end: int
    crc: int
    header: EntryHeader
    data: bytes


def scan_pack(pack: Buffer, *, limits: PackLimits = DEFAULT_LIMITS) -> list[ScannedEntry]:
    """Every entry of the pack, in its order. A pack without objects is a pack.

    Raises RejectedPack for bytes that are not exactly one undamaged pack, LimitExceeded for too much of it. A size is
    compared with its limit before anything is inflated.
    """
    view = memoryview(pack)
    objects = parse_pack_header(pack)
    if objects > limits.objects_max:
        raise LimitExceeded(f"a pack of {objects} objects is over the limit of {limits.objects_max}")
    end = len(view) - PACK_TRAILER_BYTES
    if end < PACK_HEADER_BYTES:
        raise RejectedPack("the pack ends within its trailer")
    entries = []
    pos = PACK_HEADER_BYTES
    inflated_bytes_left = limits.inflated_bytes_max
    delta_bytes_left = limits.delta_bytes_max
    for _ in range(objects):
        header = parse_entry_header(view, pos, end)
        check_size(header.size, inflated_bytes_left, limits)
        if header.kind_code in (OFS_DELTA, REF_DELTA):
            delta_bytes_left -= header.size
            if delta_bytes_left < 0:
                raise LimitExceeded(
                    f"the pack's deltas inflate to more than the limit of {limits.delta_bytes_max} bytes"
                )
        data, stop = inflate(view, header.body_pos, end, header.size)
        entries.append(ScannedEntry(pos, stop, crc32(view[pos:stop]), header, data))
        inflated_bytes_left -= header.size
        pos = stop
    if pos != end:
        raise RejectedPack(f"the pack has {end - pos} bytes more than its {objects} objects")
    if sha1(view[:end], usedforsecurity=False).digest() != bytes(view[end:]):
        raise RejectedPack("the pack's checksum does not match its bytes")
    return entries


def check_size(size: int, inflated_bytes_left: int, limits: PackLimits) -> None:
    """Raise LimitExceeded when an object of that size is too large, by itself or with all that came before it."""
    if size > limits.object_bytes_max:
        raise LimitExceeded(f"an object of {size} bytes is over the limit of {limits.object_bytes_max}")
    if size > inflated_bytes_left:
        raise LimitExceeded(f"the pack inflates to more than the limit of {limits.inflated_bytes_max} bytes")
