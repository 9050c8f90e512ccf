"""A real history, fetched every way that git offers, against the same commands run on a plain repository.

Each case runs the very same git commands twice, once against Treehold and once against ``file://``, and compares which
objects the client ends up with and where its history is cut off.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import Git, LiveServer, Repo

PROTOCOLS = (0, 2)
"""Version 1 is version 0 after one more line; the cheap clones are done by it too."""
ALL_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"

Commands = Callable[[Git, str, int], None]
"""What a client does: in an empty folder (git's own is ``at("clone")``), from that URL, by that protocol version."""

CLONES: dict[str, tuple[str, ...]] = {
    "mirror": ("--mirror",),
    "bare": ("--bare",),
    "no tags": ("--bare", "--no-tags"),
    "one branch": ("--bare", "--single-branch", "--branch=stable"),
    "one branch without tags": ("--bare", "--single-branch", "--no-tags"),
    "one tag": ("--bare", "--single-branch", "--branch=2.0.0"),
    "depth 1": ("--bare", "--depth=1"),
    "depth 3 of every branch": ("--bare", "--depth=3", "--no-single-branch"),
    "depth 200": ("--bare", "--depth=200"),
    "since": ("--bare", "--shallow-since=2024-01-01"),
    "without a lightweight tag's history": ("--bare", "--shallow-exclude=3.0.0"),
    "without an annotated tag's history": ("--bare", "--shallow-exclude=2.2.5", "--no-single-branch"),
    "without two branches' history": ("--bare", "--shallow-exclude=stable", "--shallow-exclude=refs/heads/workflow"),
    "no blobs": ("--bare", "--filter=blob:none"),
    "no trees": ("--bare", "--filter=tree:0"),
    "root trees": ("--bare", "--filter=tree:1", "--no-tags"),
    "small blobs": ("--bare", "--filter=blob:limit=1k"),
    "commits": ("--bare", "--filter=object:type=commit"),
    "tags": ("--bare", "--filter=object:type=tag"),
    "two filters": ("--bare", "--filter=combine:blob:limit=2k+tree:2"),
    "depth and filter": ("--bare", "--depth=5", "--filter=blob:none"),
}
LARGE = ("mirror", "bare", "no tags", "one branch", "one branch without tags", "small blobs")


@pytest.fixture(scope="module")
def plain(flask: Git, tmp_path_factory: pytest.TempPathFactory) -> Git:
    """What Treehold is compared with: the same history in a bare repository that offers all that Treehold does."""
    return offering_all(flask, tmp_path_factory.mktemp("plain") / "flask.git")


@pytest.fixture(scope="module")
def reference(plain: Git, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[set[str], set[str]]]:
    """Objects and cuts of a clone of the plain repository, made once for each case: the protocol changes nothing."""

    @cache
    def clone_of(case: str) -> tuple[set[str], set[str]]:
        folder = tmp_path_factory.mktemp("reference")
        Git(folder)("clone", "-q", *CLONES[case], plain.folder.as_uri(), "clone")
        return outcome(Git(folder / "clone"))

    return clone_of


def offering_all(source: Git, folder: Path) -> Git:
    """A bare copy that serves filters and any reachable id."""
    source("clone", "-q", "--mirror", str(source.folder), str(folder))
    git = Git(folder)
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    return git


def bare(folder: Path, token: str | None = None) -> Git:
    """A new bare repository."""
    folder.mkdir()
    git = Git(folder, token)
    git("init", "-q", "--bare")
    return git


def outcome(git: Git) -> tuple[set[str], set[str]]:
    """Which objects a client has, and the commits whose parents it lacks.

    Git's own server names some commits there that it does not send, when a date or a ref sets the bound.
    """
    cuts = Path(git.folder / git("rev-parse", "--git-path", "shallow"))
    objects = git.objects()
    return objects, objects & set(cuts.read_text().split()) if cuts.exists() else set()


@pytest.mark.parametrize(
    ("case", "protocol"),
    [(case, 2) for case in CLONES]
    + [(case, 0) for case in CLONES if case not in LARGE]
    + [("mirror", 0), ("mirror", 1), ("one branch", 0), ("depth 1", 1), ("since", 1), ("no blobs", 1)],
)
def test_a_clone_gets_what_git_would_give(
    flask_repo: Repo,
    reference: Callable[[str], tuple[set[str], set[str]]],
    tmp_path: Path,
    case: str,
    protocol: int,
) -> None:
    """A clone of any kind ends with exactly the objects and cuts of a clone from git itself, and they are sound."""
    Git(tmp_path, flask_repo.token)("clone", "-q", *CLONES[case], flask_repo.remote, "clone", protocol=protocol)
    clone = Git(tmp_path / "clone")
    assert outcome(clone) == reference(case)
    clone("fsck", "--connectivity-only", "--no-dangling")


def test_the_whole_history_is_sound(flask_repo: Repo, flask: Git, tmp_path: Path) -> None:
    """A mirror passes git's full check and has the refs, the default branch and the objects of the original."""
    Git(tmp_path, flask_repo.token)("clone", "-q", "--mirror", flask_repo.remote, "clone")
    clone = Git(tmp_path / "clone")
    clone.fsck()
    assert clone("for-each-ref") == flask("for-each-ref")
    assert clone("symbolic-ref", "HEAD") == "refs/heads/main"
    assert len(clone.objects()) == 26_179


@pytest.fixture(scope="module")
def early(server: LiveServer, flask: Git, tmp_path_factory: pytest.TempPathFactory) -> tuple[Repo, Git]:
    """The first six years of the history, for what takes many steps: a third of the objects, on both sides."""
    folder = tmp_path_factory.mktemp("early") / "flask.git"
    git = bare(folder)
    branches = ("0.12:refs/heads/main", "0.10.1:refs/heads/stable", "0.7:refs/heads/workflow")
    git("fetch", "-q", "--no-tags", str(flask.folder), *branches, "refs/tags/0.*:refs/tags/0.*")
    repo = server.create(f"early-{uuid4().hex[:12]}")
    git.showing(repo.token)("push", "-q", "--mirror", repo.remote)
    return repo, git


@pytest.fixture
def twins(server: LiveServer, early: tuple[Repo, Git], tmp_path: Path) -> Iterator["Twins"]:
    """The early history twice, to be changed: a fork on the server and a copy of the plain repository."""
    parent, plain = early
    name = f"twin-{uuid4().hex[:12]}"
    repo, _ = server.fork(parent.name, name)
    yield Twins(repo, offering_all(plain, tmp_path / "plain.git"), tmp_path)
    server.result("DELETE", f"/repos/{name}")


class Twins:
    """The same history served by Treehold and by git, and a client of each that does the same."""

    def __init__(self, repo: Repo, plain: Git, folder: Path) -> None:
        self.repo = repo
        self.plain = plain
        self.folder = folder

    def clients(self) -> list[tuple[Git, str]]:
        """Each client's folder and the URL that it fetches from."""
        pairs = []
        for name, url in (("ours", self.repo.remote), ("theirs", self.plain.folder.as_uri())):
            (self.folder / name).mkdir(exist_ok=True)
            pairs.append((Git(self.folder / name, self.repo.token if name == "ours" else None), url))
        return pairs

    def do(self, *steps: tuple[str, ...], protocol: int = 2) -> list[Git]:
        """Both clients run these git commands in ``clone``; ``clone`` itself runs one folder up."""
        done = []
        for client, url in self.clients():
            for step in steps:
                if step[0] == "clone":
                    client(*step, url, "clone", protocol=protocol)
                else:
                    client.at("clone")(*step, protocol=protocol)
            done.append(client.at("clone"))
        return done

    def push(self, writer: Git, *arguments: str) -> None:
        """Push the same from a third repository to both."""
        writer.showing(self.repo.token)("push", "-q", self.repo.remote, *arguments)
        writer("push", "-q", str(self.plain.folder), *arguments)

    def writer(self, branch: str = "main") -> Git:
        """A third client's checkout of a branch, sharing the plain repository's objects."""
        folder = self.folder / f"writer-{uuid4().hex[:8]}"
        Git(self.folder)("clone", "-q", "--shared", "--branch", branch, str(self.plain.folder), str(folder))
        return Git(folder)

    def agree(self) -> None:
        """Both clients have the same objects and cuts, and ours are sound."""
        ours, theirs = (client.at("clone") for client, _ in self.clients())
        assert outcome(ours) == outcome(theirs)
        ours("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_shallow_clone_is_deepened_step_by_step(twins: Twins, protocol: int) -> None:
    """--deepen moves the cut by so many commits each time, --depth sets it, and --unshallow brings all the rest."""
    twins.do(("clone", "-q", "--bare", "--depth=1"), protocol=protocol)
    twins.agree()
    for step in ("--deepen=2", "--depth=8", "--depth=3", "--deepen=50"):
        twins.do(("fetch", "-q", step, "origin", "main"), protocol=protocol)
        twins.agree()
    twins.do(("fetch", "-q", "--unshallow", "origin", "main"), protocol=protocol)
    twins.agree()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_shallow_clone_moves_its_cut_by_date_and_by_ref(
    flask_repo: Repo, plain: Git, tmp_path: Path, protocol: int
) -> None:
    """--shallow-since and --shallow-exclude move a cut back and forth, to where a fresh clone would have it.

    Git's own server cannot do that: it tells the client of commits that were never sent.
    """
    fetch = ("fetch", "-q", "--no-tags")
    client = bare(tmp_path / "client", flask_repo.token)
    client(*fetch, "--shallow-since=2024-01-01", flask_repo.remote, "main:main", protocol=protocol)
    bounds = ("--shallow-since=2021-06-01", "--shallow-exclude=2.2.2", "--shallow-since=2023-01-01")
    for number, bound in enumerate(bounds):
        client(*fetch, bound, flask_repo.remote, "main:main", protocol=protocol)
        fresh = bare(tmp_path / f"fresh-{number}")
        fresh(*fetch, bound, plain.folder.as_uri(), "main:main")
        assert client.reachable() == fresh.reachable()
        client("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_shallow_client_fetches_what_was_pushed(twins: Twins, protocol: int) -> None:
    """A client with a cut history gets new commits, a new branch from below its cut, and nothing that it has."""
    twins.do(("clone", "-q", "--bare", "--depth=4", "--no-single-branch"), protocol=protocol)
    writer = twins.writer()
    writer.commit({"new.txt": "one\n", "flask/app.py": "# emptied\n"})
    writer.commit({"new.txt": "two\n"})
    writer("branch", "old-base", "main~40")
    twins.push(writer, "main", "old-base")
    twins.do(("fetch", "-q", "origin", "main:main"), protocol=protocol)
    twins.agree()
    twins.do(("fetch", "-q", "origin", "old-base:old-base"), protocol=protocol)
    twins.agree()
    writer.commit({"new.txt": "three\n"})
    twins.push(writer, "main")
    twins.do(("fetch", "-q", "--depth=2", "origin", "+refs/heads/*:refs/heads/*"), protocol=protocol)
    twins.agree()


def test_a_shallow_client_pushes(twins: Twins, tmp_path: Path) -> None:
    """What a client with a cut history commits on top can be pushed, and everybody gets it whole."""
    client = Git(tmp_path / "shallow", twins.repo.token)
    client.folder.mkdir()
    client("clone", "-q", "--depth=1", twins.repo.remote, ".")
    tip = client.commit({"from-shallow.txt": "here\n"})
    client("push", "-q", "origin", "main")
    (ours, _) = twins.do(("clone", "-q", "--bare"))
    assert ours("rev-parse", "main") == tip
    ours("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_increment_brings_what_was_pushed(twins: Twins, protocol: int) -> None:
    """Clients with all refs, with one branch, and with commits of their own get what is new after several pushes."""
    twins.do(("clone", "-q", "--bare", "--no-tags", "--single-branch", "--branch=stable"), protocol=protocol)
    writer = twins.writer("stable")
    writer.commit({"flask/app.py": "# changed\n"})
    twins.push(writer, "stable")
    writer.commit({"more/deep/file.txt": "text\n" * 100})
    writer("tag", "-a", "-m", "Tagged", "99.0")
    twins.push(writer, "stable", "99.0")
    twins.do(("fetch", "-q", "origin", "stable:stable"), protocol=protocol)
    twins.agree()
    twins.do(("fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/heads/*"), protocol=protocol)
    twins.agree()
    ours, theirs = (client.at("clone") for client, _ in twins.clients())
    own = ours("commit-tree", "-p", "stable", "-m", "Own", ours("rev-parse", "stable^{tree}"))
    ours("update-ref", "refs/heads/own", own)
    theirs("fetch", "-q", str(ours.folder), "refs/heads/own:refs/heads/own")  # the same commit, whatever the clock says
    writer.commit({"more/deep/file.txt": "text\n" * 101})
    twins.push(writer, "stable")
    twins.do(("fetch", "-q", "origin", "stable:stable"), protocol=protocol)
    twins.agree()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_unreachable_is_sent_after_a_forced_push(twins: Twins, protocol: int) -> None:
    """Once a branch was forced away or deleted, fetches and clones bring what is reachable now and nothing else."""
    twins.do(("clone", "-q", "--bare", "--no-tags", "--single-branch"), protocol=protocol)
    writer = twins.writer()
    base = writer("rev-parse", "HEAD")
    lost = {writer.commit({"lost.txt": "to be forced away\n"}), writer("rev-parse", "HEAD:lost.txt")}
    twins.push(writer, "main", "main:refs/heads/doomed")
    writer("reset", "-q", "--hard", f"{base}~3")
    writer.commit({"kept.txt": "kept\n"})
    twins.push(writer, "+main")
    twins.push(writer, ":refs/heads/doomed")
    for step in (("fetch", "-q", "origin", "+main:main"), ("fetch", "-q", "--tags", "origin", "stable:stable")):
        ours, _ = twins.do(step, protocol=protocol)
        twins.agree()
        assert not lost & ours.objects()
    folder = twins.folder / "fresh"
    folder.mkdir()
    Git(folder, twins.repo.token)("clone", "-q", "--mirror", twins.repo.remote, "clone", protocol=protocol)
    assert Git(folder / "clone").objects() == twins.plain.reachable()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_fetch_follows_the_deletion_of_a_branch(twins: Twins, protocol: int) -> None:
    """After branches were deleted, merged ones and others, increments are still right."""
    twins.do(("clone", "-q", "--bare", "--single-branch", "--no-tags"), protocol=protocol)
    writer = twins.writer()
    writer.commit({"a.txt": "a\n"})
    twins.push(writer, "main", "main:refs/heads/merged")
    writer.commit({"a.txt": "b\n"})
    twins.push(writer, "main")
    twins.push(writer, ":refs/heads/merged", ":refs/heads/workflow")
    twins.do(("fetch", "-q", "--prune", "origin", "+refs/heads/*:refs/heads/*"), protocol=protocol)
    twins.agree()
    ours, theirs = (client.at("clone") for client, _ in twins.clients())
    assert ours("for-each-ref") == theirs("for-each-ref")


@pytest.mark.parametrize("spec", ["blob:none", "tree:0", "blob:limit=1k", "object:type=commit"])
def test_a_partial_clone_fetches_the_rest_when_it_needs_it(twins: Twins, spec: str) -> None:
    """Checking out, diffing and fetching on in a partial clone bring the missing objects by id, in batches."""
    twins.do(
        ("clone", "-q", "--no-checkout", f"--filter={spec}"),
        ("checkout", "-q", "main"),
        ("diff", "--stat", "HEAD~3", "HEAD"),
        ("checkout", "-q", "0.8"),
    )
    twins.agree()
    writer = twins.writer()
    writer.commit({"flask/app.py": "# changed\n", "big.txt": "line\n" * 1000})
    twins.push(writer, "main")
    twins.do(("fetch", "-q", "origin"), ("checkout", "-q", "origin/main"))
    twins.agree()
    ours, _ = (client.at("clone") for client, _ in twins.clients())
    assert (ours.folder / "big.txt").read_text() == "line\n" * 1000


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["main~100", "refs/tags/2.0.0", "main:src", "main:README.md"])
def test_any_reachable_id_may_be_fetched(
    flask_repo: Repo, flask: Git, tmp_path: Path, name: str, protocol: int
) -> None:
    """A commit, a tag object, a tree and a file are given out for their id, with all below them."""
    oid = flask("rev-parse", name)
    git = bare(tmp_path / "client", flask_repo.token)
    git("fetch", "-q", "--no-tags", "--depth=1", flask_repo.remote, oid, protocol=protocol)
    if flask("cat-file", "-t", oid) in ("tree", "blob"):
        assert git.objects() == flask.reachable(oid)
    else:
        commit = flask("rev-parse", f"{oid}^{{commit}}")
        assert git.objects() == {oid, commit} | flask.reachable(f"{commit}^{{tree}}")
