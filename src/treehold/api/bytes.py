"""Raw bytes on their way out: not again if the client has them, a range if it asks for one, and safe in browsers.

Conditions and ranges are those of RFC 9110. Several ranges at once are not answered as such but with the whole, as it
allows; so is any range of nothing.
"""

import re
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from treehold.api.answers import failure
from treehold.engine.read import SNIFFED_BYTES, Blob

IMMUTABLE: Final = "private, max-age=31536000, immutable"
"""For what an id names, which never changes. Private: it is for the holders of a token."""
REVALIDATED: Final = "private, no-cache"
"""For what a ref names: it may be kept, but is asked for each time."""
OCTETS: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
_RANGE: Final = re.compile(r"bytes=\s*(?P<first>[0-9]{0,20})-(?P<last>[0-9]{0,20})\s*", re.IGNORECASE)
_INVALID_INPUT: Final = 10100
_SAFE: Final = {
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}
_IMAGES: Final = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF[\0-\xff]{4}WEBP")),
    ("image/avif", re.compile(rb"[\0-\xff]{4}ftypavi[fs]")),
)

TellType = Callable[[bytes], str]
"""The media type of what begins with these bytes."""


async def send_blob(request: Request, blob: Blob, *, caching: str, tell_type: TellType | None = None) -> Response:
    """Answer a GET or HEAD with a blob, as its type or as mere bytes. Raises LimitExceeded, CorruptStore."""
    etag = f'"{blob.oid.hex()}"'
    kept = {"etag": etag, "cache-control": caching}
    if _has(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=kept)
    asked = _asked_range(request, etag)
    span = range(blob.size)
    if asked is not None and blob.size:
        span = _span(asked, blob.size)
        kept["content-range"] = f"bytes {span.start}-{span.stop - 1}/{blob.size}"
    if blob.size and not span:
        return failure(
            416,
            _INVALID_INPUT,
            f"the range begins beyond {blob.size} bytes",
            headers={"content-range": f"bytes */{blob.size}"},
        )
    return await _answer(request, blob, span, headers=kept, tell_type=tell_type)


async def _answer(
    request: Request, blob: Blob, span: range, *, headers: dict[str, str], tell_type: TellType | None
) -> Response:
    """The bytes of a stretch, or for HEAD just what is told of them; a blob is read once, and only if it must be."""
    is_head = request.method == "HEAD"
    is_read = not blob.is_streamed and not (is_head and tell_type is None)
    held = await blob.held() if is_read else b""
    media_type = OCTETS
    if tell_type is not None:
        media_type = tell_type(blob.beginning() if blob.is_streamed else held[:SNIFFED_BYTES])
    status = 206 if "content-range" in headers else 200
    headers = {**_SAFE, **headers, "content-type": media_type, "content-length": str(len(span))}
    if media_type == OCTETS:
        headers["content-disposition"] = "attachment"
    if is_head:
        return Response(status_code=status, headers=headers)
    if blob.is_streamed:
        return StreamingResponse(blob.pieces(span), status_code=status, headers=headers)
    return Response(held[span.start : span.stop], status_code=status, headers=headers)


def safe_type(beginning: bytes) -> str:
    """The type of bytes that begin so, among those with which a browser runs nothing.

    Text is plain text, of whatever language; a few kinds of image are known by their first bytes.
    """
    for media_type, magic in _IMAGES:
        if magic.match(beginning):
            return media_type
    return OCTETS if b"\0" in beginning else TEXT


def _has(if_none_match: str | None, etag: str) -> bool:
    """Whether a client that says so has it already; a weak tag is as good here."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


def _asked_range(request: Request, etag: str) -> re.Match[str] | None:
    """The one range that a GET asks for, if it asks for one and has the rest of just this."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked["first"], asked["last"]
    is_backwards = bool(first and last) and int(last) < int(first)
    return asked if (first or last) and not is_backwards else None


def _span(asked: re.Match[str], size: int) -> range:
    """The bytes of a range, none of them when it begins beyond the end."""
    first, last = asked["first"], asked["last"]
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(size, int(last) + 1) if last else size)
