"""Twin of treehold.api.errors."""

import json

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from treehold import errors
from treehold.api.errors import VERDICTS, install, refuse, refuse_http, verdict

CONTRACT: list[tuple[Exception, int, int]] = [
    (errors.Unauthenticated("x"), 401, 10000),
    (errors.PermissionDenied("x"), 403, 10000),
    (errors.InvalidInput("x", "/limit"), 400, 10100),
    (errors.InvalidRepoName("x", "/name"), 400, 10101),
    (errors.InvalidRefName("x"), 400, 10100),
    (errors.InvalidTtl("x", "/ttl"), 400, 10103),
    (errors.MalformedMessage("x"), 400, 10100),
    (errors.MalformedObjectId("x"), 400, 10100),
    (errors.LimitExceeded("x"), 413, 10100),
    (errors.StorageLimitReached("x"), 507, 10507),
    (errors.NotFound("x"), 404, 10200),
    (errors.AlreadyExists("x"), 409, 10201),
    (errors.Conflict("x"), 409, 10409),
    (errors.StorageError("x"), 500, 10400),
    (errors.CatalogError("x"), 500, 10400),
    (errors.CorruptStore("x"), 500, 10400),
    (errors.NativeGitError("x"), 500, 10400),
    (errors.Unavailable("x"), 503, 10400),
    (errors.TreeholdError("x"), 500, 10400),
    (ZeroDivisionError("x"), 500, 10400),
]


@pytest.mark.parametrize(("error", "status", "code"), CONTRACT)
def test_each_error_has_the_contracts_code(error: Exception, status: int, code: int) -> None:
    """Every class of the tree is answered with the contract's status and code."""
    sent = refuse(error)
    (shown,) = json.loads(bytes(sent.body))["errors"]
    assert (sent.status_code, shown["code"]) == (status, code)
    assert shown.get("source", {}).get("pointer") == getattr(error, "pointer", None)
    assert (shown["message"] == "x") == (status < 500 or status == 507)


def test_a_subclass_is_answered_as_its_nearest_ancestor() -> None:
    """A class that the table does not name has the line of the nearest one that it does."""

    class TooManyRepos(errors.LimitExceeded):
        """Not in the table."""

    assert verdict(TooManyRepos("x")) is VERDICTS[errors.LimitExceeded]


def test_headers_say_what_to_do() -> None:
    """A stranger hears of Bearer, a client of a busy server when to come back."""
    assert refuse(errors.Unauthenticated("x")).headers["www-authenticate"].startswith("Bearer")
    assert refuse(errors.Unavailable("x")).headers["retry-after"].isdecimal()
    assert refuse(errors.LimitExceeded("x")).headers["connection"] == "close"


@pytest.mark.parametrize(("status", "code"), [(404, 10200), (405, 10100), (415, 10100)])
def test_the_routers_refusals_are_envelopes(status: int, code: int) -> None:
    """What the router refuses keeps its status; a wrong method hears of the right ones."""
    sent = refuse_http(HTTPException(status), ["GET", "POST"])
    assert (sent.status_code, json.loads(bytes(sent.body))["errors"][0]["code"]) == (status, code)
    assert sent.headers.get("allow") == ("GET, POST" if status == 405 else None)


@pytest.mark.parametrize(
    ("path", "status", "pointer"),
    [("/count?of=x", 400, "/of"), ("/broken", 400, None), ("/busy", 503, None), ("/wrong", 500, None)],
)
async def test_whatever_a_route_raises_is_an_envelope(path: str, status: int, pointer: str | None) -> None:
    """An application that the handlers are installed in answers bad queries, broken bodies and bugs alike."""
    app = FastAPI()
    install(app, lambda _path: [])

    @app.get("/count")
    async def count(of: int) -> int:
        return of

    @app.get("/{kind}")
    async def fail(kind: str) -> None:
        raise {"broken": ClientDisconnect(), "busy": errors.Unavailable("x"), "wrong": ValueError("x")}[kind]

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as http:
        answered = await http.get(path)
    assert (answered.status_code, answered.json()["success"]) == (status, False)
    assert answered.json()["errors"][0].get("source", {}).get("pointer") == pointer
