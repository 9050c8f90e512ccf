"""Object filters: which objects a partial clone leaves out (git rev-list, ``--filter``).

A filter is read, checked and spelled anew, so that the text which reaches C Git holds nothing but the few forms below.
``sparse:`` is refused: it would make a server read a blob of the asker's choice as patterns.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from treehold.errors import LimitExceeded, MalformedMessage

FILTER_BYTES_MAX: Final = 4096
FILTER_PARTS_MAX: Final = 16
"""Filters in one ``combine:``. Git knows five kinds, and two of a kind are as good as the stricter one."""
FILTER_NESTING_MAX: Final = 4
NUMBER_MAX: Final = 2**63 - 1

_KINDS: Final = (b"blob", b"tree", b"commit", b"tag")
_UNITS: Final = {b"": 1, b"k": 1 << 10, b"m": 1 << 20, b"g": 1 << 30}
_NUMBER: Final = re.compile(rb"([0-9]{1,19})([kmg]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """A filter in its one canonical spelling; ``text`` holds ``[a-z0-9:=+]`` alone and is safe as an argument."""

    text: bytes


def parse_filter(text: bytes) -> FilterSpec:
    """Read a filter as clients send it; raises MalformedMessage for one that is not offered here, LimitExceeded.

    Nested combinations are flattened and repeated parts dropped: every part must let an object pass either way.
    """
    if len(text) > FILTER_BYTES_MAX:
        raise LimitExceeded(f"a filter of more than {FILTER_BYTES_MAX} bytes")
    parts = tuple(dict.fromkeys(_parts(text, FILTER_NESTING_MAX)))
    if len(parts) > FILTER_PARTS_MAX:
        raise LimitExceeded(f"a filter of more than {FILTER_PARTS_MAX} parts")
    return FilterSpec(parts[0] if len(parts) == 1 else b"combine:" + b"+".join(parts))


def _parts(text: bytes, nesting_left: int) -> list[bytes]:
    if not text.startswith(b"combine:"):
        return [_simple(text)]
    if not nesting_left:
        raise LimitExceeded(f"filters nested more than {FILTER_NESTING_MAX} deep")
    encoded = text.removeprefix(b"combine:").split(b"+")
    return [part for piece in encoded for part in _parts(unquote_to_bytes(piece), nesting_left - 1)]


def _simple(text: bytes) -> bytes:
    name, _, value = text.partition(b":")
    if text == b"blob:none":
        return text
    if name == b"blob" and value.startswith(b"limit="):
        return b"blob:limit=%d" % _number(text, value.removeprefix(b"limit="))
    if name == b"tree":
        return b"tree:%d" % _number(text, value)
    if name == b"object" and value.removeprefix(b"type=") in _KINDS and value.startswith(b"type="):
        return text
    raise MalformedMessage(f"filter {_shown(text)} is not supported")


def _number(text: bytes, digits: bytes) -> int:
    match = _NUMBER.fullmatch(digits)
    number = int(match[1]) * _UNITS[match[2].lower()] if match else NUMBER_MAX + 1
    if number > NUMBER_MAX:
        raise MalformedMessage(f"filter {_shown(text)} has no usable number")
    return number


def _shown(text: bytes) -> str:
    return repr(text[:80])[1:]
