"""Several accounts on one server, as their programs and Git clients meet it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live_server import NO_TLS, Git, LiveServer, new_git
from tests.scenarios.test_commands import treehold

DOMAIN = "git.example.test"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[LiveServer]:
    """A server with a second account."""
    with LiveServer(tmp_path / "data") as server:
        assert treehold(server.data_dir, "admin", "account", "create", "rival").returncode == 0
        yield server


def token_of(server: LiveServer, account: str) -> str:
    """A fresh API token of an account."""
    made = treehold(server.data_dir, "admin", "token", "create", "--permission", "edit", "--account", account)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def ask(server: LiveServer, account: str, token: str, method: str, path: str, body: object = None) -> httpx.Response:
    """A request below an account's default namespace."""
    url = f"{server.url}/client/v4/accounts/{account}/artifacts/namespaces/default{path}"
    return httpx.request(
        method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60, verify=NO_TLS
    )


def made_repo(server: LiveServer, account: str, token: str, name: str) -> dict[str, Any]:
    answered = ask(server, account, token, "POST", "/repos", {"name": name})
    assert answered.status_code == 201, answered.text
    result: dict[str, Any] = answered.json()["result"]
    return result


def test_accounts_are_made_once_and_listed(shared: LiveServer) -> None:
    """An account that is there is told so, and all are listed."""
    again = treehold(shared.data_dir, "admin", "account", "create", "rival")
    assert (again.returncode, "already exists" in again.stderr) == (1, True)
    listed = treehold(shared.data_dir, "admin", "account", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["local", "rival"]


def test_repos_of_one_name_in_two_accounts_are_apart(shared: LiveServer, tmp_path: Path) -> None:
    """Each account pushes to and clones its own repo of the same name, and neither token opens the other's."""
    rival = token_of(shared, "rival")
    ours = shared.create("starter-repo")
    theirs = made_repo(shared, "rival", rival, "starter-repo")
    assert theirs["remote"] == f"{shared.url}/git/rival/default/starter-repo.git"
    for who, remote, token in (("ours", ours.remote, ours.token), ("theirs", theirs["remote"], theirs["token"])):
        git = new_git(tmp_path / who, token)
        git.commit({"who": who})
        git("push", "-q", remote, "main")
    for who, remote, token in (("ours", ours.remote, ours.token), ("theirs", theirs["remote"], theirs["token"])):
        Git(tmp_path, token)("clone", "-q", remote, f"clone-of-{who}")
        assert (tmp_path / f"clone-of-{who}" / "who").read_text() == who
    assert "403" in Git(tmp_path, ours.token).fails("ls-remote", theirs["remote"])
    assert "403" in Git(tmp_path, theirs["token"]).fails("ls-remote", ours.remote)


def test_an_accounts_api_token_reaches_its_account_alone(shared: LiveServer) -> None:
    """Its own routes answer, the other account's and the default one's under the short base are 403."""
    rival = token_of(shared, "rival")
    assert ask(shared, "rival", rival, "GET", "/repos").json()["result"] == []
    shared.create("starter-repo")
    assert ask(shared, "rival", rival, "GET", "/repos").json()["result"] == []
    assert ask(shared, "local", rival, "GET", "/repos").status_code == 403
    short = httpx.get(
        f"{shared.url}/v1/api/namespaces/default/repos",
        headers={"Authorization": f"Bearer {rival}"},
        verify=NO_TLS,
    )
    assert short.status_code == 403
    told = httpx.get(f"{shared.url}/client/v4/accounts", headers={"Authorization": f"Bearer {rival}"}, verify=NO_TLS)
    assert told.json()["result"] == [{"id": "rival", "name": "rival"}]


def test_remotes_name_the_account_by_host(tmp_path: Path) -> None:
    """With a domain for accounts a remote is at the account's own host, and works there and by path."""
    with LiveServer(tmp_path / "data", settings={"TREEHOLD_ACCOUNT_DOMAIN": DOMAIN}) as server:
        assert treehold(server.data_dir, "admin", "account", "create", "rival").returncode == 0
        made = made_repo(server, "rival", token_of(server, "rival"), "starter-repo")
        assert made["remote"] == f"http://rival.{DOMAIN}:{server.port}/git/default/starter-repo.git"
        here = f"http.curloptResolve=rival.{DOMAIN}:{server.port}:127.0.0.1"
        git = new_git(tmp_path / "work", made["token"])
        tip = git.commit({"a": "b"})
        git("-c", here, "push", "-q", made["remote"], "main")
        by_path = f"{server.url}/git/rival/default/starter-repo.git"
        assert git("ls-remote", by_path, "main").split() == [tip, "refs/heads/main"]
        assert git("-c", here, "ls-remote", made["remote"], "main").split()[0] == tip
        assert "403" in git.fails("ls-remote", f"{server.url}/git/default/starter-repo.git")
