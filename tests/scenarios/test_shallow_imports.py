"""Imports that bring a part of a history, and what becomes of such a repo: served, pushed to, forked, cared for."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import Git, LiveServer, Repo, new_git

SECONDS = 120.0
COMMITS = 12
BRANCHES = {2: "old", COMMITS - 4: "side"}
EVERY_VERSION = pytest.mark.parametrize("version", [0, 1, 2])


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory, flask: Git) -> Iterator[HttpsRemote]:
    """``line.git`` has twelve commits and a merge, ``cut.git`` the last three of them, ``flask.git`` thousands."""
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        work = new_git(https.folder / "work")
        for number in range(COMMITS):
            work.commit({"file.txt": f"{number}\n" * 50, f"dir/{number}.txt": f"{number}\n"}, f"Change {number}")
            if number in BRANCHES:
                work("branch", BRANCHES[number])
        work("checkout", "-q", "side")
        work.commit({"side.txt": "side\n"}, "Side")
        work("checkout", "-q", "main")
        work("merge", "-q", "--no-ff", "-m", "Merge", "side")
        work("tag", "-a", "-m", "First", "v1")
        here = Git(https.folder)
        here("clone", "-q", "--mirror", "work", "line.git")
        here("clone", "-q", "--bare", "--depth=3", f"file://{https.folder}/line.git", "cut.git")
        here("clone", "-q", "--mirror", str(flask.folder), "flask.git")
        yield https


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory, remote: HttpsRemote) -> Iterator[LiveServer]:
    """A server that may import from the loopback."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path_factory.mktemp("importer") / "data", settings=settings) as live:
        yield live


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"r-{abs(hash(request.node.name)) % 10**12}"


def imported(server: LiveServer, remote: HttpsRemote, name: str, what: str = "line.git", **fields: object) -> Repo:
    """A repo that was imported, when it is ready."""
    made = server.result("POST", f"/repos/{name}/import", {"url": f"{remote.url}/repos/{what}", **fields})
    deadline = time.monotonic() + SECONDS
    while (status := server.result("GET", f"/repos/{name}")["status"]) != "ready":
        assert status == "importing"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return Repo(name, made["remote"], made["token"])


def twin(remote: HttpsRemote, folder: Path, depth: int, what: str = "line.git", *options: str) -> Git:
    """What C Git makes of the same: a bare repository so many commits deep."""
    options = ("-q", "--bare", "--no-tags", "--single-branch", f"--depth={depth}", *options)
    Git(folder)("clone", *options, f"file://{remote.folder}/{what}", "twin.git")
    return Git(folder / "twin.git")


def cloned(repo: Repo, folder: Path, *options: str, version: int = 2) -> Git:
    """A sound clone."""
    name = f"clone-{len(list(folder.iterdir()))}"
    Git(folder, repo.token)("clone", "-q", *options, repo.remote, name, protocol=version)
    clone = Git(folder / name, repo.token)
    clone.fsck()
    return clone


def ends(git: Git) -> list[str]:
    """The commits at which a history is cut off."""
    path = git.folder / git("rev-parse", "--git-path", "shallow")
    return sorted(path.read_text().split()) if path.exists() else []


def history(git: Git) -> tuple[set[str], list[str]]:
    return git.reachable("HEAD"), ends(git)


@EVERY_VERSION
@pytest.mark.parametrize("depth", [1, 3, 7])
def test_a_part_of_a_history_is_imported_and_cloned(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str, depth: int, version: int
) -> None:
    """The repo has just what C Git's own shallow clone has, ends where that ends, and so do clones of it."""
    repo = imported(importer, remote, name, depth=depth)
    expected = twin(remote, tmp_path, depth)
    clone = cloned(repo, tmp_path, version=version)
    assert history(clone) == history(expected)
    assert ends(clone)
    assert clone("symbolic-ref", "HEAD") == "refs/heads/main"
    assert clone("for-each-ref", "--format=%(refname)", "refs/remotes/origin/*").splitlines() == [
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]
    assert not clone("tag")


def test_a_depth_beyond_the_history_is_no_bound(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str
) -> None:
    """The repo is an ordinary one, of HEAD's branch alone."""
    repo = imported(importer, remote, name, depth=1000)
    clone = cloned(repo, tmp_path)
    assert not ends(clone)
    assert clone("rev-list", "--all") == Git(remote.folder / "line.git")("rev-list", "main")


def test_a_named_branch_is_taken_so_deep(importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str) -> None:
    """It is the default branch then, and the only one."""
    repo = imported(importer, remote, name, branch="side", depth=2)
    clone = cloned(repo, tmp_path)
    assert history(clone) == history(twin(remote, tmp_path, 2, "line.git", "--branch=side"))
    assert clone("symbolic-ref", "HEAD") == "refs/heads/side"


@pytest.mark.parametrize("depth", [None, 2, 100])
def test_a_remote_that_lacks_history_itself(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str, depth: int | None
) -> None:
    """Its ends are the repo's, unless the repo ends earlier."""
    repo = imported(importer, remote, name, "cut.git", depth=depth)
    clone = cloned(repo, tmp_path)
    expected = Git(remote.folder / "cut.git") if depth != 2 else twin(remote, tmp_path, depth)
    assert history(clone) == history(expected)


@EVERY_VERSION
@pytest.mark.parametrize(("depth", "is_shallower"), [(1, True), (2, True), (3, False), (100, False)])
def test_clients_choose_a_depth_of_their_own(
    importer: LiveServer,
    remote: HttpsRemote,
    tmp_path: Path,
    name: str,
    depth: int,
    is_shallower: bool,
    version: int,
) -> None:
    """A clone may end before the repo does, and never after; deepened as far as can be it is as deep as the repo."""
    repo = imported(importer, remote, name, depth=3)
    whole = history(twin(remote, tmp_path, 3))
    clone = cloned(repo, tmp_path, f"--depth={depth}", version=version)
    assert (history(clone) != whole) == is_shallower
    for step, is_whole in (
        ("--deepen=1", depth > 1),
        ("--unshallow", True),
        ("--depth=1", False),
        ("--depth=50", True),
    ):
        clone("fetch", "-q", step, protocol=version)
        clone.fsck()
        assert (clone.reachable("HEAD") == whole[0]) == is_whole


@EVERY_VERSION
@pytest.mark.parametrize("bound", ["--shallow-since=2000-01-01", "--shallow-exclude=v0"])
def test_other_bounds_stop_at_the_repos_own(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str, bound: str, version: int
) -> None:
    """A date and a ref that would let in more than the repo has let in all that it has."""
    repo = imported(importer, remote, name, depth=3)
    whole = history(twin(remote, tmp_path, 3))
    work = cloned(repo, tmp_path)
    work("checkout", "-q", "--orphan", "other")
    work.commit({"other.txt": "other\n"})
    work("tag", "v0")
    work("push", "-q", "origin", "v0")
    clone = cloned(repo, tmp_path, "--single-branch", "--no-tags", "--branch=main", bound, version=version)
    assert history(clone) == whole


def test_a_client_may_refuse_such_a_repo(importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str) -> None:
    """It is told in time."""
    repo = imported(importer, remote, name, depth=3)
    said = Git(tmp_path, repo.token).fails("clone", "--reject-shallow", repo.remote, "clone")
    assert "source repository is shallow" in said


@EVERY_VERSION
def test_a_history_goes_on_from_its_end(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str, version: int
) -> None:
    """Clones push to it, others fetch that, from clones of every depth and from the whole history elsewhere."""
    repo = imported(importer, remote, name, depth=3)
    others = [cloned(repo, tmp_path, *depth, version=version) for depth in ((), ("--depth=1",))]
    work = cloned(repo, tmp_path, version=version)
    new = [work.commit({"new.txt": f"{number}\n"}) for number in range(3)]
    work("push", "-q", "origin", "main", protocol=version)
    shallower = cloned(repo, tmp_path, "--depth=1", version=version)
    new.append(shallower.commit({"more.txt": "more\n"}))
    shallower("push", "-q", "origin", "main", protocol=version)
    Git(tmp_path)("clone", "-q", f"{remote.folder}/line.git", "whole")
    whole = Git(tmp_path / "whole", repo.token)
    whole("fetch", "-q", repo.remote, "main", protocol=version)
    whole("merge", "-q", "--ff-only", "FETCH_HEAD")
    whole.fsck()
    assert not ends(whole)
    new.append(whole.commit({"whole.txt": "whole\n"}))
    whole("push", "-q", repo.remote, "main", protocol=version)
    expected = history(cloned(repo, tmp_path, version=version))
    assert set(new) < expected[0]
    for other in others:
        old = ends(other)
        other("pull", "-q", "--ff-only", protocol=version)
        other.fsck()
        assert ends(other) == old
        assert other("rev-parse", "HEAD") == new[-1]
    assert history(others[0]) == expected


def test_a_push_that_lacks_more_is_refused(
    importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str
) -> None:
    """Nobody but an import cuts a history off."""
    repo = imported(importer, remote, name, depth=3)
    Git(tmp_path)("clone", "-q", "--depth=1", "--branch=old", f"file://{remote.folder}/line.git", "old")
    old = Git(tmp_path / "old", repo.token)
    for number in (1, 1100):
        old.commit({f"many/{row}.txt": f"{row}\n" for row in range(number)})
        assert "(shallow update not allowed)" in old.fails("push", repo.remote, "old:another")
    assert "another" not in cloned(repo, tmp_path)("branch", "-r")


def test_forks_have_the_same_ends(importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str) -> None:
    """A fork of all and one of the default branch alone are served like their parent, pushed to, and outlive it."""
    repo = imported(importer, remote, name, depth=3)
    work = cloned(repo, tmp_path)
    work("push", "-q", "origin", "main~1:refs/heads/older", "main:refs/tags/v2")
    work("checkout", "-q", "--orphan", "other")
    work.commit({"other.txt": "other\n"})
    work("push", "-q", "origin", "other")
    whole = history(twin(remote, tmp_path, 3))
    forks = [importer.fork(name, f"{name}-{row}", default_branch_only=bool(row))[0] for row in range(2)]
    importer.call("DELETE", f"/repos/{name}")
    for fork in forks:
        for version in (0, 2):
            assert history(cloned(fork, tmp_path, version=version)) == whole
        assert len(ends(cloned(fork, tmp_path, "--depth=1"))) == 1
        clone = cloned(fork, tmp_path)
        clone.commit({"new.txt": "new\n"})
        clone("push", "-q", "origin", "main")
        assert history(cloned(fork, tmp_path)) == history(clone)
    assert "other" in cloned(forks[0], tmp_path)("branch", "-r")
    assert "other" not in cloned(forks[1], tmp_path)("branch", "-r")


def test_maintenance_keeps_the_ends(importer: LiveServer, remote: HttpsRemote, tmp_path: Path, name: str) -> None:
    """Many pushes are merged and a forced one is cleaned up, and clones are what they were; ends that nothing leads to
    any more are told to nobody."""
    repo = imported(importer, remote, name, depth=3)
    work = cloned(repo, tmp_path)
    for number in range(40):
        work.commit({"new.txt": f"{number}\n"})
        work("push", "-q", "origin", "main")
    maintain(importer)
    assert history(cloned(repo, tmp_path)) == history(work)
    work("reset", "-q", "--hard", "HEAD~20")
    work("push", "-q", "--force", "origin", "main")
    assert history(cloned(repo, tmp_path)) == history(work)
    said = maintain(importer)
    assert "repack" in said
    for version in (0, 2):
        assert history(cloned(repo, tmp_path, version=version)) == history(work)
    work("checkout", "-q", "--orphan", "other")
    work.commit({"other.txt": "other\n"})
    work("push", "-q", "--force", "origin", "other:main")
    for _ in range(2):
        for version in (0, 2):
            assert not ends(cloned(repo, tmp_path, version=version))
        maintain(importer)


def maintain(server: LiveServer) -> str:
    environment = {**os.environ, "TREEHOLD_DATA_DIR": str(server.data_dir)}
    arguments = [sys.executable, "-m", "treehold", "admin", "maintenance", "run"]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_large_history_is_cut_and_served(
    importer: LiveServer, remote: HttpsRemote, flask: Git, tmp_path: Path, name: str
) -> None:
    """Clones of all, of other depths and of one branch of two, most of them made by C Git, are sound."""
    repo = imported(importer, remote, name, "flask.git", depth=300)
    expected = twin(remote, tmp_path, 300, "flask.git")
    whole = history(expected)
    clone = cloned(repo, tmp_path)
    assert history(clone) == whole
    assert len(whole[1]) > 1
    assert history(cloned(repo, tmp_path, "--depth=300")) == whole
    assert history(cloned(repo, tmp_path, "--depth=5000")) == whole
    less = cloned(repo, tmp_path, "--depth=200")
    assert history(less) == history(twin(remote, tmp_path_of(tmp_path, "less"), 200, "flask.git"))
    less("fetch", "-q", "--unshallow")
    assert history(less) == whole
    clone.commit({"new.txt": "new\n"})
    clone("push", "-q", "origin", "HEAD~50:refs/heads/older", "HEAD:refs/heads/newer")
    older = cloned(repo, tmp_path, "--single-branch", "--branch=older")
    assert older.reachable("HEAD") == clone.reachable("HEAD~50")
    assert set(ends(older)) <= set(whole[1])
    for number in range(2):  # forced, and too large to be taken in without C Git
        clone("reset", "-q", "--hard", "HEAD~1")
        clone.commit({f"many/{number}/{row}.txt": f"{number} {row}\n" for row in range(1100)})
        clone("push", "-q", "--force", "origin", "HEAD:newer")
        clone.commit({f"more/{number}/{row}.txt": f"{number} {row}\n" for row in range(1100)})
        clone("push", "-q", "origin", "HEAD:newer")
        forced = cloned(repo, tmp_path, "--branch=newer")
        assert forced.reachable("HEAD") == clone.reachable("HEAD")
        maintain(importer)
    log = importer.result("GET", f"/repos/{name}/log?limit=1000")
    assert [entry["hash"] for entry in log] == expected("rev-list", "--first-parent", "HEAD").splitlines()
    assert log[-1]["parents"]


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name
