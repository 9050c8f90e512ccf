"""What the Git door answers with: headers, refusals, and the one table from errors to statuses."""

from typing import Final

from treehold.errors import (
    LimitExceeded,
    MalformedMessage,
    PermissionDenied,
    RateLimited,
    RequestError,
    StorageLimitReached,
    TreeholdError,
    Unauthenticated,
    Unavailable,
)
from treehold.git_http.body import Send

Headers = list[tuple[bytes, bytes]]

NO_CACHE: Final[Headers] = [
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
]
"""Git's HTTP protocol document asks for these on every answer."""

RETRY_AFTER_SECONDS: Final = b"5"
_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="artifacts"')

_STATUS_BY_ERROR: Final[tuple[tuple[type[TreeholdError], int], ...]] = (
    (Unauthenticated, 401),
    (PermissionDenied, 403),
    (RateLimited, 429),
    (StorageLimitReached, 507),
    (LimitExceeded, 413),
    (MalformedMessage, 400),
    (RequestError, 400),
    (Unavailable, 503),
    (TreeholdError, 500),
)


async def send_whole(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """A complete answer."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*NO_CACHE, *headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_text(send: Send, status: int, text: str, headers: Headers | None = None) -> None:
    """A refusal as plain text, which is what makes git show it as ``remote:`` lines."""
    plain = (b"content-type", b"text/plain; charset=utf-8")
    await send_whole(send, status, text.encode(), [plain, *(headers or [])])


async def send_refusal(send: Send, error: TreeholdError) -> None:
    """The answer to a request that failed before its answer had begun. What is our own fault is not told in detail."""
    status = next(status for kind, status in _STATUS_BY_ERROR if isinstance(error, kind))
    headers: Headers = []
    if status == 401:
        headers.append(_CHALLENGE)
    if isinstance(error, RateLimited):
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in error.headers.items()]
    if status == 503:
        headers.append((b"retry-after", RETRY_AFTER_SECONDS))
    await send_text(send, status, "Internal error" if status == 500 else str(error), headers)
