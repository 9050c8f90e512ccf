"""Whether a layout for C Git (``materialise.py``) is as it was made, by the checksums that its files carry."""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from treehold.catalog.base import PackRow

_FINISHED: Final = ("pack/pack-*", "pack/multi-pack-index", "pack/multi-pack-index-*", "info/commit-graph")
"""Beside them there may be what C Git is just writing."""
_CHECKSUM_BYTES: Final = 20
_OBJECT_COUNT_AT: Final = 8 + 255 * 4
"""Where a pack index says how many objects there are: the last row of its fan-out."""


def is_sound(objects: Path, rows: Sequence[PackRow]) -> bool:
    """Check an ``objects`` folder for that list of packs, and what it borrows from; reads every byte of it."""
    try:
        return all(_checks(objects, rows))
    except OSError:  # gone, or not to be read
        return False


def _checks(objects: Path, rows: Sequence[PackRow]) -> Iterator[bool]:
    for pattern in _FINISHED:
        yield all(map(ends_with_its_checksum, objects.glob(pattern)))
    packs = list(objects.glob("pack/*.pack"))
    yield len(packs) == min(len(rows), 1)
    for pack in packs:
        index = pack.with_suffix(".idx").read_bytes()
        yield pack.stem == f"pack-{index[-2 * _CHECKSUM_BYTES : -_CHECKSUM_BYTES].hex()}"
        (count,) = struct.unpack_from(">I", index, _OBJECT_COUNT_AT)
        yield count == sum(row.objects for row in rows) or _is_beside_another(objects)


def _is_beside_another(objects: Path) -> bool:
    other = Path(os.fsdecode((objects / "info" / "alternates").read_bytes().removesuffix(b"\n")))
    return other.is_absolute() and other.is_dir()


def ends_with_its_checksum(file: Path) -> bool:
    """Whether a pack or another of C Git's files ends with the SHA-1 of all before it; raises OSError."""
    digest = hashlib.sha1(usedforsecurity=False)
    with file.open("rb") as opened:
        held = b""
        while piece := opened.read(1 << 20):
            held += piece
            digest.update(held[:-_CHECKSUM_BYTES])
            held = held[-_CHECKSUM_BYTES:]
    return held == digest.digest()
