"""uvicorn's HTTP protocol with a bound on how much and how long a request's head may be, and with fewer packets.

uvicorn bounds neither under httptools: one header that never ends would take all memory, before the body or, of a
chunked one, after it; and one that comes a byte an hour would hold a connection for ever. And it sends an answer's head
by itself, which costs the server a quarter of a small request once more.
"""

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 27\r\n"
    b"connection: close\r\n\r\nThe headers are too large.\n"
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a head over ``head_bytes_max`` with 431, and drops one not complete after ``head_seconds``."""

    head_bytes_max = 64 << 10
    head_seconds = 30

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bytes_without_body = 0
        self._in_head = True
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Count what brings neither a complete head nor any of a body."""
        self._bytes_without_body += len(data)
        was_in_head, cycle = self._in_head, self.cycle
        super().data_received(data)
        has_no_head_yet = was_in_head and self._in_head and self.cycle is cycle
        if has_no_head_yet and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)
        if self._bytes_without_body > self.head_bytes_max and not self.transport.is_closing():
            if self._in_head:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._bytes_without_body = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body has come."""
        self._bytes_without_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete; what comes next is another head."""
        super().on_message_complete()
        self._bytes_without_body = 0
        self._in_head = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it what it waited for."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["method"] != "HEAD":  # there the head is all that is written
            cycle.transport = _JoinedHead(cycle.transport)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _JoinedHead:
    """What an answer needs of a transport; its head is kept until the first of its body comes, and goes with that.

    As ASGI has it: nothing of an answer is sent before its body begins.
    """

    __slots__ = ("_head", "_is_sent", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._is_sent = False

    def write(self, data: bytes) -> None:
        if self._is_sent or data == _CONTINUE:
            self._transport.write(data)
        elif self._head:
            self._is_sent = True
            self._transport.write(self._head + data)
        else:
            self._head = data

    def close(self) -> None:
        if self._head and not self._is_sent:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


def bound_heads(*, bytes_max: int, seconds: int) -> None:
    """Set the bounds for this process: uvicorn makes the protocol itself, from the class alone."""
    BoundedHttpProtocol.head_bytes_max = bytes_max
    BoundedHttpProtocol.head_seconds = seconds
