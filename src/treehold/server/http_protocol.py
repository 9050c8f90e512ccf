"""uvicorn's HTTP protocol with a bound on how much and how long a request's head may be.

uvicorn bounds neither under httptools: one header that never ends would take all memory, before the body or, of a
chunked one, after it; and one that comes a byte an hour would hold a connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 27\r\n"
    b"connection: close\r\n\r\nThe headers are too large.\n"
)


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
        if self._in_head and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)
        self._bytes_without_body += len(data)
        super().data_received(data)
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

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def bound_heads(*, bytes_max: int, seconds: int) -> None:
    """Set the bounds for this process: uvicorn makes the protocol itself, from the class alone."""
    BoundedHttpProtocol.head_bytes_max = bytes_max
    BoundedHttpProtocol.head_seconds = seconds
