"""The types that a user's own type checker sees."""

import re
import subprocess
import sys
from pathlib import Path

RIGHT = """
from collections.abc import AsyncIterator, Iterator

from treehold.client import Artifacts, AsyncArtifacts, AsyncRepo, Commit, ForkedRepo, Repo, RepoPage, TreeEntry


def blocking(artifacts: Artifacts) -> None:
    with artifacts as same:
        page: RepoPage[Repo] = same.list(limit=2, sort="name")
        repos: Iterator[Repo] = same.iterate()
    repo: Repo = artifacts.get("a")
    pushed: int = repo.last_push_at.year if repo.last_push_at else 0
    fork: ForkedRepo = repo.fork("b", default_branch_only=True)
    content: bytes | None = repo.read_file("a", ref="main")
    tree: tuple[TreeEntry, ...] | None = repo.read_tree("0" * 40)
    env: dict[str, str] = repo.git_env(ttl=60, onto={})
    gone: bool = artifacts.delete("a")
    repo.update(description=None)


async def awaited(artifacts: AsyncArtifacts) -> None:
    async with artifacts as same:
        page: RepoPage[AsyncRepo] = await same.list()
        repos: AsyncIterator[AsyncRepo] = same.iterate()
    repo: AsyncRepo = await artifacts.get("a")
    commits: tuple[Commit, ...] = await repo.log(limit=1)
    pieces: AsyncIterator[bytes] = repo.stream_file("a")
"""
WRONG = """
from treehold.client import Artifacts, AsyncArtifacts, KEEP

artifacts = Artifacts(url="http://h")
repo = artifacts.get("a")
repo.name = "b"
repo.create_token("admin")
repo.read_file("a").decode()
artifacts.list(sort="size")
repo.update(read_only=KEEP)
AsyncArtifacts().get("a").name
"""
MISTAKES = {
    3: "call-arg",
    5: "misc",
    6: "arg-type",
    7: "union-attr",
    8: "arg-type",
    9: "arg-type",
    10: "attr-defined",
}
"""The line of each mistake, counted from 0, and what mypy calls it."""


def test_types_of_users(tmp_path: Path) -> None:
    """A strict type checker takes what is right and finds each mistake in what is wrong."""
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "right.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    lines = re.findall(r"(?m)^(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", found)
    assert [(name, int(line) - 1, kind) for name, line, kind in lines] == [
        ("wrong", line, kind) for line, kind in MISTAKES.items()
    ], found
