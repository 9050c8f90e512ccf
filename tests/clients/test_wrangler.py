"""wrangler's seven `artifacts` commands, as they come from npm, against a live server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.clients.wrangler import WayOut, Wrangler
from tests.live_server import Git, LiveServer, Repo, new_git

MANY = 120


@pytest.fixture
def wrangler(server: LiveServer, tmp_path: Path) -> Iterator[Wrangler]:
    """wrangler with a home of its own; whatever the test did, it spoke to nobody but the server."""
    with WayOut() as way_out:
        yield Wrangler(server, way_out, tmp_path)
        assert way_out.asked == []


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"space-{uuid4().hex[:10]}"


def table_column(said: str, heading: str) -> list[str]:
    """The cells under a heading of a table that wrangler drew."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    place = rows[0].index(heading)
    return [row[place] for row in rows[1:]]


def test_a_created_repo_is_described_in_json(wrangler: Wrangler, namespace: str, tmp_path: Path) -> None:
    """create answers the repo with a remote and a token that pushes, and get describes the same repo."""
    made = wrangler.json(
        *("repos", "create", "some-repo", "--namespace", namespace),
        *("--description", "What it is", "--default-branch", "trunk"),
    )
    assert (made["name"], made["description"], made["default_branch"]) == ("some-repo", "What it is", "trunk")
    work = new_git(tmp_path / "work", made["token"])
    commit = work.commit({"README.md": "hello\n"})
    work("push", "-q", made["remote"], "HEAD:trunk")
    assert commit in work("ls-remote", made["remote"], "refs/heads/trunk")
    info = wrangler.json("repos", "get", "some-repo", "--namespace", namespace)
    assert {name: info[name] for name in ("id", "remote")} == {name: made[name] for name in ("id", "remote")}
    assert (info["status"], info["read_only"], info["source"]) == ("ready", False, None)
    assert info["last_push_at"] is not None


def test_a_created_repo_is_described_for_people(wrangler: Wrangler, namespace: str) -> None:
    """create and get print what people need, the remote and the token included."""
    said = wrangler("repos", "create", "some-repo", "--namespace", namespace, "--read-only")
    assert f'Created Artifacts repo "some-repo" in namespace "{namespace}".' in said
    assert "art_v1_" in said
    remote = f"{wrangler.server.url}/git/{namespace}/some-repo.git"
    assert remote in said
    said = wrangler("repos", "get", "some-repo", "--namespace", namespace)
    for line in (remote, "ready", "main", "true"):
        assert line in said


def test_namespaces_are_listed_and_got(wrangler: Wrangler, namespace: str) -> None:
    """list has the namespace with its number of repos, and get has the same, as JSON and as text."""
    wrangler.server.create("some-repo", namespace=namespace)
    listed = {row["namespace"]: row for row in wrangler.json("namespaces", "list")}
    assert listed[namespace]["repo_count"] == 1
    assert wrangler.json("namespaces", "get", namespace) == listed[namespace]
    assert namespace in table_column(wrangler("namespaces", "list"), "namespace")
    said = wrangler("namespaces", "get", namespace)
    assert namespace in said
    assert listed[namespace]["created_at"] in said


def test_many_repos_are_listed_over_several_pages(wrangler: Wrangler, namespace: str) -> None:
    """Of more repos than a page holds each is listed once, as JSON and as a table."""
    names = {wrangler.server.create(f"repo-{number:03}", namespace=namespace).name for number in range(MANY)}
    listed = [row["name"] for row in wrangler.json("repos", "list", "--namespace", namespace)]
    assert (len(listed), set(listed)) == (MANY, names)
    drawn = table_column(wrangler("repos", "list", "--namespace", namespace), "name")
    assert (len(drawn), set(drawn)) == (MANY, names)


def test_many_namespaces_are_listed_over_several_pages(tmp_path: Path) -> None:
    """Of more namespaces than a page holds each is listed once."""
    with WayOut() as way_out, LiveServer(tmp_path / "data") as server:
        names = {f"space-{number:03}" for number in range(MANY)}
        for name in names:
            server.create("some-repo", namespace=name)
        listed = [row["namespace"] for row in Wrangler(server, way_out, tmp_path).json("namespaces", "list")]
        assert set(listed) - {"default"} == names
        assert len(set(listed)) == len(listed)
        assert way_out.asked == []


def test_an_empty_namespace_lists_nothing(wrangler: Wrangler, namespace: str) -> None:
    """Nothing is there, and wrangler says so."""
    assert wrangler.json("repos", "list", "--namespace", namespace) == []
    assert "No Artifacts repos found" in wrangler("repos", "list", "--namespace", namespace)


def test_a_deleted_repo_is_gone(wrangler: Wrangler, namespace: str) -> None:
    """delete takes the repo away, as JSON and as text, and its name is free again."""
    wrangler.server.create("some-repo", namespace=namespace)
    said = wrangler("repos", "delete", "some-repo", "--namespace", namespace, "--force")
    assert "Deleted Artifacts repo" in said
    wrangler.server.create("some-repo", namespace=namespace)
    deleted = wrangler.json("repos", "delete", "some-repo", "--namespace", namespace, "--force")
    assert deleted == {"deleted": True, "name": "some-repo", "namespace": namespace}
    assert wrangler.json("repos", "list", "--namespace", namespace) == []


def test_nothing_is_deleted_without_consent(wrangler: Wrangler, namespace: str) -> None:
    """Without --force and without anybody to ask, the repo stays."""
    wrangler.server.create("some-repo", namespace=namespace)
    assert "cancelled" in wrangler("repos", "delete", "some-repo", "--namespace", namespace)
    assert wrangler.json("repos", "get", "some-repo", "--namespace", namespace)["name"] == "some-repo"


def test_an_issued_token_reads_and_does_not_write(wrangler: Wrangler, repo: Repo, tmp_path: Path) -> None:
    """issue-token gives a token of the scope asked for, as JSON and as text."""
    arguments = ("repos", "issue-token", repo.name, "--namespace", "default", "--scope", "read", "--ttl", "3600")
    issued = wrangler.json(*arguments)
    assert issued["scope"] == "read"
    Git(tmp_path, issued["plaintext"])("clone", "-q", repo.remote, "clone")
    clone = Git(tmp_path / "clone", issued["plaintext"])
    clone.commit({"a": "1"})
    assert "403" in clone.fails("push", "origin", "HEAD:main")
    said = wrangler(*arguments)
    assert "Issued a read token" in said
    assert "art_v1_" in said


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("repos", "get", "no-such-repo", "--namespace", "default"), "code: 10200"),
        (("repos", "delete", "no-such-repo", "--namespace", "default", "--force"), "code: 10200"),
        (("repos", "issue-token", "no-such-repo", "--namespace", "default"), "code: 10200"),
        (("repos", "create", "-", "--namespace", "default"), "code: 10101"),
        (("repos", "issue-token", "no-such-repo", "--namespace", "default", "--ttl", "5"), "code: 10103"),
        (("namespaces", "get", "no-such-space"), "code: 10200"),
    ],
    ids=["get", "delete", "token", "name", "ttl", "namespace"],
)
def test_a_refusal_is_shown_with_its_code(wrangler: Wrangler, command: tuple[str, ...], message: str) -> None:
    """wrangler fails and shows our message and code."""
    assert message in wrangler.fails(*command)


def test_a_name_that_is_taken_is_refused(wrangler: Wrangler, repo: Repo) -> None:
    """The second create of a name fails and says which."""
    said = wrangler.fails("repos", "create", repo.name, "--namespace", "default")
    assert f"repo already exists: {repo.name}" in said
    assert "code: 10201" in said


def test_an_unknown_token_is_refused(wrangler: Wrangler) -> None:
    """wrangler says that it could not authenticate, with and without an account named."""
    stranger = replace(wrangler, token="no-token-of-this-server")
    assert "10000" in stranger.fails("namespaces", "list")
    replace(stranger, account=None).fails("namespaces", "list")


def test_the_account_is_found_when_none_is_named(wrangler: Wrangler, repo: Repo) -> None:
    """Without an account id wrangler asks which there are, and takes the only one."""
    found = replace(wrangler, account=None).json("repos", "get", repo.name, "--namespace", "default")
    assert found["remote"] == repo.remote


def test_another_account_is_refused(wrangler: Wrangler) -> None:
    """A token opens its own account alone."""
    assert "10000" in replace(wrangler, account="somebody-else").fails("namespaces", "list")
