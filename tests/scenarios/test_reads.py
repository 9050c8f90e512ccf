"""Reads without Git beside git itself, over a real history and over a server's socket."""

import random
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_from_bytes
from uuid import uuid4

import httpx
import pytest

from tests.live_server import API_TOKEN, NO_TLS, Git, LiveServer, Repo, new_git
from tests.scenarios.test_isolation import FOREIGN_BLOB, FOREIGN_COMMIT, FOREIGN_TREE, OWN, WAYS
from tests.wire.raw_git import MemoryMeter, oid_of

FOLDED = "%H%x00%T%x00%B%x00%an%x00%ae%x00%cn%x00%ce%x00%P%x00%at%x00%ct%x1e"
PATHS = ("src", "src/flask/app.py", "flask/app.py", "docs", "README.md", "CHANGES.rst", "tests/", "nothing")


def raw_output(git: Git, *arguments: str) -> bytes:
    """What git prints, as bytes."""
    return subprocess.run(
        ["git", *arguments], cwd=git.folder, env=git.environment(), capture_output=True, check=True, timeout=300
    ).stdout


def fetched(server: LiveServer, repo: Repo, path: str) -> httpx.Response:
    answer = server.call("GET", f"/repos/{repo.name}{path}")
    assert answer.status_code == 200, answer.text
    return answer


def logged(server: LiveServer, repo: Repo, query: str) -> list[str]:
    return [row["hash"] for row in server.result("GET", f"/repos/{repo.name}/log?{query}")]


def listed(git: Git, *arguments: str) -> list[str]:
    return git("log", "--first-parent", "--format=%H", *arguments).split()


@pytest.fixture(scope="module")
def merged(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Git, Repo]:
    """A history whose merges bring changes, drop them and mend them, with files that move, and its repo."""
    git = new_git(tmp_path_factory.mktemp("merged"))
    chance = random.Random(7)
    git.commit({"a/x": "0", "a/y": "0", "b/x": "0", "c": "0"})
    for number in range(1, 40):
        git("checkout", "-q", "-b", f"topic-{number}")
        for _ in range(chance.randint(1, 2)):
            git.commit({chance.choice(["a/x", "a/y", "b/x", "c", "a/b/c"]): str(number)}, f"Topic {number}")
        git("checkout", "-q", "main")
        if chance.random() < 0.5:
            git.commit({chance.choice(["a/x", "c"]): f"main {number}"}, f"Main {number}")
        strategy = chance.choice(["-Xours", "-Xtheirs", "-sours"])
        git("merge", "-q", "--no-ff", strategy, "-m", f"Merge {number}", f"topic-{number}")
        if number == 20:
            git("rm", "-rq", "a")
            git.commit({}, "Remove a folder")
    repo = server.create(f"merged-{uuid4().hex[:12]}")
    git.showing(repo.token)("push", "-q", repo.remote, "main", "topic-7")
    return git, repo


@pytest.mark.parametrize("path", ["", "a", "a/x", "a/b", "a/b/c", "b/x", "c", "d"])
@pytest.mark.parametrize("ref", ["main", "topic-7", "HEAD"])
def test_logs_of_merges_are_those_of_git(server: LiveServer, merged: tuple[Git, Repo], ref: str, path: str) -> None:
    """A log along the first parents, of all or of a path, has the commits that git's own has, in its order."""
    git, repo = merged
    expected = listed(git, ref, *(["--", path] if path else []))
    assert logged(server, repo, f"ref={ref}&path={path}&limit=1000") == expected
    for offset in (1, 3, len(expected)):
        assert logged(server, repo, f"ref={ref}&path={path}&limit=2&offset={offset}") == expected[offset : offset + 2]


@pytest.mark.parametrize("path", ["", *PATHS])
def test_logs_of_a_long_history_are_those_of_git(server: LiveServer, flask: Git, flask_repo: Repo, path: str) -> None:
    """Near and far stretches of a long log are those of git, whoever walked there."""
    expected = listed(flask, "HEAD", *(["--", path] if path else []))
    for offset in (0, 100, 1500, 3000, 100_000):
        got = logged(server, flask_repo, f"path={path}&limit=100&offset={offset}")
        assert got == expected[offset : offset + 100]


def test_commits_are_those_of_git(server: LiveServer, flask: Git, flask_repo: Repo) -> None:
    """What a log tells of a thousand commits is what git tells."""
    rows = server.result("GET", f"/repos/{flask_repo.name}/log?limit=5000")
    said = flask("log", "--first-parent", "-n1000", f"--format={FOLDED}", "HEAD").split("\x1e")
    assert len(rows) == 1000
    for row, line in zip(rows, said, strict=False):
        fields = line.strip("\n").split("\0")
        assert [row["hash"], row["treeHash"]] == fields[:2]
        assert row["message"].rstrip("\n") == fields[2].rstrip("\n")
        assert [row[who][what] for who in ("author", "committer") for what in ("name", "email")] == fields[3:7]
        assert " ".join(row["parents"]) == fields[7]
        assert [str(row["authoredAt"]), str(row["committedAt"])] == fields[8:]


def test_trees_and_blobs_are_those_of_git(server: LiveServer, flask: Git, flask_repo: Repo) -> None:
    """Trees list what git ls-tree does, and blobs by id and by path are what git cat-file prints."""
    chance = random.Random(3)
    tags = [*chance.sample(flask("tag").split(), 4), "main"]
    for ref in tags:
        top = flask("rev-parse", f"{ref}^{{tree}}")
        rows = server.result("GET", f"/repos/{flask_repo.name}/tree/{top}")
        lines = [line.split(None, 3) for line in flask("ls-tree", top).split("\n")]
        assert [[row["mode"].zfill(6), row["hash"], row["name"]] for row in rows] == [
            [mode, oid, name] for mode, _, oid, name in lines
        ]
        files = [line.split(None, 3) for line in flask("ls-tree", "-r", ref).split("\n")]
        for _, kind, oid, path in chance.sample(files, 8):
            assert kind == "blob"
            content = raw_output(flask, "cat-file", "blob", oid)
            for url in (f"/blob/{oid}", f"/file?ref={ref}&path={quote(path)}", f"/raw/{ref}/{quote(path)}"):
                assert fetched(server, flask_repo, url).content == content


def test_any_names_reach_the_server(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """Refs with slashes and paths of any bytes arrive over a socket as they were sent."""
    git = new_git(tmp_path / "work")
    oid = git("hash-object", "-w", "--stdin", stdin=b"some text")
    names = [
        b"a b",
        b"a+b",
        b"50%",
        b"what?",
        b"x#y",
        "ä".encode(),
        b"\xe4",
        b"back\\slash",
        b"new\nline",
        b"%2F",
        b"*",
    ]
    lines = b"".join(b"100644 blob %b\t%b\0" % (oid.encode(), name) for name in names)
    top = git("mktree", "-z", stdin=lines)
    made = git("commit-tree", "-m", "Names", top)
    branches = ["feature/x", "a/b/c", "ü", "a%2Fb"]
    git.showing(repo.token)("push", "-q", repo.remote, *(f"{made}:refs/heads/{branch}" for branch in branches))
    for name in names:
        path = quote_from_bytes(name, safe="")
        for branch in (quote(branch, safe="") for branch in branches):
            if b"\n" not in name:  # the router ends a path there
                assert fetched(server, repo, f"/raw/{branch}/{path}").text == "some text"
            assert fetched(server, repo, f"/file?ref={branch}&path={path}").text == "some text"
        assert logged(server, repo, f"ref=feature/x&path={path}") == [made]


@pytest.mark.parametrize("way", WAYS)
def test_what_no_ref_reaches_cannot_be_read(server: LiveServer, way: object) -> None:
    """Objects that are stored but that no ref of the repo reaches are not there, by id, beginning of an id or ref."""
    assert callable(way)
    repo = way(server).raw.repo
    commit, top, text = (oid_of(item).hex() for item in (FOREIGN_COMMIT, FOREIGN_TREE, FOREIGN_BLOB))
    for path in (f"commit/{commit}", f"tree/{top}", f"blob/{text}", f"file?ref={commit}&path=secret"):
        assert server.call("GET", f"/repos/{repo.name}/{path}").status_code == 404
    for ref in (commit, commit[:10]):
        assert logged(server, repo, f"ref={ref}") == []
    for ref in (commit, commit[:10], "secret"):
        assert server.call("GET", f"/repos/{repo.name}/raw/{ref}/secret").status_code == 404
    own = oid_of(OWN[-1]).hex()
    assert logged(server, repo, f"ref={own[:10]}")[0] == own


def test_a_large_file_takes_little_memory(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """A file of a hundred megabytes comes in full and in part, and the server does not hold it."""
    git = new_git(tmp_path / "work", repo.token)
    large = b"".join(b"%d\n" % number + bytes(1 << 20) for number in range(100))
    git("config", "core.bigFileThreshold", "1m")
    git.commit({"large": large})
    git("push", "-q", repo.remote, "main")
    meter = MemoryMeter(server)
    assert fetched(server, repo, "/file?path=large").content == large
    headers = {"authorization": f"Bearer {API_TOKEN}", "range": "bytes=90000000-90000009"}
    url = f"{server.base}/namespaces/default/repos/{repo.name}/raw/main/large"
    part = httpx.get(url, headers=headers, timeout=60, verify=NO_TLS)
    assert (part.status_code, part.content) == (206, large[90_000_000:90_000_010])
    assert meter.risen() < 40 << 20
