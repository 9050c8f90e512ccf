"""Forks: what they take along, that they are independent, and that they cost next to nothing."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.live_server import API_TOKEN, Git, LiveServer, Repo, new_git

FORKS = 1_000
GROWTH_BYTES_MAX = 1 << 20


@pytest.fixture
def family(server: LiveServer, repo: Repo, tmp_path: Path) -> Git:
    """A repo with a main and a side branch, tags into each, and a note; answers the repository it was pushed from."""
    git = new_git(tmp_path / "origin", repo.token)
    git.commit({"a.txt": "one\n"}, "One")
    git("tag", "light")
    git("tag", "-a", "-m", "Annotated", "annotated")
    git("tag", "-a", "-m", "Of the tag", "nested", "annotated")
    git("tag", "file", "HEAD:a.txt")
    git.commit({"a.txt": "two\n", "dir/b.txt": "three\n"}, "Two")
    git("checkout", "-q", "-b", "side", "HEAD~1")
    git.commit({"side.txt": "side\n"}, "Side")
    git("tag", "-a", "-m", "Of the side", "side-annotated")
    git("tag", "side-light")
    git("update-ref", "refs/notes/commits", "main")
    git("push", "-q", repo.remote, "refs/*:refs/*")
    return git


@pytest.fixture
def fork(server: LiveServer) -> Callable[..., tuple[Repo, int]]:
    """Forks a repo under a fresh name; answers the fork and how many objects it says it has."""

    def make(parent: Repo, **fields: object) -> tuple[Repo, int]:
        return server.fork(parent.name, f"fork-{uuid4().hex[:12]}", **fields)

    return make


Fork = Callable[..., tuple[Repo, int]]


def mirror(repo: Repo, folder: Path) -> Git:
    """A checked mirror of a repo."""
    name = f"mirror-{uuid4().hex[:8]}"
    Git(folder, repo.token)("clone", "-q", "--mirror", repo.remote, name)
    git = Git(folder / name, repo.token)
    git.fsck()
    return git


def refs(git: Git) -> dict[str, str]:
    return dict(line.split() for line in git("for-each-ref", "--format=%(refname) %(objectname)").splitlines())


def test_a_fork_takes_every_ref(repo: Repo, family: Git, fork: Fork, tmp_path: Path) -> None:
    """A fork has all its parent's refs, its default branch and its objects, and counts them."""
    copy, objects = fork(repo)
    clone = mirror(copy, tmp_path)
    assert refs(clone) == refs(family)
    assert clone("symbolic-ref", "HEAD") == "refs/heads/main"
    assert clone.objects() == family.reachable()
    assert objects == len(family.reachable())


def test_a_fork_of_the_default_branch_takes_the_tags_into_it(
    repo: Repo, family: Git, fork: Fork, tmp_path: Path
) -> None:
    """With default_branch_only a fork has that branch and the tags that point into it, and no other ref or object."""
    copy, objects = fork(repo, default_branch_only=True)
    clone = mirror(copy, tmp_path)
    tags = ["refs/tags/annotated", "refs/tags/file", "refs/tags/light", "refs/tags/nested"]
    assert sorted(refs(clone)) == ["refs/heads/main", *tags]
    assert clone.objects() == family.reachable("main", *tags)
    assert objects == len(clone.objects())


def test_the_default_branch_may_be_another_than_main(server: LiveServer, fork: Fork, tmp_path: Path) -> None:
    """A fork of the default branch takes the branch that HEAD stands for: the only one, while the default is unborn."""
    for number, default in enumerate(("trunk", "unborn")):
        repo = server.create(f"other-{uuid4().hex[:12]}", default_branch=default)
        git = new_git(tmp_path / str(number), repo.token)
        git.commit({"a": "1"})
        git("push", "-q", repo.remote, "main:trunk")
        copy, objects = fork(repo, default_branch_only=True)
        clone = mirror(copy, tmp_path)
        assert refs(clone) == {"refs/heads/trunk": git("rev-parse", "main")}
        assert clone("symbolic-ref", "HEAD") == "refs/heads/trunk"
        assert objects == 3


def test_a_fork_of_a_fork(repo: Repo, family: Git, fork: Fork, tmp_path: Path) -> None:
    """A fork can be forked, whole or in part, and after it was pushed to."""
    first, _ = fork(repo)
    tip = family.commit({"side.txt": "more\n"})
    family.showing(first.token)("push", "-q", first.remote, "side")
    second, objects = fork(first)
    third, few = fork(second, default_branch_only=True)
    assert refs(mirror(second, tmp_path))["refs/heads/side"] == tip
    assert objects == len(family.reachable())
    assert mirror(third, tmp_path).objects() == family.reachable("main", "annotated", "nested", "light")
    assert few == len(family.reachable("main", "annotated", "nested", "light"))
    assert refs(mirror(repo, tmp_path))["refs/heads/side"] != tip


def test_a_fork_of_an_empty_repo(repo: Repo, fork: Fork, tmp_path: Path) -> None:
    """An empty repo's fork is empty, of either kind, and takes a first push."""
    for part in (False, True):
        copy, objects = fork(repo, default_branch_only=part)
        assert objects == 0
        assert refs(mirror(copy, tmp_path)) == {}
        git = new_git(tmp_path / f"first-{part}", copy.token)
        tip = git.commit({"a": "1"})
        git("push", "-q", copy.remote, "main")
        assert refs(mirror(copy, tmp_path)) == {"refs/heads/main": tip}
    assert refs(mirror(repo, tmp_path)) == {}


def test_forks_outlive_their_parent(server: LiveServer, repo: Repo, family: Git, fork: Fork, tmp_path: Path) -> None:
    """Whole and partial forks serve and take pushes as before when their parent is deleted, and its name used anew."""
    whole, _ = fork(repo)
    part, _ = fork(repo, default_branch_only=True)
    server.result("DELETE", f"/repos/{repo.name}")
    server.create(repo.name)
    assert mirror(whole, tmp_path).objects() == family.reachable()
    family("checkout", "-q", "main")
    tip = family.commit({"a.txt": "later\n"})
    for copy in (whole, part):
        family.showing(copy.token)("push", "-q", copy.remote, "main")
        assert refs(mirror(copy, tmp_path))["refs/heads/main"] == tip


def test_pushes_to_forks_and_parent_are_independent(repo: Repo, family: Git, fork: Fork, tmp_path: Path) -> None:
    """What is pushed to one of a family, forced pushes and deletions included, shows in none of the others."""
    one, _ = fork(repo)
    two, _ = fork(repo)
    base = refs(family)
    family("checkout", "-q", "main")
    mine = family.commit({"only-in-one.txt": "1\n"})
    family.showing(one.token)("push", "-q", one.remote, "main")
    family("reset", "-q", "--hard", "HEAD~2")
    forced = family.commit({"only-in-two.txt": "2\n"})
    family.showing(two.token)("push", "-q", two.remote, "+main", ":refs/heads/side")
    assert refs(mirror(one, tmp_path)) == {**base, "refs/heads/main": mine}
    expected = {**base, "refs/heads/main": forced}
    del expected["refs/heads/side"]
    assert refs(mirror(two, tmp_path)) == expected
    clone = mirror(repo, tmp_path)
    assert refs(clone) == base
    assert not {mine, forced} & clone.objects()


def test_a_fork_counts_what_its_refs_reach(repo: Repo, family: Git, fork: Fork) -> None:
    """The count leaves out what the parent's packs hold beyond its refs, and is there for a fork of such a fork."""
    family("push", "-q", repo.remote, ":refs/heads/side", ":refs/tags/side-annotated", ":refs/tags/side-light")
    expected = len(family.reachable("main", "nested"))
    copy, objects = fork(repo)
    assert objects == expected
    assert fork(copy)[1] == expected


def test_a_fork_that_cannot_be_named_leaves_nothing(server: LiveServer, repo: Repo, family: Git) -> None:
    """A name that is taken or not a name is refused, and a repo that is not there cannot be forked."""
    taken = server.call("POST", f"/repos/{repo.name}/fork", {"name": repo.name, "default_branch_only": True})
    assert taken.status_code == 409
    assert server.call("POST", f"/repos/{repo.name}/fork", {"name": "no/name"}).status_code == 400
    assert server.call("POST", "/repos/not-there-at-all/fork", {"name": "some-name"}).status_code == 404


def test_a_thousand_forks_take_less_than_a_megabyte(
    flask: Git, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A thousand forks of a real history grow the data folder by less than 1 MB, and each serves it."""
    live = LiveServer(tmp_path / "data")
    with live:
        repo = live.create("flask-origin")
        flask.showing(repo.token)("push", "-q", "--mirror", repo.remote)
        live.fork(repo.name, "fork-first")  # folds the refs, once for all forks
    before = size_of(live.data_dir)
    with live:
        fork_many(live, repo.name)
        last, objects = live.fork(repo.name, "fork-last")
        while_running = size_of(live.data_dir) - before
    growth = size_of(live.data_dir) - before
    record_property("growth_bytes", growth)
    record_property("growth_bytes_while_running", while_running)
    assert growth < GROWTH_BYTES_MAX
    assert objects == 26_179
    with live:
        Git(tmp_path, last.token)("clone", "-q", "--bare", f"{live.url}/git/default/{last.name}.git", "clone")
    assert refs(Git(tmp_path / "clone")) == refs(flask)


def fork_many(live: LiveServer, parent: str) -> None:
    """A thousand forks, over one connection."""
    url = f"{live.base}/namespaces/default/repos/{parent}/fork"
    with httpx.Client(headers={"Authorization": f"Bearer {API_TOKEN}"}, timeout=60) as http:
        for number in range(FORKS):
            assert http.post(url, json={"name": f"fork-{number:04}"}).status_code == 201


def size_of(folder: Path) -> int:
    """The bytes of everything that is kept; a node's cache is not."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and folder / "cache" not in path.parents
    )
