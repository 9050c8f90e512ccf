"""Tests of treehold.server.http_protocol: uvicorn's protocol over a transport that keeps what is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from treehold.git_http.body import Message, Receive, Scope, Send
from treehold.server.http_protocol import BoundedHttpProtocol

App = Callable[[Scope, Receive, Send], Awaitable[None]]
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}


class KeptTransport(asyncio.Transport):
    """Keeps what is written, write by write, and tells when that is so many or the connection is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.writes: list[bytes] = []
        self.changed = asyncio.Event()
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        self.changed.set()

    def close(self) -> None:
        self.is_closed = True
        self.changed.set()

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something that writing or closing changes."""
        while not is_so():
            self.changed.clear()
            await self.changed.wait()


def connect(app: App) -> tuple[BoundedHttpProtocol, KeptTransport]:
    """A connection to that application."""
    config = Config(app, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None)
    protocol = BoundedHttpProtocol(config=config, server_state=ServerState(), app_state={})
    transport = KeptTransport()
    protocol.connection_made(transport)
    return protocol, transport


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers four bytes in two pieces, after all of the body has come."""
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"cd"})


async def test_the_head_goes_with_the_first_of_the_body() -> None:
    """One write for both, and one for each piece after that."""
    protocol, transport = connect(answering)
    protocol.data_received(b"GET / HTTP/1.1\r\n\r\n")
    await transport.until(lambda: len(transport.writes) == 2)
    first, second = transport.writes
    assert (first[:15], first[-6:], second) == (b"HTTP/1.1 200 OK", b"\r\n\r\nab", b"cd")


async def test_the_answer_to_head_is_its_head() -> None:
    """There is no body for it to wait for."""
    protocol, transport = connect(answering)
    protocol.data_received(b"HEAD / HTTP/1.1\r\n\r\n")
    await transport.until(lambda: len(transport.writes) == 1)
    assert transport.writes[0].endswith(b"\r\n\r\n")


async def test_a_client_that_waits_to_be_asked_is_asked() -> None:
    """100 Continue goes out at once, and is not taken for the head."""
    protocol, transport = connect(answering)
    protocol.data_received(b"POST / HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    await transport.until(lambda: len(transport.writes) == 1)
    protocol.data_received(b"hi")
    await transport.until(lambda: len(transport.writes) == 3)
    assert transport.writes[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert transport.writes[1].startswith(b"HTTP/1.1 200 OK")


async def test_an_answer_that_breaks_off_is_sent_as_far_as_it_came() -> None:
    """The head, and then the end of the connection."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)

    protocol, transport = connect(failing)
    protocol.data_received(b"GET / HTTP/1.1\r\n\r\n")
    await transport.until(lambda: transport.is_closed)
    assert [write[:15] for write in transport.writes] == [b"HTTP/1.1 200 OK"]


async def test_a_head_that_never_ends_is_refused() -> None:
    """As soon as it is larger than any honest one."""
    protocol, transport = connect(answering)
    protocol.data_received(b"GET / HTTP/1.1\r\n")
    protocol.data_received(b"x: " + b"y" * protocol.head_bytes_max)
    assert transport.is_closed
    assert transport.writes[0].startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_takes_too_long_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first bytes on."""
    monkeypatch.setattr(BoundedHttpProtocol, "head_seconds", 0)
    protocol, transport = connect(answering)
    protocol.data_received(b"GET / HTTP/1.1\r\nx: ")
    await transport.until(lambda: transport.is_closed)
    assert transport.writes == []


@pytest.mark.parametrize("cut", [1, 30, 36, 39])
async def test_a_body_and_its_answer_may_take_their_time(cut: int) -> None:
    """Only a head that is not complete is timed, wherever the request is cut."""
    request = b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi"
    protocol, transport = connect(answering)
    protocol.data_received(request[:cut])
    protocol.data_received(request[cut:])
    assert protocol._head_timer is None
    await transport.until(lambda: len(transport.writes) == 2)
    assert not transport.is_closed
