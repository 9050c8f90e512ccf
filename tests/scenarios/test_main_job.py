"""The main job, end to end, as an agent's program does it."""

from pathlib import Path

from tests.live_server import Git, LiveServer, Repo, new_git


def test_create_push_clone_fork_push(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """A repo is created, pushed to, cloned and forked, and the fork goes its own way."""
    work = new_git(tmp_path / "work", repo.token)
    first = work.commit({"a.txt": "one\n", "dir/b.txt": "two\n"}, "First")
    work("push", "-q", repo.remote, "main")
    fork, objects = server.fork(repo.name, repo.name + "-fork")
    assert objects == 5
    assert fork.token != repo.token
    Git(tmp_path, fork.token)("clone", "-q", fork.remote, "fork")
    copy = Git(tmp_path / "fork", fork.token)
    assert copy("rev-parse", "HEAD") == first
    second = copy.commit({"a.txt": "changed\n"}, "Second")
    copy("push", "-q", "origin", "main")
    assert second in copy("ls-remote", "origin", "refs/heads/main")
    assert first in work("ls-remote", repo.remote, "refs/heads/main")
    work("pull", "-q", repo.remote, "main")
    assert work("rev-parse", "HEAD") == first


def test_an_empty_repo_clones_with_its_default_branch(server: LiveServer, tmp_path: Path) -> None:
    """An empty repo's clone begins on the repo's default branch, and its first push creates that branch."""
    repo = server.create(f"empty-{tmp_path.name.replace('_', '-').lower()}"[:60], default_branch="trunk")
    for version in (1, 2):
        Git(tmp_path, repo.token)("clone", "-q", repo.remote, f"clone{version}", protocol=version)
    clone = Git(tmp_path / "clone2", repo.token)
    assert clone("symbolic-ref", "HEAD") == "refs/heads/trunk"
    clone.commit({"a": "1"})
    clone("push", "-q", "origin", "HEAD")
    assert clone("ls-remote", "--symref", "origin", "HEAD").startswith("ref: refs/heads/trunk\tHEAD")


def test_the_repo_says_when_it_was_pushed_to(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """last_push_at is null until the first push; it and updated_at move with every push."""
    before = server.result("GET", f"/repos/{repo.name}")
    assert before["last_push_at"] is None
    work = new_git(tmp_path / "work", repo.token)
    seen = [before["updated_at"]]
    for number in range(2):
        work.commit({"a": str(number)})
        work("push", "-q", repo.remote, "main")
        after = server.result("GET", f"/repos/{repo.name}")
        assert after["last_push_at"] == after["updated_at"] > seen[-1]
        seen.append(after["updated_at"])
    assert after["size_bytes"] > 0


def test_deleting_a_repo_kills_its_tokens_and_frees_its_name(server: LiveServer, repo: Repo, tmp_path: Path) -> None:
    """A deleted repo is gone for REST and Git at once, and its name begins anew, without its old tokens."""
    work = new_git(tmp_path / "work", repo.token)
    work.commit({"a": "1"})
    work("push", "-q", repo.remote, "main")
    assert server.call("DELETE", f"/repos/{repo.name}").status_code == 202
    assert server.call("GET", f"/repos/{repo.name}").status_code == 404
    assert "Invalid or expired token" in work.fails("ls-remote", repo.remote)
    assert server.call("DELETE", f"/repos/{repo.name}").status_code == 202
    again = server.create(repo.name)
    assert "Invalid or expired token" in work.fails("ls-remote", repo.remote)
    assert work.showing(again.token)("ls-remote", repo.remote) == ""
