"""The official TypeScript SDK's generic verbs, paginators and errors, as they come from npm, against a live server."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.installed import PROGRAMS, run_node
from tests.clients.strict_server import STRICT_REQUESTS, strict_server
from tests.live_server import API_TOKEN, Git, LiveServer

MANY = 120
ACCOUNT = "/accounts/local/artifacts/namespaces"


def send(server: LiveServer, errand: str, folder: Path, **asked: object) -> tuple[Any, dict[str, int]]:
    """Send the SDK on an errand; answers what came of it and how many answers had which status."""
    asked = {"token": API_TOKEN, "baseURL": f"{server.url}/client/v4", **asked}
    done = run_node(PROGRAMS / "sdk.cjs", errand, json.dumps(asked), folder=folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["result"], said["counted"]


@pytest.fixture(scope="module")
def crowd(server: LiveServer) -> tuple[str, set[str]]:
    """A namespace with more repos than a page holds, and their names."""
    namespace = f"crowd-{uuid4().hex[:10]}"
    return namespace, {server.create(f"repo-{number:03}", namespace=namespace).name for number in range(MANY)}


def test_a_repo_lives_through_the_generic_verbs(server: LiveServer, tmp_path: Path) -> None:
    """post, get, patch and delete work on a repo as their names say, and the token that came opens it."""
    path = f"{ACCOUNT}/space-{uuid4().hex[:10]}/repos"
    said, _ = send(server, "life", tmp_path, path=path)
    assert (said["info"]["id"], said["info"]["description"]) == (said["made"]["id"], "What it is")
    assert said["gone"] == {"id": said["made"]["id"]}
    assert Git(tmp_path, said["fork"]["token"])("ls-remote", said["fork"]["remote"]) == ""


@pytest.mark.parametrize(
    ("page", "query"),
    [("page", {"per_page": 50}), ("cursor", {"per_page": 50}), ("cursor", {"limit": 7}), ("single", {"limit": 200})],
    ids=["page", "cursor", "cursor-limit", "single"],
)
def test_a_list_is_walked_by_the_paginators(
    server: LiveServer, crowd: tuple[str, set[str]], tmp_path: Path, page: str, query: dict[str, int]
) -> None:
    """Each repo comes once, whichever of the SDK's paginators walks the pages."""
    namespace, names = crowd
    listed, _ = send(server, "list", tmp_path, path=f"{ACCOUNT}/{namespace}/repos", page=page, query=query)
    assert (len(listed), set(listed)) == (MANY, names)


def test_accounts_and_the_token_are_seen_by_the_typed_methods(server: LiveServer, tmp_path: Path) -> None:
    """The SDK's own methods for accounts and the token read what the server says of itself."""
    assert send(server, "account", tmp_path)[0] == {"ids": ["local"], "status": "active"}


@pytest.mark.parametrize(
    ("path", "body", "name", "code"),
    [
        (f"{ACCOUNT}/default/repos", {"name": "-"}, "BadRequestError", 10101),
        (f"{ACCOUNT}/default/tokens", {"repo": "some-repo", "ttl": 1}, "BadRequestError", 10103),
        (f"{ACCOUNT}/default/repos/no-such-repo", None, "NotFoundError", 10200),
        ("/accounts/somebody-else/artifacts/namespaces", None, "PermissionDeniedError", 10000),
    ],
    ids=["name", "ttl", "missing", "account"],
)
def test_refusals_are_the_sdks_errors(
    server: LiveServer, tmp_path: Path, path: str, body: object, name: str, code: int
) -> None:
    """A refusal is thrown as the class of its status, with our code in it."""
    said, _ = send(server, "refused", tmp_path, path=path, body=body)
    assert (said["name"], said["code"]) == (name, code)


def test_an_unknown_token_is_an_authentication_error(server: LiveServer, tmp_path: Path) -> None:
    """A stranger is thrown an AuthenticationError, once: there is no point in trying again."""
    said, counted = send(server, "refused", tmp_path, token="no-token-of-this-server", path=ACCOUNT)
    assert said == {"name": "AuthenticationError", "status": 401, "code": 10000}
    assert counted == {"401": 1}


def test_a_conflict_is_tried_again_and_then_thrown(server: LiveServer, tmp_path: Path) -> None:
    """A taken name is asked for three times, which changes nothing, and is a ConflictError in the end."""
    repo = server.create(f"repo-{uuid4().hex[:10]}")
    said, counted = send(server, "refused", tmp_path, path=f"{ACCOUNT}/default/repos", body={"name": repo.name})
    assert said == {"name": "ConflictError", "status": 409, "code": 10201}
    assert counted == {"409": 3}


def test_a_client_over_its_rate_waits_as_it_is_told(tmp_path: Path) -> None:
    """Few retries are enough for an SDK that waits for our Retry-After; without any it is a RateLimitError."""
    path, times = f"{ACCOUNT}/default/repos", 3 * STRICT_REQUESTS
    with strict_server(tmp_path / "data") as strict:
        _, counted = send(strict, "often", tmp_path, path=path, times=times, maxRetries=1)
        assert counted["200"] == times
        assert counted["429"] > 0
        refused, _ = send(strict, "refused", tmp_path, path=path, times=times, maxRetries=0)
    assert refused == {"name": "RateLimitError", "status": 429, "code": 10429}
