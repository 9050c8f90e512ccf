"""The body of a Git request, in pieces, inflated if the client deflated it."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final

from treehold.errors import LimitExceeded, MalformedMessage

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

_GZIP_WINDOW: Final = 31
_INFLATED_PIECE_BYTES: Final = 256 << 10


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def body_pieces(receive: Receive, *, encoding: bytes) -> AsyncGenerator[bytes]:
    """The body as sent with that Content-Encoding; no piece is much larger than 256 KiB, however well it packs.

    Raises MalformedMessage for another encoding or a broken gzip stream, ClientGone.
    """
    if encoding in (b"", b"identity"):
        async for piece in _raw_pieces(receive):
            yield piece
    elif encoding in (b"gzip", b"x-gzip"):
        async for piece in _inflated_pieces(receive):
            yield piece
    else:
        raise MalformedMessage(f"Content-Encoding must be gzip or none, not {encoding[:40]!r}")


async def whole_body(receive: Receive, *, encoding: bytes, bytes_max: int) -> bytes:
    """The body in one piece; raises LimitExceeded beyond ``bytes_max``, and as :func:`body_pieces`."""
    body = bytearray()
    async for piece in body_pieces(receive, encoding=encoding):
        body += piece
        if len(body) > bytes_max:
            raise LimitExceeded(f"the request is larger than {bytes_max} bytes")
    return bytes(body)


async def while_connected(receive: Receive, deed: Coroutine[None, None, None]) -> None:
    """Carry out a deed whose only use is its answer; ends it and raises ClientGone when the client goes.

    For when the body has all come: ASGI servers do not tell a sender that nobody listens any more.
    """
    doing = asyncio.create_task(deed)
    listening = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait((doing, listening), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (doing, listening):
            task.cancel()
        await asyncio.wait((doing, listening))
    if doing.cancelled():
        raise ClientGone
    doing.result()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _raw_pieces(receive: Receive) -> AsyncGenerator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        if piece:
            yield piece
        more = message.get("more_body", False)


async def _inflated_pieces(receive: Receive) -> AsyncGenerator[bytes]:
    stream = zlib.decompressobj(_GZIP_WINDOW)
    async for piece in _raw_pieces(receive):
        waiting = piece
        while waiting and not stream.eof:
            try:
                inflated = stream.decompress(waiting, _INFLATED_PIECE_BYTES)
            except zlib.error as error:
                raise MalformedMessage(f"the gzip body is broken: {error}") from None
            if inflated:
                yield inflated
            waiting = stream.unconsumed_tail
    if not stream.eof:
        raise MalformedMessage("the gzip body ends too early")
