"""Bitmaps and a commit graph for repos that C Git is asked about: worked out once, in the background.

They are made for the base of a laid-out list of packs (``materialise.py``), so they go on serving while a repo grows by
half. With them C Git answers what a client with some haves lacks in a tenth of the time. They are a help and no more:
whatever goes wrong with them is noted in the log, and C Git walks. It has none for a repo that lacks a part of its
history: what they say of a commit would go beyond the boundary.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from treehold.catalog.base import PackRow, RepoState
from treehold.engine.git_dir import GitDirs
from treehold.engine.materialise import Materialiser, split
from treehold.engine.native import NativeGit
from treehold.errors import TreeholdError

_WORTHWHILE_OBJECTS: Final = 2_000
"""A smaller repo is walked about as fast without."""
_FAILED: Final = "indexes-failed"
"""What is put into a layout when they could not be made: the one that comes after it may have more luck."""

log = structlog.get_logger(__name__)


class GitIndexes:
    """Makes them, one repo at a time, and says where they are."""

    def __init__(self, *, native: NativeGit, repos: Materialiser, git_dirs: GitDirs) -> None:
        self._native = native
        self._repos = repos
        self._git_dirs = git_dirs
        self._turn = asyncio.Lock()
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    def has(self, rows: Sequence[PackRow]) -> bool:
        """Whether C Git has help with this list of packs."""
        return (self._repos.base_objects(rows) / "pack" / "multi-pack-index").exists()

    def want(self, state: RepoState) -> None:
        """Begin to make them for this repo's packs, unless they are there, or not worth it, or cannot be made."""
        rows = state.packs
        base, _ = split(rows)
        objects = self._repos.base_objects(rows)
        is_worthwhile = sum(row.objects for row in base) >= _WORTHWHILE_OBJECTS
        is_possible = not (state.shallow or (objects.parent / _FAILED).exists())
        if is_worthwhile and is_possible and objects not in self._tasks and not self.has(rows):
            self._tasks[objects] = task = asyncio.create_task(self._make(base, objects))
            task.add_done_callback(lambda _: self._tasks.pop(objects))

    async def settle(self) -> None:
        """Wait for what has begun."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Give up what is not finished."""
        for task in self._tasks.values():
            task.cancel()
        await self.settle()

    async def _make(self, base: Sequence[PackRow], objects: Path) -> None:
        try:
            async with self._turn:
                await self._run_git(base)
        except (TreeholdError, OSError) as error:
            log.warning("git_indexes_failed", error=repr(error))
            with contextlib.suppress(OSError):  # it may be gone, or found damaged
                (objects.parent / _FAILED).touch()

    async def _run_git(self, base: Sequence[PackRow]) -> None:
        """The bitmap is the last to come, and what :meth:`has` looks for."""
        async with self._repos.objects(base) as objects, self._git_dirs.bare(objects) as place:
            listing = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)"]
            listed = await self._native.output(place, listing)
            commits = await asyncio.to_thread(_commits, listed)
            await self._native.output(place, ["commit-graph", "write", "--stdin-commits"], stdin=commits)
            tips = place.git_dir / "tips"
            await asyncio.to_thread(tips.write_bytes, commits)
            await self._native.output(place, ["multi-pack-index", "write", "--bitmap", f"--refs-snapshot={tips}"])


def _commits(listed: bytes) -> bytes:
    """The ids of the commits among all objects, a line each."""
    return b"".join(line[len(b"commit ") :] for line in listed.splitlines(keepends=True) if line.startswith(b"commit "))
