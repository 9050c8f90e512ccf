"""Import as people do it: a history from another server, over REST, then cloned and worked on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import Git, LiveServer, Repo

SECONDS = 120.0


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory, flask: Git) -> Iterator[HttpsRemote]:
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        Git(https.folder)("clone", "-q", "--mirror", str(flask.folder), "flask.git")
        yield https


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory, remote: HttpsRemote) -> Iterator[LiveServer]:
    """A server that may import from the loopback."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path_factory.mktemp("importer") / "data", settings=settings) as live:
        yield live


def import_repo(server: LiveServer, name: str, **fields: object) -> Repo:
    made = server.result("POST", f"/repos/{name}/import", fields)
    return Repo(name, made["remote"], made["token"])


def until_ready(server: LiveServer, name: str) -> dict[str, object]:
    deadline = time.monotonic() + SECONDS
    while (info := server.result("GET", f"/repos/{name}"))["status"] != "ready":
        assert info["status"] == "importing"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(info)


def test_a_history_is_imported_cloned_and_worked_on(
    importer: LiveServer, remote: HttpsRemote, flask: Git, tmp_path: Path
) -> None:
    """All branches and tags are there as they were, the clone is sound, and a push goes on from it."""
    repo = import_repo(importer, "flask-copy", url=f"{remote.url}/repos/flask.git")
    info = until_ready(importer, "flask-copy")
    assert info["source"] == f"git:{remote.url}/repos/flask.git"
    Git(tmp_path, repo.token)("clone", "-q", "--mirror", repo.remote, "mirror.git")
    mirror = Git(tmp_path / "mirror.git", repo.token)
    mirror.fsck()
    format_ = "--format=%(refname) %(objectname)"
    assert mirror("for-each-ref", format_) == flask("for-each-ref", format_, "refs/heads", "refs/tags")
    assert mirror.reachable() == flask.reachable("--branches", "--tags")
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "work")
    work = Git(tmp_path / "work", repo.token)
    assert work("symbolic-ref", "HEAD") == flask("symbolic-ref", "HEAD")
    work.commit({"new.txt": "new\n"})
    work("push", "-q", "origin", "HEAD")


def test_one_branch_read_only(importer: LiveServer, remote: HttpsRemote, flask: Git, tmp_path: Path) -> None:
    """The branch alone is there, as the default branch, and nobody can push to it."""
    branch = flask("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").splitlines()[0]
    url = f"{remote.url}/repos/flask.git"
    repo = import_repo(importer, "flask-branch", url=url, branch=branch, read_only=True)
    info = until_ready(importer, "flask-branch")
    assert (info["default_branch"], info["read_only"]) == (branch, True)
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "work")
    work = Git(tmp_path / "work", repo.token)
    assert work("rev-list", "--count", "--all") == flask("rev-list", "--count", f"refs/heads/{branch}")
    assert not work("tag")
    work.commit({"new.txt": "new\n"})
    assert "read-only" in work.fails("push", "origin", "HEAD")


def test_a_repo_that_is_being_imported_is_not_used_yet(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path
) -> None:
    """Git is told to come later, REST answers 409; a deletion ends the import and frees the name."""
    remote.asked.clear()
    repo = import_repo(importer, "slow-copy", url=f"{remote.url}/stuck/flask.git")
    assert remote.asked.wait(SECONDS)
    said = Git(tmp_path, repo.token).fails("clone", repo.remote, "work")
    assert "is being imported; try again later" in said
    for method, path, body in (
        ("POST", "/repos/slow-copy/fork", {"name": "slow-fork"}),
        ("POST", "/repos/slow-copy/import", {"url": f"{remote.url}/repos/flask.git"}),
        ("POST", "/tokens", {"repo": "slow-copy"}),
        ("PATCH", "/repos/slow-copy", {"description": "new"}),
    ):
        answer = importer.call(method, path, body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, 10302)
    assert importer.call("DELETE", "/repos/slow-copy").status_code == 202
    assert importer.create("slow-copy").remote == repo.remote
