"""What routes say of themselves in the OpenAPI document beyond what FastAPI reads off their signatures."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import Path

from treehold.schema.bodies import RequestBody
from treehold.schema.envelope import Failure
from treehold.schema.names import NAMESPACE_NAME, RELAXED_NAMESPACE, REPO_NAME

Responses = dict[int | str, dict[str, Any]]
"""Answers of a route by their status, as FastAPI takes them."""
IN_NAMESPACE = "/namespaces/{namespace}"
"""Where the routes of repos and tokens lie, below the base."""
_SECONDS: Final = {"type": "integer", "minimum": 1}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which a route may say no: its status, code, the code's name, and an example of its words."""

    status: int
    code: int
    name: str
    example: str
    pointer: str | None = None

    @property
    def envelope(self) -> dict[str, Any]:
        """The whole answer of the example."""
        source = {} if self.pointer is None else {"source": {"pointer": self.pointer}}
        error = {"code": self.code, "message": self.example, **source}
        return {"result": None, "success": False, "errors": [error], "messages": []}


BAD_LIMIT: Final = Refusal(400, 10100, "INVALID_INPUT", "limit: Input should be less than or equal to 200", "/limit")
BAD_PAGE: Final = Refusal(400, 10100, "INVALID_INPUT", "page: Input should be greater than or equal to 1", "/page")
BAD_BODY: Final = Refusal(400, 10100, "INVALID_INPUT", "the body is not valid JSON")
BAD_HASH: Final = Refusal(400, 10100, "INVALID_INPUT", "not an object id of 40 hex digits: 'main'", "/hash")
BAD_KEY: Final = Refusal(400, 10100, "INVALID_INPUT", "Idempotency-Key: one key of 1 to 255 visible ASCII characters")
BAD_PATH: Final = Refusal(400, 10100, "INVALID_INPUT", "path: Field required", "/path")
BAD_NAMESPACE: Final = Refusal(
    400, 10100, "INVALID_INPUT", "invalid namespace: it must have 2 to 63 characters, not 1", "/namespace"
)
BAD_BRANCH: Final = Refusal(400, 10100, "INVALID_INPUT", "not a valid branch name: 'a b'", "/default_branch")
BAD_REPO_NAME: Final = Refusal(
    400, 10101, "INVALID_REPO_NAME", "invalid repo name: it must have 3 to 63 characters, not 1", "/name"
)
BAD_TTL: Final = Refusal(400, 10103, "INVALID_TTL", "ttl must be 60 to 31536000 seconds, not 5", "/ttl")
NO_REPO: Final = Refusal(404, 10200, "NOT_FOUND", "no such repo: starter-repo")
NO_NAMESPACE: Final = Refusal(404, 10200, "NOT_FOUND", "no such namespace: default")
NO_TOKEN: Final = Refusal(404, 10200, "NOT_FOUND", "no such token: k3j9x0v2m7q4t8za")
NO_OBJECT: Final = Refusal(404, 10200, "NOT_FOUND", f"no object {'9f1c2d4e' * 5}")
NO_FILE: Final = Refusal(404, 10200, "NOT_FOUND", "no file has that path")
REPO_EXISTS: Final = Refusal(409, 10201, "ALREADY_EXISTS", "repo already exists: starter-repo")
NAMESPACE_EXISTS: Final = Refusal(409, 10201, "ALREADY_EXISTS", "namespace already exists: default")
NAMESPACE_IN_USE: Final = Refusal(409, 10201, "ALREADY_EXISTS", "namespace is not empty: default has 1 repo")
IMPORTING: Final = Refusal(409, 10302, "IMPORT_IN_PROGRESS", "repo is being imported: starter-repo")
CREATING: Final = Refusal(
    409, 10301, "CREATE_IN_PROGRESS", "Idempotency-Key: the first request with this key is under way; try again"
)
FORKING: Final = Refusal(409, 10303, "FORK_IN_PROGRESS", CREATING.example)
LONG_BODY: Final = Refusal(413, 10100, "INVALID_INPUT", "the body has more than 1048576 bytes")
LARGE_OBJECT: Final = Refusal(
    413, 10402, "MEMORY_LIMIT", "a blob of 99999999 bytes that is stored as a delta is over the limit of 33554432"
)
BAD_RANGE: Final = Refusal(416, 10100, "INVALID_INPUT", "the range begins beyond 1024 bytes")

BAD_URL: Final = Refusal(400, 10100, "INVALID_INPUT", "url must begin with https://", "/url")
NOT_GIT: Final = Refusal(400, 10104, "INVALID_URL", "the remote does not answer as a Git repository does", "/url")
NO_REMOTE: Final = Refusal(404, 10200, "NOT_FOUND", "the remote repository does not exist")
MANY_REFS: Final = Refusal(413, 10100, "INVALID_INPUT", "the remote has more than 100000 branches and tags")
REMOTE_AUTH: Final = Refusal(
    422, 10106, "REMOTE_AUTH_REQUIRED", "the remote asks for credentials, or does not accept these"
)
REMOTE_DOWN: Final = Refusal(502, 10401, "UPSTREAM_UNAVAILABLE", "the connection to the remote failed")
REMOTE_SLOW: Final = Refusal(504, 10401, "UPSTREAM_UNAVAILABLE", "the remote took too long")
NO_ROOM: Final = Refusal(
    507,
    10507,
    "STORAGE_LIMIT_REACHED",
    "the account would keep more than 1099511627776 bytes, its storage limit",
)
_ANYWHERE: Final = (
    Refusal(401, 10000, "AUTHENTICATION_ERROR", "Authentication error: show an API token as 'Authorization: Bearer …'"),
    Refusal(403, 10000, "AUTHENTICATION_ERROR", "Authentication error: the API token belongs to another account"),
    Refusal(429, 10429, "RATE_LIMITED", "more than 2000 requests in 10 seconds"),
    Refusal(500, 10400, "INTERNAL_ERROR", "internal error"),
    Refusal(503, 10400, "INTERNAL_ERROR", "the server is too busy; try again"),
)
_WORDS: Final = {
    400: "The request is wrong",
    401: "No API token, or an unknown one",
    403: "The API token does not allow this, or is another account's",
    404: "There is no such thing",
    409: "It cannot be done as things stand",
    413: "Too large",
    422: "The remote does not let us in",
    416: "The range begins after the end",
    429: "Too many requests of this account lately",
    500: "The server failed",
    502: "The remote cannot be reached",
    503: "The server is too busy",
    504: "The remote took too long",
    507: "The account keeps as much as it may",
}
_HEADERS: Final = {
    429: {
        "Retry-After": {"description": "Seconds until one may come again", "schema": _SECONDS, "required": True},
        "RateLimit-Limit": {"description": "Requests in ten seconds", "schema": _SECONDS},
        "RateLimit-Remaining": {"description": "How many more may come now", "schema": {"type": "integer"}},
        "RateLimit-Reset": {"description": "As Retry-After", "schema": _SECONDS},
    },
    503: {"Retry-After": {"description": "Seconds until another try makes sense", "schema": _SECONDS}},
}


def refusals(*ways: Refusal) -> Responses:
    """The failures of a route, by status: each with its codes and an example of each."""
    by_status = groupby(sorted(ways, key=_status), key=_status)
    return {status: _failure(status, tuple(told)) for status, told in by_status}


def _status(way: Refusal) -> int:
    return way.status


def _failure(status: int, ways: Iterable[Refusal]) -> dict[str, Any]:
    codes = {f"`{way.code}` {way.name}": None for way in ways}
    examples = {f"{way.name.lower()}_{number}": {"value": way.envelope} for number, way in enumerate(ways, 1)}
    return {
        "model": Failure,
        "description": f"{_WORDS[status]}: {', '.join(codes)}",
        "content": {"application/json": {"examples": examples}},
        **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
    }


FAILURES: Final = refusals(*_ANYWHERE)
"""What every route may answer."""
OF_IMPORT: Final = refusals(
    *(BAD_KEY, BAD_BODY, BAD_URL, BAD_NAMESPACE, BAD_REPO_NAME, NOT_GIT, NO_REMOTE, REPO_EXISTS, IMPORTING),
    *(LONG_BODY, MANY_REFS, REMOTE_AUTH, REMOTE_DOWN, REMOTE_SLOW, NO_ROOM),
)
"""How imports fail beside that: under either API."""

NamespaceInPath = Annotated[
    str, Path(description="The namespace's name", examples=["default"], json_schema_extra=NAMESPACE_NAME)
]
"""A route's parameter that names a namespace."""
AnyNamespaceInPath = Annotated[
    str, Path(description="The namespace's name", examples=["default"], json_schema_extra=RELAXED_NAMESPACE)
]
"""The same where one that is not there is none the less answered."""
RepoInPath = Annotated[str, Path(description="The repo's name", examples=["starter-repo"], json_schema_extra=REPO_NAME)]
"""A route's parameter that names a repo."""
TokenInPath = Annotated[
    str,
    Path(
        description="The token's id, or `sha256:` and the digest of the token's part before the `?`",
        pattern="^([0-9a-z]{16}|sha256:[0-9a-f]{64})$",
        examples=["k3j9x0v2m7q4t8za"],
    ),
]
"""A route's parameter that names a token."""
Sha = Annotated[
    str,
    Path(
        description="40 hex digits", pattern="^[0-9a-fA-F]{40}$", examples=["9f1c2d4e6a8b0c1d2e3f4a5b6c7d8e9f0a1b2c3d"]
    ),
]
"""A route's parameter: an object's id."""


def takes(model: type[RequestBody]) -> dict[str, Any]:
    """Say that a route takes that body. FastAPI is not told, or it would read the body before anybody is admitted."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def account_in_path(
    account_id: Annotated[
        str,
        Path(
            description="The account's id", min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$", examples=["local"]
        ),
    ],
) -> None:
    """Name the account in the routes of the documented base; admission reads it from the path."""
