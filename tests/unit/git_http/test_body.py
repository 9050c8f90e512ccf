"""Tests of treehold.git_http.body."""

import asyncio
import gzip
import os
from collections.abc import Callable, Iterator

import pytest

from treehold.errors import LimitExceeded, MalformedMessage, NotFound
from treehold.git_http.body import (
    ClientGone,
    ClientTooSlow,
    Message,
    PacedReceive,
    Receive,
    body_pieces,
    while_connected,
    whole_body,
)

BODY = os.urandom(3000) + bytes(3000)


def sending(*pieces: bytes, ends: bool = True) -> Receive:
    """A client that sends these pieces and, if it ends its body, stays silent after it; else it goes."""
    messages: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": piece, "more_body": not ends or number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
    )

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    return receive


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


async def read(receive: Receive, encoding: bytes = b"", bytes_max: int = 10**9) -> bytes:
    return await whole_body(receive, encoding=encoding, bytes_max=bytes_max)


@pytest.mark.parametrize("encoding", [b"", b"identity", b"gzip", b"x-gzip"])
@pytest.mark.parametrize("size", [1, 100, 10**6])
async def test_a_body_is_what_was_sent(encoding: bytes, size: int) -> None:
    """In pieces of any size, packed or not."""
    sent = gzip.compress(BODY) if encoding.endswith(b"gzip") else BODY
    assert await read(sending(*cut(sent, size)), encoding) == BODY


async def test_an_empty_body_is_empty() -> None:
    """A message without a body, an empty piece in between, and a packed nothing."""
    assert await read(sending(b"")) == b""
    assert await read(sending(b"a", b"", b"b")) == b"ab"
    assert await read(sending(gzip.compress(b"")), b"gzip") == b""

    async def bare() -> Message:
        return {"type": "http.request"}

    assert await read(bare) == b""


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"gzip, gzip", b"x" * 100])
async def test_another_coding_is_refused(encoding: bytes) -> None:
    """Only gzip is known, once."""
    with pytest.raises(MalformedMessage, match="Content-Encoding must be gzip or none"):
        await read(sending(b"x"), encoding)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda packed: b"x" + packed, "broken"),
        (lambda packed: packed[:-8] + bytes(8), "broken"),
        (lambda packed: packed[:-1], "ends too early"),
        (lambda packed: packed[:0], "ends too early"),
    ],
)
async def test_a_broken_gzip_stream_is_refused(spoil: Callable[[bytes], bytes], said: str) -> None:
    """Damaged or cut short."""
    with pytest.raises(MalformedMessage, match=said):
        await read(sending(spoil(gzip.compress(BODY))), b"gzip")


async def test_what_follows_a_gzip_stream_is_passed_over() -> None:
    """The stream tells by itself where it ends."""
    assert await read(sending(gzip.compress(b"x") + b"junk", b"more junk"), b"gzip") == b"x"


async def test_no_piece_is_large_however_well_it_packs() -> None:
    """A thousand to one comes in pieces of a quarter of a megabyte."""
    sizes = [
        len(piece) async for piece in body_pieces(sending(gzip.compress(bytes(5 << 20))), encoding=b"gzip") if piece
    ]
    assert sum(sizes) == 5 << 20
    assert max(sizes) <= 256 << 10


@pytest.mark.parametrize("encoding", [b"", b"gzip"])
async def test_a_whole_body_is_bounded(encoding: bytes) -> None:
    """By what it inflates to; just at the bound it is taken."""
    sent = gzip.compress(BODY) if encoding else BODY
    assert await read(sending(*cut(sent, 100)), encoding, len(BODY)) == BODY
    with pytest.raises(LimitExceeded, match=f"larger than {len(BODY) - 1} bytes"):
        await read(sending(*cut(sent, 100)), encoding, len(BODY) - 1)


@pytest.mark.parametrize("encoding", [b"", b"gzip"])
async def test_a_client_that_goes_is_noticed(encoding: bytes) -> None:
    """A body that does not end is no body."""
    with pytest.raises(ClientGone):
        await read(sending(gzip.compress(BODY)[:20], ends=False), encoding)


async def listening(gone: asyncio.Event) -> Message:
    await gone.wait()
    return {"type": "http.disconnect"}


async def test_a_deed_is_done_while_somebody_listens() -> None:
    """To its end, and what it raises is raised."""
    done = []
    gone = asyncio.Event()

    async def deed() -> None:
        await asyncio.sleep(0)
        done.append(1)

    async def failing() -> None:
        raise NotFound("nowhere")

    await while_connected(lambda: listening(gone), deed())
    assert done == [1]
    with pytest.raises(NotFound, match="nowhere"):
        await while_connected(lambda: listening(gone), failing())


async def test_a_deed_ends_when_nobody_listens() -> None:
    """In order: what it holds is let go before the client counts as gone."""
    gone, began = asyncio.Event(), asyncio.Event()
    let_go = []

    async def deed() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            let_go.append(1)

    running = asyncio.create_task(while_connected(lambda: listening(gone), deed()))
    await began.wait()
    gone.set()
    with pytest.raises(ClientGone):
        await running
    assert let_go == [1]


async def test_a_request_that_is_given_up_ends_its_deed() -> None:
    """A server that stops cancels the request, and with it the deed."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def deed() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(while_connected(lambda: listening(asyncio.Event()), deed()))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_messages_other_than_going_are_passed_over() -> None:
    """A server may repeat the end of the body."""
    messages: Iterator[Message] = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    with pytest.raises(ClientGone):
        await while_connected(receive, asyncio.sleep(60))


async def test_a_body_that_comes_on_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long all of it takes, as long as it has the pace."""
    now = Clock(monkeypatch)
    pieces = sending(*cut(BODY, 100))

    async def receive() -> Message:
        now.seconds += 9
        return await pieces()

    assert await read(PacedReceive(receive, idle_seconds=10, bytes_per_second_min=10)) == BODY


@pytest.mark.parametrize(("rate", "seconds_between"), [(1, 0), (1000, 9)], ids=["silent", "slow"])
async def test_a_body_that_comes_too_slowly_is_given_up(
    monkeypatch: pytest.MonkeyPatch, rate: int, seconds_between: int
) -> None:
    """Be it that nothing more comes, or a little of it for ever."""
    now = Clock(monkeypatch)
    pieces = iter(cut(BODY, 100))

    async def receive() -> Message:
        now.seconds += seconds_between
        if seconds_between:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": next(pieces), "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ClientTooSlow):
        await read(PacedReceive(receive, idle_seconds=0.01 if rate == 1 else 10, bytes_per_second_min=rate))


class Clock:
    """The event loop's clock, put forward by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        loop = asyncio.get_running_loop()
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + self.seconds)
