"""Reading a repo without Git: commits, trees, blobs, files by path. What no ref reaches is not there.

A small blob, and one that lies as a delta, is read into memory up to a bound; a larger one that lies whole is
inflated piece by piece as it goes out. What touches small objects only is done at once: to hand it to a thread and back
takes longer than to do it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from treehold.engine.context import Engine
from treehold.engine.revision import find_commit
from treehold.engine.view import RepoView, open_view
from treehold.errors import LimitExceeded, NotFound
from treehold.ids import AccountId, ObjectId, ObjectKind
from treehold.objects.commit import commit_links
from treehold.objects.readable import ReadableCommit, readable_commit
from treehold.objects.tree import TreeEntry, iter_tree, kind_of_mode, raw_entries
from treehold.packs.read import ObjectCache, PackSet

PATH_BYTES_MAX: Final = 4096
"""Longest path that is looked for; Linux opens none that is longer."""
_QUICK_BYTES_MAX: Final = 256 << 10
"""How much is inflated without a thread, all bases included: some 2 ms."""
_QUICK_FOLDERS_MAX: Final = 32
_HELD_BYTES_MAX: Final = 1 << 20
"""A whole object up to this size is read at once: in pieces it would take as much, with all that goes with them."""
_PIECE_BYTES: Final = 256 << 10
SNIFFED_BYTES: Final = 8000
"""As much as git looks at to tell text from other bytes."""

T = TypeVar("T")
Entry = tuple[int, ObjectId]
"""What a tree has under a name: its mode and its id."""


@dataclass(frozen=True, slots=True)
class RepoReader:
    """One generation of a repo, for a reader who holds no object larger than ``object_bytes_max``."""

    view: RepoView
    object_bytes_max: int
    cache: ObjectCache | None = None

    async def look(self, deed: Callable[[RepoView], T], *, is_quick: bool = True) -> T:
        """Do it at once if that takes little, else in a thread; raises LimitExceeded for what is too large."""
        if is_quick:
            with contextlib.suppress(LimitExceeded):
                most = _QUICK_BYTES_MAX
                quick = self.view.stored.bounded(object_bytes_max=most, inflated_bytes_max=most, cache=self.cache)
                return deed(self._over(quick))
        patient = self.view.stored.bounded(object_bytes_max=self.object_bytes_max)
        return await asyncio.to_thread(deed, self._over(patient))

    def _over(self, stored: PackSet) -> RepoView:
        """The view over other readers of its packs, of which each thread needs its own."""
        view = self.view
        return replace(view, stored=stored, visible=stored if view.visible is view.stored else view.visible)


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that may be seen, not read yet; ``size`` in bytes."""

    repo: RepoReader
    oid: ObjectId
    size: int
    is_streamed: bool

    async def held(self) -> bytes:
        """All its bytes, unless it is streamed; raises LimitExceeded when a base of it is too large, CorruptStore."""
        assert not self.is_streamed
        is_quick = self.size <= _QUICK_BYTES_MAX
        return (await self.repo.look(lambda view: view.stored.read(self.oid), is_quick=is_quick))[1]

    def beginning(self) -> bytes:
        """The first bytes of one that is streamed, enough to tell what it is; raises CorruptStore."""
        return next(self.repo.view.stored.whole_pieces(self.oid, piece_bytes=SNIFFED_BYTES))

    async def pieces(self, span: range) -> AsyncGenerator[bytes]:
        """The bytes of a stretch, in pieces; a streamed blob is inflated from its beginning on. Raises CorruptStore."""
        end = 0
        for piece in self.repo.view.stored.whole_pieces(self.oid, piece_bytes=_PIECE_BYTES):
            start, end = end, end + len(piece)
            if end > span.start:
                yield piece[max(0, span.start - start) : span.stop - start]
            if end >= span.stop:
                break
            await asyncio.sleep(0)  # let other requests in between pieces


async def open_repo(engine: Engine, account: AccountId, namespace: str, name: str) -> RepoReader:
    """The repo as it is now; raises NotFound."""
    row = await engine.catalog.find_repo(account, namespace, name)
    view = await open_view(engine, row.id, seen=row)
    return RepoReader(view, engine.limits.inflated_bytes_max, engine.node.objects)


async def read_commit(repo: RepoReader, oid: ObjectId) -> ReadableCommit:
    """A commit by its id; raises NotFound, LimitExceeded."""
    return await repo.look(lambda view: readable_commit(_read(view, oid, ObjectKind.COMMIT)))


async def read_tree(repo: RepoReader, oid: ObjectId) -> list[TreeEntry]:
    """A tree's entries by its id; raises NotFound, LimitExceeded."""
    return await repo.look(lambda view: iter_tree(_read(view, oid, ObjectKind.TREE)))


async def find_blob(repo: RepoReader, oid: ObjectId) -> Blob:
    """A blob by its id; raises NotFound, LimitExceeded."""
    _require(repo.view, oid, ObjectKind.BLOB)
    size = repo.view.stored.size(oid)
    is_streamed = size > _HELD_BYTES_MAX and repo.view.stored.is_whole(oid)
    bytes_max = repo.object_bytes_max
    if size > bytes_max and not is_streamed:
        raise LimitExceeded(f"a blob of {size} bytes that is stored as a delta is over the limit of {bytes_max}")
    return Blob(repo, oid, size, is_streamed)


async def find_file(repo: RepoReader, ref: bytes, path: bytes) -> Blob:
    """The blob at a path of a commit, of a symbolic link its target's text; raises NotFound, LimitExceeded."""
    is_quick = path.count(b"/") <= _QUICK_FOLDERS_MAX
    return await find_blob(repo, await repo.look(lambda view: _file(view, ref, path), is_quick=is_quick))


def entry_at(view: RepoView, tree: ObjectId, path: bytes) -> Entry | None:
    """What lies at a path below a tree; None when nothing does."""
    if len(path) > PATH_BYTES_MAX:
        return None
    *folders, name = path.split(b"/")
    for folder in folders:
        found = find_entry(view, tree, folder)
        if found is None or kind_of_mode(found[0]) is not ObjectKind.TREE:
            return None
        tree = found[1]
    return find_entry(view, tree, name)


def find_entry(view: RepoView, tree: ObjectId, name: bytes) -> Entry | None:
    """What a visible tree has under a name; None when it has nothing."""
    for mode, entry_name, oid in raw_entries(view.read(tree)[1]):
        if entry_name == name:
            return int(mode, 8), ObjectId(oid)
    return None


def _file(view: RepoView, ref: bytes, path: bytes) -> ObjectId:
    commit = find_commit(view, ref)
    if commit is None:
        raise NotFound("no commit has that ref")
    found = entry_at(view, commit_links(view.read(commit)[1])[0], path)
    if found is None or kind_of_mode(found[0]) is not ObjectKind.BLOB:
        raise NotFound("no file has that path")
    return found[1]


def _read(view: RepoView, oid: ObjectId, kind: ObjectKind) -> bytes:
    _require(view, oid, kind)
    return view.read(oid)[1]


def _require(view: RepoView, oid: ObjectId, kind: ObjectKind) -> None:
    if view.kind(oid) is not kind:
        raise NotFound(f"no {kind.word.decode('ascii')} {oid.hex()}")
