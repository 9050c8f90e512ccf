"""The body of a Git request, in pieces, inflated if the client deflated it."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, Final

from treehold.errors import LimitExceeded, MalformedMessage

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

_GZIP_WINDOW: Final = 31
_INFLATED_PIECE_BYTES: Final = 256 << 10
UNWATCHED_SECONDS: Final = 0.1
"""How long a deed goes on before anybody looks whether its client is still there."""


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class ClientTooSlow(Exception):
    """The client sends its body too slowly to be waited for."""


class PacedReceive:
    """Receives a body for as long as it comes on.

    Raises ClientTooSlow when nothing comes for ``idle_seconds``, or when after as long so much is missing that fewer
    than ``bytes_per_second_min`` came on average.
    """

    def __init__(self, receive: Receive, *, idle_seconds: float, bytes_per_second_min: int) -> None:
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._bytes_per_second_min = bytes_per_second_min
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + idle_seconds

    async def __call__(self) -> Message:
        """The next message."""
        try:
            async with asyncio.timeout_at(min(self._deadline, self._clock() + self._idle_seconds)):
                message = await self._receive()
        except TimeoutError:
            raise ClientTooSlow from None
        self._deadline += len(message.get("body", b"")) / self._bytes_per_second_min
        return message


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


async def while_connected(receive: Receive, deed: Awaitable[None]) -> None:
    """Carry out a deed whose only use is its answer; ends it and raises ClientGone when the client goes.

    For when the body has all come: ASGI servers do not tell a sender that nobody listens any more. A deed that is soon
    done is not watched: to listen costs a task.
    """
    watch = _Watch(receive)
    try:
        await deed
    except asyncio.CancelledError:
        if watch.was_told and watch.doing.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels the present task when the client goes, from :data:`UNWATCHED_SECONDS` on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._listening: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, self._begin)
        self.was_told = False
        task = asyncio.current_task()
        assert task is not None
        self.doing = task

    def _begin(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.was_told = True
        self.doing.cancel()

    def end(self) -> None:
        self._timer.cancel()
        if self._listening is not None:
            self._listening.cancel()


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
