"""Twin of treehold.api.body."""

from typing import Any

import pytest
from starlette.requests import Request

from treehold.api.body import read_body
from treehold.errors import LimitExceeded


def request_with(*pieces: bytes, length: bytes | None = None) -> Request:
    """A request whose body comes in those pieces."""
    headers = [] if length is None else [(b"content-length", length)]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    coming = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(coming)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize("length", [None, b"4", b"nonsense", "٤".encode("latin-1", "replace")])
async def test_pieces_are_joined(length: bytes | None) -> None:
    """A body is read to its end, whatever was announced."""
    assert await read_body(request_with(b"ab", b"", b"cd", length=length), bytes_max=4) == b"abcd"


@pytest.mark.parametrize("length", [b"5", b"9" * 5000])
async def test_an_announced_excess_is_refused_unread(length: bytes) -> None:
    """A Content-Length over the limit is enough to refuse."""
    with pytest.raises(LimitExceeded, match="4 bytes"):
        await read_body(request_with(length=length), bytes_max=4)


async def test_an_excess_is_refused_as_soon_as_it_shows() -> None:
    """A body without length is read no further than the limit."""
    request = request_with(b"abc", b"de", b"f")
    with pytest.raises(LimitExceeded):
        await read_body(request, bytes_max=4)
    assert (await request.receive())["body"] == b"f"
