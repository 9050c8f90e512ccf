"""Every Git client does what people do with a repo, over a real socket; docs/clients.md is the table of it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.git_clients import CLIENTS, GitClient
from tests.clients.table import DEEDS
from tests.live_server import Git, LiveServer, Repo, new_git

LARGE_BYTES = 1_500_000
"""Of noise: more than git sends in one piece when told to send chunks, and than the server takes in without git."""
CANNOT = {("JGit", "shallow clone"): "its command line has no --depth"}


class Bench:
    """A repo with a little history in it, one client, and git beside it for all that is local."""

    def __init__(self, client: GitClient, repo: Repo, folder: Path) -> None:
        self.client, self.repo, self.folder = client, repo, folder
        self.other = new_git(folder / "other", repo.token)
        self.other("remote", "add", "origin", repo.remote)
        self.other.commit({"README.md": "one\n", "deep/er/näme.txt": "ä\n"}, "One")
        self.other.commit({"README.md": "two\n"}, "Two")
        self.tip = self.other.commit({"data.bin": os.urandom(200_000)}, "Three")
        self.other("branch", "topic", "HEAD~1")
        self.other("push", "-q", "origin", "main", "topic")

    def cloned(self, name: str = "clone", *, depth: int | None = None) -> Git:
        """A clone by the client under test, in which git does the local work."""
        (self.folder / "home").mkdir(exist_ok=True)
        folder = self.folder / "home" / name
        self.client.clone(self.repo, folder, depth=depth)
        return Git(folder)

    def fetch(self, clone: Git, *refspecs: str) -> None:
        self.client.fetch(self.repo, clone.folder, *refspecs)

    def push(self, clone: Git, *refspecs: str) -> None:
        self.client.push(self.repo, clone.folder, *refspecs)

    def served(self) -> dict[str, str]:
        """The server's refs, as git sees them."""
        rows = (line.split() for line in self.other("ls-remote", "origin").splitlines())
        return {name: value for value, name in rows}


def clone(bench: Bench) -> None:
    got = bench.cloned()
    assert got("rev-parse", "HEAD") == bench.tip
    assert got("rev-parse", "refs/remotes/origin/topic") == bench.other("rev-parse", "topic")
    assert (got.folder / "deep" / "er" / "näme.txt").read_text() == "ä\n"
    got("update-index", "--refresh")
    assert got("status", "--porcelain") == ""
    got.fsck()


def push(bench: Bench) -> None:
    got = bench.cloned()
    new = got.commit({"README.md": "three\n", "large.bin": os.urandom(LARGE_BYTES)})
    bench.push(got, "refs/heads/main:refs/heads/main", "refs/heads/main:refs/heads/new")
    assert [bench.served()[f"refs/heads/{name}"] for name in ("main", "new")] == [new, new]
    bench.other("fetch", "-q", "origin")
    bench.other.fsck()


def fetch(bench: Bench) -> None:
    got = bench.cloned()
    new = bench.other.commit({"README.md": "three\n"})
    bench.other("push", "-q", "origin", "main", "main:refs/heads/new")
    bench.fetch(got)
    assert [got("rev-parse", f"refs/remotes/origin/{name}") for name in ("main", "new")] == [new, new]
    got.fsck()


def shallow_clone(bench: Bench) -> None:
    got = bench.cloned(depth=1)
    assert got("rev-list", "HEAD").split() == [bench.tip]
    assert got("rev-parse", "--is-shallow-repository") == "true"
    got.fsck()


def tags(bench: Bench) -> None:
    got = bench.cloned()
    got("tag", "light")
    got("tag", "-a", "-m", "A tag", "noted")
    bench.push(got, *(f"refs/tags/{name}:refs/tags/{name}" for name in ("light", "noted")))
    peeled = bench.served()["refs/tags/noted^{}"]
    assert peeled == bench.tip
    again = bench.cloned("again")
    assert again("tag").split() == ["light", "noted"]
    assert again("cat-file", "-t", "noted") == "tag"


def notes(bench: Bench) -> None:
    got = bench.cloned()
    got("notes", "add", "-m", "A note", "HEAD")
    bench.push(got, "refs/notes/commits:refs/notes/commits")
    again = bench.cloned("again")
    bench.fetch(again, "refs/notes/commits:refs/notes/commits")
    assert again("notes", "show", "HEAD") == "A note"


def delete_a_branch(bench: Bench) -> None:
    got = bench.cloned()
    bench.push(got, ":refs/heads/topic")
    assert "refs/heads/topic" not in bench.served()
    assert bench.served()["refs/heads/main"] == bench.tip


def force_push(bench: Bench) -> None:
    got = bench.cloned()
    got("commit", "-q", "--amend", "-m", "Three, better")
    bench.push(got, "+refs/heads/main:refs/heads/main")
    assert bench.served()["refs/heads/main"] == got("rev-parse", "HEAD") != bench.tip


DONE_BY: dict[str, Callable[[Bench], None]] = {
    "clone": clone,
    "push": push,
    "fetch": fetch,
    "shallow clone": shallow_clone,
    "tags": tags,
    "notes": notes,
    "delete a branch": delete_a_branch,
    "force push": force_push,
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_does_a_deed(
    client: GitClient, deed: str, repo: Repo, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """This client does this, and git finds it done."""
    version = client.version()
    record_property("cell", (client.name, version, deed))
    if version is None:
        assert os.environ.get("CI") != "true", f"CI runs every client, and {client.name} is not installed"
        pytest.skip("not installed")
    if reason := CANNOT.get((client.name, deed)):
        pytest.skip(reason)
    DONE_BY[deed](Bench(client, repo, tmp_path))


def test_git_sends_a_large_push_in_chunks(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """The body of a push over git's buffer comes without a length, and is taken in."""
    work = new_git(tmp_path / "work", repo.token)
    tip = work.commit({"data.bin": os.urandom(LARGE_BYTES)})
    trace = tmp_path / "trace"
    command = ["git", "-c", "http.postBuffer=65536", "push", "-q", repo.remote, "main"]
    environment = {**work.environment(), "GIT_TRACE_CURL": str(trace), "GIT_TRACE_CURL_NO_DATA": "1"}
    subprocess.run(command, cwd=work.folder, env=environment, check=True, timeout=300)
    assert "Transfer-Encoding: chunked" in trace.read_text()
    assert tip in work("ls-remote", repo.remote)
