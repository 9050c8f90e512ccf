"""What goes wrong around the routes: every answer is an envelope, and none tells what is not the client's to know."""

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.wire.rest_server import DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.engine import repos
from treehold.errors import CatalogError, Conflict, LimitExceeded, StorageError, Unavailable


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/client/v4",
        "/client/v4/accounts/acme/artifacts",
        "/client/v4/accounts/acme/artifacts/",
        "/v1/api/",
        LAUNCH_DAY + "/",
        "/artifacts",
        "/artifacts/",
        "/artifacts/repos/a/b",
        LAUNCH_DAY + "/repos/",
        DOCUMENTED + "/repos/",
        DOCUMENTED + "/repos/starter-repo/",
        DOCUMENTED + "/repos/starter-repo/nothing",
        DOCUMENTED + "/repos/my%2Frepo",
        DOCUMENTED + "/tokens/",
        DOCUMENTED.replace("acme", ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_routes_are_envelopes(rest: RestServer, path: str, method: str) -> None:
    """A path that no route has is 404 in an envelope, with a slash too many as well, and nothing redirects."""
    answered = await rest.ask(method, path, base="")
    assert (answered.status_code, error(answered.json())) == (404, (10200, None))


@pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/repos", "GET, POST"),
        ("", "DELETE, GET"),
        ("/repos/starter-repo", "DELETE, GET, PATCH"),
        ("/repos/starter-repo/fork", "POST"),
        ("/repos/starter-repo/tokens", "GET"),
        ("/tokens", "POST"),
        ("/tokens/0000", "DELETE"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "BREW"])
async def test_wrong_methods_are_envelopes(rest: RestServer, base: str, path: str, allow: str, method: str) -> None:
    """A method that a route does not take is 405, with all those that it does take."""
    answered = await rest.ask(method, path, base=base)
    assert (answered.status_code, error(answered.json())) == (405, (10100, None))
    assert answered.headers["allow"] == allow


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (RuntimeError("secret detail"), 500, 10400),
        (CatalogError("secret detail"), 500, 10400),
        (StorageError("secret detail"), 500, 10400),
        (Unavailable("secret detail"), 503, 10400),
        (Conflict("overtaken"), 409, 10409),
        (LimitExceeded("too many repos"), 413, 10100),
    ],
)
async def test_the_servers_own_failures_tell_nothing(
    rest: RestServer, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int, code: int
) -> None:
    """A failure of the server is an envelope without its message; a busy server says when to come back."""

    async def fail(*_: object) -> Any:
        raise raised

    monkeypatch.setattr(repos, "get_repo", fail)
    answered = await rest.ask("GET", "/repos/starter-repo")
    assert (answered.status_code, error(answered.json())) == (status, (code, None))
    assert "secret" not in answered.text
    assert ("retry-after" in answered.headers) == (status == 503)


async def test_internal_errors_reach_whoever_runs_the_application(
    rest: RestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is answered 500 is raised on to the server, which logs it."""

    async def fail(*_: object) -> Any:
        raise StorageError("the disk is full")

    monkeypatch.setattr(repos, "get_repo", fail)
    transport = rest.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    transport.raise_app_exceptions = True
    with pytest.raises(StorageError, match="the disk is full"):
        await rest.ask("GET", "/repos/starter-repo")


async def test_a_body_that_breaks_off_is_no_failure_of_the_server(rest: RestServer) -> None:
    """A client that goes away within its body raises nothing in the server."""
    transport = rest.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    scope = {
        "type": "http",
        "method": "POST",
        "path": DOCUMENTED + "/repos",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {rest.tokens['edit']}".encode())],
    }
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await transport.app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_the_document_describes_every_route(rest: RestServer) -> None:
    """The OpenAPI document has each documented route with its body and its result, and the docs page shows it."""
    document = (await rest.http.get("/openapi.json")).json()
    base = "/client/v4/accounts/{account_id}/artifacts"
    under = base + "/namespaces/{namespace}"
    described = {
        (method.upper(), path.removeprefix(under).removeprefix(base))
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert described >= {
        ("GET", "/namespaces"),
        ("POST", "/namespaces"),
        ("GET", ""),
        ("DELETE", ""),
        ("PATCH", "/repos/{name}"),
        ("GET", "/client/v4/accounts"),
        ("GET", "/client/v4/memberships"),
        ("GET", "/client/v4/user/tokens/verify"),
        ("POST", "/artifacts/repos"),
        ("POST", "/artifacts/repos/{name}/fork"),
        ("POST", "/artifacts/repos/{name}/import"),
        ("POST", "/artifacts/tokens"),
        ("GET", "/repos"),
        ("POST", "/repos"),
        ("GET", "/repos/{name}"),
        ("DELETE", "/repos/{name}"),
        ("POST", "/repos/{name}/fork"),
        ("GET", "/repos/{name}/tokens"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/{token_id}"),
    }
    create = document["paths"][under + "/repos"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name"]
    assert {parameter["name"] for parameter in create["parameters"]} == {"account_id", "namespace", "Idempotency-Key"}
    assert "422" not in create["responses"]
    page = await rest.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")


async def test_no_secret_is_kept_or_logged(rest: RestServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the files of the server nor its log hold a token that it gave out or was shown."""
    caplog.set_level(logging.DEBUG)
    made = await rest.create("starter-repo")
    minted = (await rest.ask("POST", "/tokens", json={"repo": "starter-repo"})).json()["result"]
    given = [made["token"], minted["plaintext"], rest.tokens["edit"]]
    secrets = [token.partition("?")[0].removeprefix("art_v1_").removeprefix("thd_") for token in given]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret.encode() not in kept
        assert bytes.fromhex(secret) not in kept
        assert secret not in caplog.text
