"""The client that @cloudflare/computer has for the binding, which somebody else wrote, on top of the adapter."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.clients.installed import MODULES, PROGRAMS
from tests.clients.workers import READY_SECONDS, copy_of_adapter, service_configuration, wrangler_dev
from tests.live_server import Git, LiveServer

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def worker(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Worker that uses it under `wrangler dev`."""
    folder = tmp_path_factory.mktemp("computer")
    shutil.copy(PROGRAMS / "computer_worker.js", folder)
    (folder / "node_modules").symlink_to(MODULES)
    configuration = folder / "wrangler.jsonc"
    configuration.write_text(json.dumps(service_configuration("computer_worker.js")))
    with wrangler_dev(folder, configuration, copy_of_adapter(folder, server) / "wrangler.jsonc") as running:
        yield running.url


@pytest.fixture
def client(worker: str) -> Client:
    """A client for a session of its own: a verb and its arguments; answers ``value`` or ``error``."""
    session = f"session-{uuid4().hex[:8]}"

    def ask(verb: str, *args: object) -> Any:
        body = {"session": session, "verb": verb, "args": args}
        return httpx.post(worker, json=body, timeout=READY_SECONDS).json()

    return ask


def test_a_session_has_repos_of_its_own(client: Client, server: LiveServer) -> None:
    """Repos are made, listed, looked at and deleted within a session, and lie on the server under its prefix."""
    for name in ("one", "two"):
        made = client("create", name, {"description": f"Repo {name}"})["value"]
        assert (made["name"], made["description"]) == (name, f"Repo {name}")
    server.create(f"foreign-{uuid4().hex[:8]}")
    assert sorted(repo["name"] for repo in client("list")["value"]) == ["one", "two"]
    info = client("get", "one")["value"]
    assert info["remote"].endswith("__one.git")
    assert client("delete", "one")["value"] is True
    assert client("get", "one")["error"]["code"] == "NOT_FOUND"


def test_its_tokens_open_the_repo(client: Client, tmp_path: Path) -> None:
    """A token that it mints is one for git until it is revoked."""
    remote = client("create", "with-tokens")["value"]["remote"]
    token = client("createToken", "with-tokens", "read", 600)["value"]
    Git(tmp_path, token["plaintext"])("ls-remote", remote)
    assert client("getToken", "with-tokens", token["id"])["value"]["scope"] == "read"
    assert client("listTokens", "with-tokens")["value"]["total"] == 2
    assert client("revokeToken", "with-tokens", token["id"])["value"] is True
    Git(tmp_path, token["plaintext"]).fails("ls-remote", remote)


def test_its_command_line_works(client: Client) -> None:
    """Its `artifacts` command, as agents have it in a shell, makes a repo and says so when the name is taken."""
    made = client("cli", {"argv": ["create", "by-command"]})["value"]
    assert (made["exitCode"], json.loads(made["stdout"])["name"]) == (0, "by-command")
    again = client("cli", {"argv": ["create", "by-command"]})["value"]
    assert again["exitCode"] != 0
    assert "already exists" in again["stderr"]
