"""Pushes by real git: every kind of ref, every way to refuse one, and what a fresh clone then finds."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live_server import Git, LiveServer, Repo, new_git


@pytest.fixture
def git(tmp_path: Path, repo: Repo) -> Git:
    """A repository with one commit on main, whose origin is the fresh repo."""
    work = new_git(tmp_path / "work", repo.token)
    work("remote", "add", "origin", repo.remote)
    work.commit({"file": "one\n"}, "One")
    return work


@pytest.fixture
def pushed(git: Git) -> Git:
    """The same with main pushed."""
    git("push", "-q", "origin", "main")
    return git


@pytest.fixture
def cloned(tmp_path: Path, repo: Repo) -> Callable[[], Git]:
    """Makes whole clones of the repo, each checked by git fsck."""
    count = iter(range(100))

    def clone() -> Git:
        folder = f"clone-{next(count)}"
        Git(tmp_path, repo.token)("clone", "-q", "--mirror", repo.remote, folder)
        mirror = Git(tmp_path / folder, repo.token)
        mirror.fsck()
        return mirror

    return clone


def remote_refs(git: Git) -> dict[str, str]:
    lines = git("ls-remote", "origin").splitlines()
    return {name: oid for oid, name in (line.split("\t") for line in lines) if name != "HEAD"}


def noise(kilobytes: int) -> bytes:
    return os.urandom(kilobytes << 10)


def test_the_first_push_makes_the_branch(git: Git, cloned: Callable[[], Git]) -> None:
    """A push to an empty repo creates its branch, and a clone finds what was pushed."""
    assert "[new branch]" in git("push", "--porcelain", "origin", "main")
    assert cloned()("rev-parse", "refs/heads/main") == git("rev-parse", "HEAD")


def test_another_branch_than_the_default_one_may_be_first(git: Git, tmp_path: Path, repo: Repo) -> None:
    """HEAD then stands for the only branch, so that a clone checks it out."""
    git("push", "-q", "origin", "main:topic")
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "clone")
    assert Git(tmp_path / "clone")("rev-parse", "--abbrev-ref", "HEAD") == "topic"


def test_a_branch_moves_on(pushed: Git, cloned: Callable[[], Git]) -> None:
    """Pushes add to the history, each a thin pack over the last."""
    for number in range(5):
        pushed.commit({"file": "one\n" * number}, f"Change {number}")
        pushed("push", "-q", "origin", "main")
    assert cloned().objects() == pushed.reachable()


def test_pushing_again_changes_nothing(pushed: Git) -> None:
    """Everything is up to date."""
    assert "up to date" in pushed("push", "--porcelain", "origin", "main")


def test_a_push_from_behind_is_refused(pushed: Git, tmp_path: Path, repo: Repo) -> None:
    """A client that has not seen the newest commit is told to fetch first."""
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "other")
    other = Git(tmp_path / "other", repo.token)
    other.commit({"theirs": "x"})
    pushed.commit({"ours": "x"})
    pushed("push", "-q", "origin", "main")
    assert "fetch first" in other.fails("push", "origin", "main")


def test_a_stale_lease_is_refused(pushed: Git) -> None:
    """With a lease the client compares by itself, with a stale old value the server does."""
    first = pushed("rev-parse", "HEAD")
    pushed.commit({"file": "two\n"})
    pushed("push", "-q", "origin", "main")
    said = pushed.fails("push", f"--force-with-lease=main:{first}", "origin", f"{first}:main")
    assert "stale info" in said


def test_a_ref_that_moves_meanwhile_is_stale(pushed: Git, tmp_path: Path) -> None:
    """The old value that the client saw is compared when the push is carried out."""
    hook = pushed.folder / ".git" / "hooks" / "pre-push"
    second = pushed("commit-tree", "-p", "HEAD", "-m", "Between", "HEAD^{tree}")
    hook.write_text(f"#!/bin/sh\nexec git push -q --no-verify origin {second}:refs/heads/main </dev/null\n")
    hook.chmod(0o755)
    pushed.commit({"file": "two\n"})
    said = pushed.fails("push", "origin", "main")
    assert "[remote rejected] main -> main (stale ref)" in said
    assert remote_refs(pushed)["refs/heads/main"] == second


def test_a_forced_push_rewrites(pushed: Git, cloned: Callable[[], Git]) -> None:
    """History may be replaced; the old commits are not given out any more."""
    old = pushed("rev-parse", "HEAD")
    pushed("commit", "-q", "--amend", "-m", "Another one")
    assert "rejected" in pushed.fails("push", "origin", "main")
    pushed("push", "-q", "--force", "origin", "main")
    mirror = cloned()
    assert mirror.objects() == pushed.reachable("main")
    assert "not our ref" in mirror.fails("fetch", "origin", old)


def test_a_branch_is_deleted(pushed: Git, cloned: Callable[[], Git]) -> None:
    """It is gone with what only it reached, and may be made again."""
    pushed("checkout", "-qb", "topic")
    lost = pushed.commit({"topic": "x"})
    pushed("push", "-q", "origin", "topic")
    assert "[deleted]" in pushed("push", "--porcelain", "origin", ":topic")
    assert "refs/heads/topic" not in remote_refs(pushed)
    assert lost not in cloned().objects()
    pushed("push", "-q", "origin", "topic")
    assert lost in cloned().objects()


def test_the_only_branch_may_be_deleted(pushed: Git) -> None:
    """An emptied repo is an empty repo, and takes the same push again."""
    pushed("push", "-q", "origin", ":main")
    assert remote_refs(pushed) == {}
    pushed("push", "-q", "origin", "main")
    assert set(remote_refs(pushed)) == {"refs/heads/main"}


def test_tags_of_every_kind(pushed: Git, cloned: Callable[[], Git]) -> None:
    """Lightweight and annotated ones, tags of tags, of trees and of blobs are kept and told with what they peel to."""
    pushed("tag", "light")
    pushed("tag", "-am", "Annotated", "v1")
    pushed("tag", "-am", "A tag of a tag", "v1-signed", "v1")
    pushed("tag", "-am", "A tree", "tree", "HEAD^{tree}")
    pushed("tag", "blob", "HEAD:file")
    pushed("push", "-q", "origin", "--tags")
    refs = remote_refs(pushed)
    head = pushed("rev-parse", "HEAD")
    assert {refs[name] for name in ("refs/tags/light", "refs/tags/v1^{}", "refs/tags/v1-signed^{}")} == {head}
    assert refs["refs/tags/tree^{}"] == pushed("rev-parse", "HEAD^{tree}")
    assert cloned().objects() == pushed.reachable()


def test_a_tag_is_not_moved_without_force(pushed: Git) -> None:
    """Git refuses by itself; forced, the tag moves."""
    pushed("tag", "v1")
    pushed("push", "-q", "origin", "v1")
    tip = pushed.commit({"file": "two\n"})
    pushed("tag", "-f", "v1")
    assert "already exists" in pushed.fails("push", "origin", "v1")
    pushed("push", "-q", "--force", "origin", "v1")
    assert remote_refs(pushed)["refs/tags/v1"] == tip


def test_notes_and_refs_of_ones_own(pushed: Git, cloned: Callable[[], Git]) -> None:
    """Anything below refs/ may be pushed, and a mirror finds it."""
    pushed("notes", "add", "-m", "A note")
    pushed("push", "-q", "origin", "refs/notes/*:refs/notes/*", "HEAD:refs/agents/7/state", "HEAD:refs/x")
    names = {"refs/heads/main", "refs/notes/commits", "refs/agents/7/state", "refs/x"}
    assert set(remote_refs(pushed)) == names
    assert set(cloned()("for-each-ref", "--format=%(refname)").split()) == names


@pytest.mark.parametrize(("there", "new"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_a_name_cannot_be_a_folder_too(pushed: Git, there: str, new: str) -> None:
    """A ref that could not lie beside another one as files do is refused, until that one goes."""
    pushed("push", "-q", "origin", f"main:{there}")
    assert "another ref's name is a directory" in pushed.fails("push", "origin", f"main:{new}")
    pushed("push", "-q", "origin", f":refs/heads/{there}", f"main:refs/heads/{new}")
    assert f"refs/heads/{new}" in remote_refs(pushed)


def test_names_that_only_look_alike_live_together(pushed: Git) -> None:
    """What begins with another name is not below it."""
    names = ("a", "a-b", "a.b", "ab/c", "a+/d")
    pushed("push", "-q", "origin", *(f"main:refs/heads/{name}" for name in names))
    assert {f"refs/heads/{name}" for name in names} <= set(remote_refs(pushed))


def test_a_branch_may_have_an_odd_name(pushed: Git) -> None:
    """Git makes a branch of a short name even if it is HEAD; HEAD itself is not told of and cannot be pushed to."""
    pushed("push", "-q", "origin", "main:HEAD")
    assert set(remote_refs(pushed)) == {"refs/heads/main", "refs/heads/HEAD"}


def test_names_in_every_language(pushed: Git, cloned: Callable[[], Git]) -> None:
    """Ref names are bytes: what git allows comes back as it was."""
    name = "refs/heads/größe/日本語/🌳"
    pushed("push", "-q", "origin", f"main:{name}")
    assert name in remote_refs(pushed)
    assert cloned()("rev-parse", name) == pushed("rev-parse", "HEAD")


def test_a_branch_is_a_commit(pushed: Git) -> None:
    """Neither a tag nor a tree nor a blob may be a branch; a tag may be anywhere else."""
    pushed("tag", "-am", "Annotated", "v1")
    for value in ("refs/tags/v1", "HEAD^{tree}", "HEAD:file"):
        oid = pushed("rev-parse", value)
        said = pushed.fails("push", "origin", f"{oid}:refs/heads/odd")
        assert "a branch must point at a commit" in said or "cannot be used as a branch" in said.lower(), said
    assert "refs/heads/odd" not in remote_refs(pushed)


def test_of_several_refs_the_good_ones_are_taken(pushed: Git) -> None:
    """Each ref is judged by itself; the push fails, but not as a whole."""
    said = pushed.fails("push", "--porcelain", "origin", "main:good", "main:main/bad", "main:fine")
    assert "*\trefs/heads/main:refs/heads/good" in said
    assert "!\trefs/heads/main:refs/heads/main/bad\t[remote rejected]" in said
    assert set(remote_refs(pushed)) == {"refs/heads/main", "refs/heads/good", "refs/heads/fine"}


def test_an_atomic_push_takes_all_or_nothing(pushed: Git) -> None:
    """One refused ref refuses them all; without it they all go through."""
    said = pushed.fails("push", "--atomic", "origin", "main:good", "main:main/bad")
    assert "atomic push failed" in said
    assert set(remote_refs(pushed)) == {"refs/heads/main"}
    pushed("push", "-q", "--atomic", "origin", "main:good", "main:fine", ":main")
    assert set(remote_refs(pushed)) == {"refs/heads/good", "refs/heads/fine"}


def test_push_options_are_taken(git: Git) -> None:
    """They mean nothing here, but a client that sends them is served."""
    git("push", "-q", "-o", "ci.skip", "-o", "reviewer=x", "origin", "main")
    assert remote_refs(git)


def test_quiet_and_verbose_clients_are_served(git: Git) -> None:
    """However much the client wants to hear."""
    git("push", "--quiet", "origin", "main:quiet")
    git("push", "--verbose", "--progress", "origin", "main:loud")
    git("push", "--no-thin", "origin", "main:thick")
    assert len(remote_refs(git)) == 3


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_pushes_of_every_protocol_version(git: Git, protocol: int) -> None:
    """Pushing is the same whatever version the client prefers."""
    git("push", "-q", "origin", "main", protocol=protocol)
    git.commit({"file": "two\n"})
    git("push", "-q", "origin", "main", protocol=protocol)
    assert remote_refs(git)["refs/heads/main"] == git("rev-parse", "HEAD")


def test_a_push_of_megabytes(git: Git, cloned: Callable[[], Git], server: LiveServer) -> None:
    """Large packs go through C Git and come back byte by byte, also on top of each other."""
    for number in range(2):
        git.commit({f"noise-{number}": noise(3000), "file": f"{number}\n"})
        git("push", "-q", "origin", "main")
    assert cloned().objects() == git.objects()


def test_a_push_of_thousands_of_small_objects(pushed: Git, cloned: Callable[[], Git]) -> None:
    """More objects than this process takes on, in a pack of a few hundred kilobytes."""
    pushed.commit({f"folder-{number % 40}/file-{number}": f"{number}\n" for number in range(2000)})
    pushed("push", "-q", "origin", "main")
    assert cloned().objects() == pushed.objects()


@pytest.mark.parametrize("files", [3, 1100])
def test_reverts_bring_nothing_twice(
    pushed: Git, cloned: Callable[[], Git], server: LiveServer, repo: Repo, files: int
) -> None:
    """A revert sends objects that are there already; a clone would fail if they were kept twice."""
    first = {f"file-{number}": f"first {number}\n" * 20 for number in range(files)}
    second = {f"file-{number}": f"second {number}\n" * 20 for number in range(files)}
    for content in (first, second, first, second):
        pushed.commit(content)
        pushed("push", "-q", "origin", "main")
    mirror = cloned()
    assert mirror.objects() == pushed.objects()
    packs = (mirror.folder / "objects" / "pack").glob("*.pack")
    assert sum(int.from_bytes(pack.read_bytes()[8:12]) for pack in packs) == len(pushed.objects())


def test_thin_pushes_over_large_files(git: Git, cloned: Callable[[], Git]) -> None:
    """Deltas of stored files, in small packs and in large ones."""
    text = noise(700).hex()
    git.commit({"large": text})
    git("push", "-q", "origin", "main")
    git.commit({"large": text + "a little more\n"})
    git("push", "-q", "origin", "main")
    git.commit({"large": "before\n" + text, "other": noise(1500)})
    git("push", "-q", "origin", "main")
    assert cloned().objects() == git.objects()


def test_a_long_chain_of_pushes_stays_readable(git: Git, cloned: Callable[[], Git]) -> None:
    """Seventy pushes, each a delta of the last: no chain grows with them."""
    body = [f"line {number}" for number in range(500)]
    for number in range(70):
        body[number] = f"changed {number}"
        git.commit({"file": "\n".join(body)})
        git("push", "-q", "origin", "main")
    assert cloned().objects() == git.objects()


def test_a_push_from_a_shallow_clone(pushed: Git, tmp_path: Path, repo: Repo, cloned: Callable[[], Git]) -> None:
    """Who has only the newest commits may push on top of them: the server has the rest."""
    for number in range(3):
        pushed.commit({"file": f"{number}\n"})
    pushed("push", "-q", "origin", "main")
    Git(tmp_path, repo.token)("clone", "-q", "--depth=1", repo.remote, "shallow")
    shallow = Git(tmp_path / "shallow", repo.token)
    tip = shallow.commit({"file": "shallow\n"})
    shallow("push", "-q", "origin", "main")
    assert cloned()("rev-parse", "main") == tip


def test_a_shallow_history_is_not_a_whole_one(pushed: Git, tmp_path: Path, server: LiveServer, repo: Repo) -> None:
    """Pushed to a repo without the rest it is refused, in the words that git has for it."""
    pushed.commit({"file": "two\n"})
    pushed("push", "-q", "origin", "main")
    Git(tmp_path, repo.token)("clone", "-q", "--depth=1", repo.remote, "shallow")
    fresh = server.create(f"fresh-{uuid4().hex[:12]}")
    said = Git(tmp_path / "shallow", fresh.token).fails("push", fresh.remote, "main")
    assert "(shallow update not allowed)" in said
    assert Git(tmp_path / "shallow", fresh.token)("ls-remote", fresh.remote) == ""


def test_a_mirror_of_everything(pushed: Git, cloned: Callable[[], Git]) -> None:
    """A mirror push makes, moves and deletes refs of every kind at once."""
    pushed("push", "-q", "origin", "main:refs/heads/old", "main:refs/tags/old")
    pushed.commit({"file": "two\n"})
    pushed("branch", "topic", "HEAD~1")
    pushed("tag", "-am", "Annotated", "v1")
    pushed("push", "-q", "--mirror", "origin")
    mirror = cloned()
    refs = pushed("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags")
    assert mirror("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags") == refs


def test_hundreds_of_refs_in_one_push(pushed: Git) -> None:
    """A first mirror brings them all; so does their deletion."""
    tip = pushed("rev-parse", "HEAD")
    lines = "".join(f"create refs/many/{number % 50}/ref-{number} {tip}\n" for number in range(500))
    pushed("update-ref", "--stdin", stdin=lines.encode())
    pushed("push", "-q", "origin", "refs/many/*:refs/many/*")
    assert len(remote_refs(pushed)) == 501
    pushed("push", "-q", "--prune", "origin", "refs/none/*:refs/many/*")
    assert set(remote_refs(pushed)) == {"refs/heads/main"}


def test_two_clients_push_to_different_branches(pushed: Git, tmp_path: Path, cloned: Callable[[], Git]) -> None:
    """Pushes that cross do not hinder each other."""
    pushed("branch", "left")
    pushed("branch", "right")
    hook = pushed.folder / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexec git push -q --no-verify origin left </dev/null\n")
    hook.chmod(0o755)
    pushed("push", "-q", "origin", "right")
    assert {"refs/heads/left", "refs/heads/right"} <= set(remote_refs(pushed))
    assert cloned().objects() == pushed.objects()


def test_files_of_every_mode_come_back(git: Git, tmp_path: Path, repo: Repo) -> None:
    """Executables, links, empty files and submodules' entries are kept as they are."""
    (git.folder / "run").write_text("#!/bin/sh\n")
    (git.folder / "run").chmod(0o755)
    (git.folder / "link").symlink_to("file")
    git.commit({"empty": ""})
    git("update-index", "--add", "--cacheinfo", f"160000,{'ab' * 20},module")
    git("commit", "-qm", "With a submodule")
    git("push", "-q", "origin", "main")
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "clone")
    assert Git(tmp_path / "clone")("ls-tree", "-r", "HEAD") == git("ls-tree", "-r", "HEAD")
