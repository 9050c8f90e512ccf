"""What the entries of a large pack say of themselves: which are deltas of what, and which are too large.

A pack has millions of entries, so each is asked one byte by the interpreter's own loops, and only deltas and what may
be large are looked at more closely.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

from treehold.errors import CorruptStore, RejectedPack
from treehold.packs.delta import DELTA_SIZES_BYTES_MAX, delta_result_size
from treehold.packs.entry import OFS_DELTA, EntryHeader, parse_entry_header
from treehold.packs.inflate import inflate_beginning
from treehold.packs.read import OpenPack

_MORE: Final = 0x80
_IS_DELTA: Final = bytes((first >> 4 & 7) >= OFS_DELTA for first in range(256))
_IS_WHOLE: Final = bytes((first >> 4 & 7) < OFS_DELTA for first in range(256))
_IS_WHOLE_AND_LONG: Final = bytes((first >> 4 & 7) < OFS_DELTA and first >= _MORE for first in range(256))
_SIZE_BITS_OF_FIRST: Final = 4
_SIZE_BITS_OF_NEXT: Final = 7
_SIZES_WINDOW: Final = 256
"""Of deflated bytes: enough for the sizes of nearly every delta."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Where each delta's base is, both by their offsets (``bases``), and where the objects over the bound are."""

    bases: Mapping[int, int]
    oversized: Sequence[int]


def survey_entries(pack: OpenPack, offsets: Sequence[int], *, bytes_max: int) -> Survey:
    """Look at the entries at these offsets, of a pack that has all bases and was verified; raises CorruptStore.

    Of a delta the size of what it makes counts.
    """
    firsts = bytes(map(pack.view.__getitem__, offsets))
    may_be_large = _IS_WHOLE_AND_LONG if bytes_max >> _SIZE_BITS_OF_FIRST else _IS_WHOLE
    oversized = _large(pack, list(compress(offsets, firsts.translate(may_be_large))), bytes_max)
    may_grow = re.compile(rb"[\x80-\xff]*+[\x00-\x7f][\x80-\xff]{%d}" % _full_groups(bytes_max), re.DOTALL)
    bases = {}
    try:
        for offset in compress(offsets, firsts.translate(_IS_DELTA)):
            header = parse_entry_header(pack.view, offset, pack.end)
            bases[offset] = _base_offset(pack, header)
            sizes = _sizes(pack, header)
            if may_grow.match(sizes) and delta_result_size(sizes) > bytes_max:
                oversized.append(offset)
    except (RejectedPack, zlib.error) as error:
        raise CorruptStore(f"a verified pack is damaged: {error}") from error
    return Survey(bases, oversized)


def _large(pack: OpenPack, offsets: list[int], bytes_max: int) -> list[int]:
    """Which of these whole objects are too large: first by how many bytes their sizes take, then by their sizes."""
    further = 1
    while bytes_max >> (_SIZE_BITS_OF_FIRST + _SIZE_BITS_OF_NEXT * further):
        offsets = [offset for offset in offsets if pack.view[offset + further] >= _MORE]
        further += 1
    return [offset for offset in offsets if pack.header_at(offset).size > bytes_max]


def _base_offset(pack: OpenPack, header: EntryHeader) -> int:
    if header.base_offset is not None:
        return header.base_offset
    offset = None if header.base_oid is None else pack.index.find(header.base_oid)
    if offset is None:
        raise CorruptStore("a verified pack lacks the base of a delta")
    return offset


def _sizes(pack: OpenPack, header: EntryHeader) -> bytes:
    """The beginning of a delta, which has the sizes of its base and of its result."""
    start = header.body_pos
    beginning = zlib.decompressobj().decompress(pack.view[start : start + _SIZES_WINDOW], DELTA_SIZES_BYTES_MAX)
    if len(beginning) < min(DELTA_SIZES_BYTES_MAX, header.size):
        return inflate_beginning(pack.view, start, pack.end, DELTA_SIZES_BYTES_MAX)
    return beginning


def _full_groups(bytes_max: int) -> int:
    """How many bytes of seven bits any larger number fills, all of them followed by another."""
    return max(0, (bytes_max.bit_length() - 1) // _SIZE_BITS_OF_NEXT)
