"""The log of a commit along its first parents, with or without a path.

A short stretch is walked in this process. What lies further back is left to C Git, which goes on where the walk was:
it reads commits and compares trees a hundred times as fast, but costs a few milliseconds to start.
"""

import os
from dataclasses import dataclass, field
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.history import links_in
from treehold.engine.read import PATH_BYTES_MAX, Entry, RepoReader, find_entry
from treehold.engine.revision import find_commit
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.readable import ReadableCommit, readable_commit
from treehold.objects.tree import MODE_TREE, kind_of_mode

READS_MAX: Final = 2_000
"""Commits and trees that a walk may read, some 0.05 s."""
_GIT_SECONDS: Final = 60

LogEntry = tuple[ObjectId, ReadableCommit]


@dataclass(frozen=True, slots=True)
class LogWish:
    """Which commits to list: from ``ref`` on, only those that change what lies at ``path``, without the first
    ``offset`` of them."""

    ref: bytes
    path: bytes | None
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Commits that were found; if the walk gave up, at which commit, and how many to leave out from there on."""

    found: list[ObjectId]
    next: ObjectId | None = None
    offset: int = 0


async def list_log(engine: Engine, repo: RepoReader, wish: LogWish) -> list[LogEntry]:
    """The commits, newest first; none for an unknown ref. Raises LimitExceeded, NativeGitError, Unavailable."""
    stretch, entries = await repo.look(lambda view: _begin(view, wish), is_quick=False)
    if stretch.next is None:
        return entries
    more = await _list_by_git(engine, repo.view, wish, stretch)
    return entries + await repo.look(lambda view: _read_all(view, more), is_quick=False)


def _begin(view: RepoView, wish: LogWish) -> tuple[_Stretch, list[LogEntry]]:
    """What is found here, and read while it is at hand."""
    start = find_commit(view, wish.ref)
    if start is None or (wish.path is not None and not _is_possible(wish.path)):
        return _Stretch([]), []
    stretch = _Walk(view, wish.path).run(start, limit=wish.limit, offset=wish.offset)
    return stretch, _read_all(view, stretch.found)


def _is_possible(path: bytes) -> bool:
    """Whether a tree can have that path: git would read more into some others."""
    return len(path) <= PATH_BYTES_MAX and b"\0" not in path and {b"", b".", b".."}.isdisjoint(path.split(b"/"))


@dataclass(slots=True)
class _Walk:
    """The work of one log in this process."""

    view: RepoView
    path: bytes | None
    reads_left: int = field(default_factory=lambda: READS_MAX)
    known: dict[tuple[ObjectId, int], Entry | None] = field(default_factory=dict)

    def run(self, commit: ObjectId, *, limit: int, offset: int) -> _Stretch:
        found: list[ObjectId] = []
        here, parent = self._look(commit)
        while True:
            there, grandparent = self._look(parent) if parent is not None else (None, None)
            if self.path is None or here != there:
                found.append(commit)
            if parent is None or len(found) == offset + limit:
                return _Stretch(found[offset:])
            if self.reads_left <= 0:
                return _Stretch(found[offset:], parent, max(0, offset - len(found)))
            commit, parent, here = parent, grandparent, there

    def _look(self, commit: ObjectId) -> tuple[Entry | None, ObjectId | None]:
        """What a commit has at the path, and its first parent."""
        self.reads_left -= 1
        tree, parents = links_in(self.view, commit, self.view.read(commit)[1])
        here = None if self.path is None else self._at((MODE_TREE, tree), self.path.split(b"/"))
        return here, parents[0] if parents else None

    def _at(self, entry: Entry, names: list[bytes]) -> Entry | None:
        """What lies at the path; trees that were met before, as most are, are not read again."""
        met: list[tuple[ObjectId, int]] = []
        found: Entry | None = entry
        for depth, name in enumerate(names):
            if found is None or kind_of_mode(found[0]) is not ObjectKind.TREE:
                found = None
                break
            key = (found[1], depth)
            if key in self.known:
                found = self.known[key]
                break
            met.append(key)
            self.reads_left -= 1
            found = find_entry(self.view, found[1], name)
        self.known.update((key, found) for key in met)
        return found


async def _list_by_git(engine: Engine, view: RepoView, wish: LogWish, stretch: _Stretch) -> list[ObjectId]:
    assert stretch.next is not None
    arguments = ["rev-list", "--first-parent", f"--skip={stretch.offset}"]
    arguments += [f"--max-count={wish.limit - len(stretch.found)}", stretch.next.hex()]
    if wish.path is not None:
        arguments += ["--", ":(top,literal)" + os.fsdecode(wish.path)]
    async with (
        engine.node.repos.objects(view.state.packs) as objects,
        engine.node.git_dirs.bare(objects, shallow=view.shallow) as place,
    ):
        listed = await engine.node.native.output(place, arguments, seconds=_GIT_SECONDS)
    return [ObjectId(bytes.fromhex(line)) for line in listed.decode("ascii").split()]


def _read_all(view: RepoView, commits: list[ObjectId]) -> list[LogEntry]:
    return [(oid, readable_commit(view.read(oid)[1])) for oid in commits]
