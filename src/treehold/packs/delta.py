"""Deltas: an object as pieces of another and new bytes between them (gitformat-pack, "Deltified representation").

A delta begins with the sizes of its base and of its result. Each instruction is one byte: with the high bit it copies
from the base, and its other bits tell which bytes of offset and size follow; without, it is how many bytes of the
delta itself come next.
"""

from typing import Final

from treehold.errors import LimitExceeded, RejectedPack

_COPY: Final = 0x80
_COPY_SIZE_DEFAULT: Final = 0x10000
DELTA_SIZES_BYTES_MAX: Final = 20
"""Both sizes of a delta fit into its first 20 bytes: 10 bytes of 7 bits hold any number of 63 bits."""


def delta_sizes(delta: bytes) -> tuple[int, int, int]:
    """Size of the base, size of the result, and where the instructions begin; raises RejectedPack."""
    base_size, pos = _parse_size(delta, 0)
    result_size, pos = _parse_size(delta, pos)
    return base_size, result_size, pos


def delta_result_size(delta: bytes) -> int:
    """How large the delta's result says it is; the delta's first 20 bytes are enough. Raises RejectedPack."""
    return delta_sizes(delta)[1]


def apply_delta(base: bytes, delta: bytes, *, result_bytes_max: int) -> bytes:
    """The object that ``delta`` makes of ``base``.

    Raises RejectedPack for anything but an exact fit, LimitExceeded when the result would be too large; never makes
    more bytes than the delta announces.
    """
    base_size, result_size, pos = delta_sizes(delta)
    if base_size != len(base):
        raise RejectedPack(f"a delta is made for a base of {base_size} bytes, not of {len(base)}")
    if result_size > result_bytes_max:
        raise LimitExceeded(f"an object of {result_size} bytes is over the limit of {result_bytes_max}")
    try:
        parts = _pieces(base, delta, pos, result_size)
    except IndexError:
        raise RejectedPack("a delta ends within an instruction") from None
    return b"".join(parts)


def _pieces(base: bytes, delta: bytes, pos: int, missing: int) -> list[bytes]:
    """The pieces of the result, ``missing`` bytes in all; IndexError when the delta ends too early."""
    parts = []
    end = len(delta)
    while pos < end:
        instruction = delta[pos]
        pos += 1
        if instruction & _COPY:
            offset, size, pos = _parse_copy(instruction, delta, pos)
            if offset + size > len(base):
                raise RejectedPack("a delta copies from beyond its base")
            missing -= size
            if missing < 0:  # checked before the bytes are copied, or a few bytes could ask for all memory
                break
            parts.append(base[offset : offset + size])
        elif instruction:
            parts.append(delta[pos : pos + instruction])
            pos += instruction
            missing -= instruction
        else:
            raise RejectedPack("a delta has the reserved instruction 0")
    if pos > end:
        raise RejectedPack("a delta ends within an instruction")
    if missing:
        raise RejectedPack("a delta's result has not the size that it says")
    return parts


def _parse_copy(instruction: int, delta: bytes, pos: int) -> tuple[int, int, int]:
    """Offset and size of a copy, and where the next instruction begins."""
    offset = size = 0
    if instruction & 0x01:
        offset = delta[pos]
        pos += 1
    if instruction & 0x02:
        offset |= delta[pos] << 8
        pos += 1
    if instruction & 0x04:
        offset |= delta[pos] << 16
        pos += 1
    if instruction & 0x08:
        offset |= delta[pos] << 24
        pos += 1
    if instruction & 0x10:
        size = delta[pos]
        pos += 1
    if instruction & 0x20:
        size |= delta[pos] << 8
        pos += 1
    if instruction & 0x40:
        size |= delta[pos] << 16
        pos += 1
    return offset, size or _COPY_SIZE_DEFAULT, pos


def _parse_size(delta: bytes, pos: int) -> tuple[int, int]:
    size = shift = 0
    for byte in delta[pos : pos + DELTA_SIZES_BYTES_MAX // 2]:
        size |= (byte & 127) << shift
        shift += 7
        pos += 1
        if byte < _COPY:
            return size, pos
    raise RejectedPack("a delta's size never ends")
