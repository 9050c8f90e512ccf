"""Inflating one zlib stream that is followed by others, without ever making more of it than was announced.

``zlib`` copies whatever follows a stream, so it is fed windows of about the size that the stream should have: fed the
rest of the pack each time, reading n entries would copy n²/2 of them.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from treehold.errors import RejectedPack

_WINDOW_SLACK: Final = 64  # zlib's own header and trailer, and what deflate adds to bytes that it cannot shrink
_BEGINNING_WINDOW: Final = 256
_PIECES_WINDOW: Final = 64 << 10


def inflate(view: memoryview, pos: int, end: int, size: int) -> tuple[bytes, int]:
    """The ``size`` bytes of the stream that begins at ``pos``, and where it ends, at ``end`` at the latest.

    Raises RejectedPack when the stream is damaged, cut off, or not of that size; never makes more than size + 1 bytes.
    """
    stream = zlib.decompressobj()
    data, stop = _feed(stream, view[pos:end], size + 1, window=size + (size >> 10) + _WINDOW_SLACK)
    if len(data) > size or (stream.eof and len(data) < size):
        raise RejectedPack(f"the entry's data at {pos} has not the size that its header says")
    if not stream.eof:
        raise RejectedPack(f"the pack ends within the entry's data at {pos}")
    return data, pos + stop - len(stream.unused_data)


def inflate_beginning(view: memoryview, pos: int, end: int, size: int) -> bytes:
    """The first ``size`` bytes of the stream that begins at ``pos``, or all there are; raises RejectedPack."""
    return _feed(zlib.decompressobj(), view[pos:end], size, window=_BEGINNING_WINDOW)[0]


def inflate_pieces(view: memoryview, pos: int, end: int, size: int, *, piece_bytes: int) -> Iterator[bytes]:
    """The ``size`` bytes of the stream that begins at ``pos``, in pieces of at most ``piece_bytes``.

    Raises RejectedPack as :func:`inflate` does, but only when it comes to what is wrong; never gives more than size.
    """
    stream = zlib.decompressobj()
    waiting = b""
    left = size
    while not stream.eof:
        if not waiting:
            waiting = bytes(view[pos : min(pos + _PIECES_WINDOW, end)])
            pos += len(waiting)
        try:
            piece = stream.decompress(waiting, piece_bytes)
        except zlib.error as error:
            raise RejectedPack(f"an entry's data is damaged: {error}") from None
        if not (waiting or piece):
            raise RejectedPack(f"the pack ends within an entry's data, at {end}")
        waiting = stream.unconsumed_tail
        left -= len(piece)
        if left < 0:
            break
        if piece:
            yield piece
    if left:
        raise RejectedPack(f"the entry's data before {pos} has not the size that its header says")


def _feed(stream: "zlib._Decompress", view: memoryview, room: int, *, window: int) -> tuple[bytes, int]:
    """Up to ``room`` bytes, and how much of ``view`` was given to the stream for them."""
    parts = []
    pos, end = 0, len(view)
    try:
        while room and pos < end and not stream.eof:
            part = stream.decompress(view[pos : pos + window], room)
            parts.append(part)
            room -= len(part)
            pos = min(pos + window, end)
            window *= 2
    except zlib.error as error:
        raise RejectedPack(f"an entry's data is damaged: {error}") from None
    return b"".join(parts), pos
