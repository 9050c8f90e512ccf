"""Twin of treehold.api.bytes."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.unit.engine.pushed_repo import MAIN, blob, commit, oid_of, tree, view
from treehold.api.bytes import IMMUTABLE, OCTETS, TEXT, safe_type, send_blob
from treehold.engine.read import Blob, RepoReader

DATA = b"0123456789"
TAG = f'"{oid_of(blob(DATA)).hex()}"'


def held(data: bytes, *, is_streamed: bool = False) -> Blob:
    """A blob of a repo that has nothing else."""
    top = tree(file=blob(data))
    made = commit(top)
    repo = view([blob(data), top, made], refs={MAIN: made})
    return Blob(RepoReader(repo, 1000), oid_of(blob(data)), len(data), is_streamed)


async def sent(method: str = "GET", data: bytes = DATA, is_streamed: bool = False, /, **headers: str) -> Response:
    """The answer to a request; names of headers are written with ``_`` for ``-``."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": method, "path": "/", "headers": raw})
    return await send_blob(request, held(data, is_streamed=is_streamed), caching=IMMUTABLE)


async def test_a_blob_is_sent_whole() -> None:
    """The bytes go out with their length and id, for nobody to guess another type, and may be kept as told."""
    answer = await sent()
    assert (answer.status_code, answer.body) == (200, DATA)
    assert dict(answer.headers) == {
        "accept-ranges": "bytes",
        "cache-control": IMMUTABLE,
        "content-disposition": "attachment",
        "content-length": "10",
        "content-security-policy": "sandbox; default-src 'none'",
        "content-type": OCTETS,
        "etag": TAG,
        "x-content-type-options": "nosniff",
    }


async def test_a_head_has_the_same_headers_and_no_body() -> None:
    """HEAD answers as GET would, without the bytes, and knows no ranges."""
    full, head = await sent(), await sent("HEAD", range="bytes=2-3")
    assert (head.status_code, head.body) == (200, b"")
    assert dict(head.headers) == dict(full.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tags", [TAG, f"W/{TAG}", f'"x", {TAG}', f'"x" ,W/{TAG} , "y"', "*"])
async def test_what_the_client_has_is_not_sent(method: str, tags: str) -> None:
    """A client that names the id is told that it is still right, before any range is looked at."""
    answer = await sent(method, if_none_match=tags, range="bytes=50-")
    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["etag"] == TAG
    assert answer.headers["cache-control"] == IMMUTABLE
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("tags", ['"x"', "x", "", TAG.strip('"')])
async def test_another_tag_changes_nothing(tags: str) -> None:
    """A client with other bytes gets these."""
    assert (await sent(if_none_match=tags)).status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=2-2", 2, 3),
        ("bytes=4-", 4, 10),
        ("bytes=0-", 0, 10),
        ("bytes=8-500", 8, 10),
        ("bytes=9-99999999999999999999", 9, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-50", 0, 10),
        ("BYTES= 1-2 ", 1, 3),
    ],
)
@pytest.mark.parametrize("condition", [{}, {"if_range": TAG}])
async def test_a_range_is_sent_as_such(asked: str, start: int, stop: int, condition: dict[str, str]) -> None:
    """One range is 206 with its bytes, their number and their place."""
    answer = await sent(range=asked, **condition)
    assert (answer.status_code, answer.body) == (206, DATA[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/10"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "bytes=",
        "lines=1-2",
        "bytes=a-b",
        "bytes 1-2",
        "bytes=" + "1" * 99 + "-",
    ],
)
async def test_other_ranges_are_left_out(asked: str) -> None:
    """Several ranges, a wrong one and one of another unit are answered with the whole."""
    answer = await sent(range=asked)
    assert (answer.status_code, answer.body) == (200, DATA)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("validator", ['"other"', f"W/{TAG}", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_a_range_of_something_else_is_not_sent(validator: str) -> None:
    """Who has the rest of other bytes gets the whole."""
    assert (await sent(range="bytes=1-2", if_range=validator)).status_code == 200


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
async def test_a_range_beyond_the_end_is_refused(asked: str) -> None:
    """A range without a byte is 416 in an envelope, which tells the size."""
    answer = await sent(range=asked)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10"
    assert answer.headers["cache-control"] == "no-store"
    assert b'"success": false' in bytes(answer.body)


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5", "bytes=3-4"])
async def test_nothing_has_no_ranges(asked: str) -> None:
    """An empty blob is sent whole, whichever range is asked for."""
    answer = await sent("GET", b"", range=asked)
    assert (answer.status_code, answer.headers["content-length"]) == (200, "0")


@pytest.mark.parametrize(("asked", "start", "stop"), [({}, 0, 10), ({"range": "bytes=3-6"}, 3, 7)])
async def test_a_large_blob_is_streamed(asked: dict[str, str], start: int, stop: int) -> None:
    """A streamed blob goes out in pieces, with its length all the same; HEAD starts no stream."""
    answer = await sent("GET", DATA, True, **asked)
    assert answer.headers["content-length"] == str(stop - start)
    messages = []

    async def send(message: dict[str, object]) -> None:
        messages.append(message.get("body", b""))

    await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, None, send)  # type: ignore[arg-type]
    assert b"".join(part for part in messages if isinstance(part, bytes)) == DATA[start:stop]
    assert (await sent("HEAD", DATA, True)).headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [
        (b"", TEXT),
        (b"hello", TEXT),
        (b"<!doctype html><script>alert(1)</script>", TEXT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", TEXT),
        (b"<?xml version='1.0'?>", TEXT),
        (b"\xff\xfeh\0i\0", OCTETS),
        (b"\x7fELF\0", OCTETS),
        (b"%PDF-1.7\n\0", OCTETS),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0", "image/jpeg"),
        (b"GIF89a\0", "image/gif"),
        (b"GIF87a\0", "image/gif"),
        (b"RIFF\n\0\0\nWEBPVP8 ", "image/webp"),
        (b"\0\0\0\x1cftypavif\0", "image/avif"),
        (b"version https://git-lfs.github.com/spec/v1\n", TEXT),
    ],
)
async def test_types_are_safe(beginning: bytes, media_type: str) -> None:
    """A browser is told of images and of plain text, and of nothing that it would run."""
    assert safe_type(beginning) == media_type
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    answer = await send_blob(request, held(beginning), caching=IMMUTABLE, tell_type=safe_type)
    assert answer.headers["content-type"] == media_type
    assert ("content-disposition" in answer.headers) == (media_type == OCTETS)
