"""The ``Idempotency-Key`` of a POST: the same request again gets the first answer again.

As draft-ietf-httpapi-idempotency-key-header has it, but that the key is taken as it stands, with quotes or without, and
that a key which was used for another request is 400, for the contract has no code with 422 for it. Kept is every answer
that the deed was done or cannot be done; not those that say to come again, with other credentials or at another time.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from treehold.api.answers import NEVER_STORED, failure
from treehold.api.body import read_body
from treehold.api.errors import RETRY_SECONDS, refuse
from treehold.api.visit import Visit
from treehold.auth import secrets
from treehold.engine import first_answers
from treehold.engine.first_answers import Answer, Question
from treehold.errors import ImportInProgress, InvalidInput, RequestError

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotency-replayed"
"""The header that marks an answer as given before."""
KEY_CHARACTERS_MAX: Final = 255
"""Longest key: a UUID takes 36, and Stripe takes as many."""
CREATE_IN_PROGRESS: Final = 10301
IN_PROGRESS: Final = {"import": 10302, "fork": 10303}
"""The code of a request whose first is under way, by the last part of its path; any other is CREATE_IN_PROGRESS."""

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{KEY_CHARACTERS_MAX}}}")
_NOT_KEPT: Final = frozenset({401, 403, 408, 429})
_HEADERS_KEPT: Final = ("content-type", "location")


def key_of(request: Request) -> str | None:
    """The key that a request bears, if any; raises InvalidInput."""
    if HEADER not in request.headers:
        return None
    keys = request.headers.getlist(HEADER)
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise InvalidInput(f"Idempotency-Key: one key of 1 to {KEY_CHARACTERS_MAX} visible ASCII characters")
    return keys[0]


async def answer_once(visit: Visit, key: str, route: Callable[[Visit], Awaitable[Response]]) -> Response:
    """What the route answers to the visit, or what it answered to the first visit with that key.

    Raises InvalidInput when something else was asked with it, and what the route raises.
    """
    if not visit.engine.limits.idempotency_seconds:
        return await route(visit)
    body = await read_body(visit.request, bytes_max=visit.door.body_bytes_max)
    again = replace(visit, request=_with_body(visit.request, body))

    async def deed() -> Answer:
        response = await _settled(route(again))
        return Answer(response.status_code, _encode(response))

    found = await first_answers.answer_once(visit.engine, _question(visit, key, body), deed)
    return _under_way(visit.request) if found is None else _decode(found)


async def _settled(answering: Awaitable[Response]) -> Response:
    """The answer, if it would be the same at another time; what leaves the request to be made again is raised."""
    try:
        return await answering
    except RequestError as error:
        refused = refuse(error)
        if refused.status_code >= 500 or refused.status_code in _NOT_KEPT or isinstance(error, ImportInProgress):
            raise
        return refused


def _question(visit: Visit, key: str, body: bytes) -> Question:
    request = visit.request
    secret = secrets.bearer_secret(request.headers["authorization"].encode("latin-1"))
    assert secret is not None, "it was let in by this secret"
    return Question(visit.token.id, secret, key, asked_of(request.method, request.scope["path"], body))


def asked_of(method: str, path: str, body: bytes) -> bytes:
    """All of a request that must be the same when it comes again."""
    return json.dumps([method, path]).encode() + b"\n" + body


def _with_body(request: Request, body: bytes) -> Request:
    """The request with its body to be read once more."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _encode(response: Response) -> bytes:
    """What is kept of an answer beside its status: a line of headers as JSON, then the body."""
    headers = {name: response.headers[name] for name in _HEADERS_KEPT if name in response.headers}
    return json.dumps(headers).encode() + b"\n" + bytes(response.body)


def _decode(answer: Answer) -> Response:
    head, _, body = answer.content.partition(b"\n")
    headers = NEVER_STORED | json.loads(head) | ({REPLAYED: "true"} if answer.is_repeated else {})
    return Response(body, status_code=answer.status, headers=headers)


def _under_way(request: Request) -> Response:
    code = IN_PROGRESS.get(request.scope["path"].rpartition("/")[2], CREATE_IN_PROGRESS)
    message = "Idempotency-Key: the first request with this key is under way; try again"
    return failure(409, code, message, headers={"retry-after": str(RETRY_SECONDS)})
