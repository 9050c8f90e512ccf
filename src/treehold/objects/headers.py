"""The header block of commits and tags: ``key value`` lines up to an empty line, long values folded by a space."""

from binascii import Error as HexError
from binascii import a2b_hex
from collections.abc import Iterable

from treehold.errors import MalformedObject
from treehold.ids import ObjectId

Header = tuple[bytes, bytes]
"""A header's key and its unfolded value."""


def split_headers(data: bytes) -> tuple[list[Header], bytes | None]:
    """Headers in order, and the message after the empty line; None where even that line is missing.

    A line without a space is a key with an empty value. Raises MalformedObject (nulInHeader).
    """
    block, gap, message = data.partition(b"\n\n")
    if not gap:
        block = block.removesuffix(b"\n")
    if b"\0" in block:
        raise MalformedObject("nulInHeader", "a NUL byte among the headers")
    headers: list[Header] = []
    for line in block.replace(b"\n ", b"\0").split(b"\n"):  # a folded line end is a NUL while lines are split
        key, _, value = line.partition(b" ")
        headers.append((key, value.replace(b"\0", b"\n")))
    return headers, message if gap else None


def join_headers(headers: Iterable[Header], message: bytes | None) -> bytes:
    """The bytes that split_headers reads; folds values over several lines."""
    block = b"".join([b"%b %b\n" % (key, value.replace(b"\n", b"\n ")) for key, value in headers])
    return block if message is None else block + b"\n" + message


def hex_at(data: bytes, pos: int) -> ObjectId | None:
    """The id of 40 hex digits and a line end at ``pos``; None for anything else. Upper case is taken, as git does."""
    if data[pos + 40 : pos + 41] != b"\n":
        return None
    try:
        return ObjectId(a2b_hex(data[pos : pos + 40]))
    except HexError:
        return None
