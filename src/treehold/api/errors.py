"""The one table from the error tree to HTTP, and the handlers that apply it to everything that can go wrong.

Of the server's own errors only Unavailable and RemoteUnavailable are answered here. The others go on to the outermost
handler, which answers 500 and raises them again, so that whoever runs this application logs them: their messages are
for the operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from treehold.api.answers import failure
from treehold.errors import (
    AlreadyExists,
    Conflict,
    ImportInProgress,
    InvalidInput,
    InvalidRepoName,
    InvalidTtl,
    LimitExceeded,
    NotARepository,
    NotFound,
    PermissionDenied,
    RateLimited,
    RemoteAuthRequired,
    RemoteTimeout,
    RemoteUnavailable,
    RequestError,
    StorageLimitReached,
    Unauthenticated,
    Unavailable,
)

AUTHENTICATION_ERROR = 10000
INVALID_INPUT = 10100
NOT_FOUND = 10200
INTERNAL_ERROR = 10400
RETRY_SECONDS = 1
"""What a busy server asks clients to wait: nothing here keeps it busy for longer than a few requests take."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a kind of error is over HTTP. ``message`` replaces the error's own when that is not for the client."""

    status: int
    code: int
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


VERDICTS: Mapping[type, Verdict] = {
    Unauthenticated: Verdict(401, AUTHENTICATION_ERROR, headers={"www-authenticate": 'Bearer realm="artifacts"'}),
    PermissionDenied: Verdict(403, AUTHENTICATION_ERROR),
    RateLimited: Verdict(429, 10429),
    InvalidRepoName: Verdict(400, 10101),
    InvalidTtl: Verdict(400, 10103),
    NotARepository: Verdict(400, 10104),
    RemoteAuthRequired: Verdict(422, 10106),
    # What is left of the body is not worth reading, and it must not be taken for the next request.
    LimitExceeded: Verdict(413, INVALID_INPUT, headers={"connection": "close"}),
    StorageLimitReached: Verdict(507, 10507),
    NotFound: Verdict(404, NOT_FOUND),
    AlreadyExists: Verdict(409, 10201),
    ImportInProgress: Verdict(409, 10302),
    RequestError: Verdict(400, INVALID_INPUT),
    Conflict: Verdict(409, 10409),
    RemoteUnavailable: Verdict(502, 10401),
    RemoteTimeout: Verdict(504, 10401),
    Unavailable: Verdict(
        503, INTERNAL_ERROR, "the server is too busy; try again", headers={"retry-after": str(RETRY_SECONDS)}
    ),
    Exception: Verdict(500, INTERNAL_ERROR, "internal error"),
}
"""The nearest class counts: InvalidInput is answered as the RequestError that it is."""


def verdict(error: Exception) -> Verdict:
    """The line of the table for an error."""
    return next(VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS)


def refuse(error: Exception) -> Response:
    """Answer an error by the table."""
    found = verdict(error)
    message = str(error) if found.message is None else found.message
    pointer = error.pointer if isinstance(error, InvalidInput) else None
    headers = error.headers if isinstance(error, RateLimited) else found.headers
    return failure(found.status, found.code, message, pointer=pointer, headers=headers)


def install(app: FastAPI, methods_at: Callable[[str], list[str]]) -> None:
    """Make every failure of an application an envelope. ``methods_at`` lists the methods that a path does take."""

    async def http(request: Request, error: Exception) -> Response:
        return refuse_http(error, methods_at(request.url.path))

    for kind in (RequestError, Conflict, RemoteUnavailable, Unavailable, Exception):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_query)
    app.add_exception_handler(ClientDisconnect, _refuse_broken_body)
    app.add_exception_handler(HTTPException, http)


def refuse_http(error: Exception, methods: list[str]) -> Response:
    """Answer what the router itself refuses: an unknown route or the wrong method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return failure(404, NOT_FOUND, "no such route")
    if status == 405:
        return failure(
            405, INVALID_INPUT, "this route does not take that method", headers={"allow": ", ".join(methods)}
        )
    return failure(status, INVALID_INPUT, "the request was not understood")


async def _refuse(_request: Request, error: Exception) -> Response:
    return refuse(error)


async def _refuse_query(_request: Request, error: Exception) -> Response:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("", ""), "msg": ""}
    name = str(first["loc"][-1])
    return refuse(InvalidInput(f"{name}: {first['msg']}", f"/{name}"))


async def _refuse_broken_body(_request: Request, _error: Exception) -> Response:
    return refuse(InvalidInput("the connection broke off within the body"))
