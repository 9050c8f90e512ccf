"""A repo's packs laid out for C Git, in a folder of this node that can be thrown away at any time.

The packs are disjoint, so their bodies one after the other are one pack, and their indexes with shifted offsets are
its index: nothing is indexed again. A folder belongs to a list of packs, not to a repo, so forks share it. It is built
under a temporary name and renamed; whoever uses it, its builder first of all, holds a shared lock on it, and only an
unlocked one is evicted. The folder of all of them is emptied when the server starts, so a crash leaves nothing
half-written behind.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from treehold.catalog.base import PackRow
from treehold.engine.locks import KeyedLocks
from treehold.engine.pack_cache import PackCache
from treehold.errors import StorageError
from treehold.ids import Entropy
from treehold.packs.concatenate import Concatenation, PackPart, shifts
from treehold.packs.git_index import to_git_index
from treehold.packs.index import PackIndex, merge_indexes
from treehold.store.base import Store

_IN_USE: Final = "in-use.lock"


class Materialiser:
    """Lays out repos for C Git under ``folder``."""

    def __init__(self, folder: Path, *, packs: PackCache, store: Store, entropy: Entropy, bytes_max: int) -> None:
        self._folder = folder
        self._packs = packs
        self._store = store
        self._entropy = entropy
        self._bytes_max = bytes_max
        self._building = KeyedLocks()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.asynccontextmanager
    async def objects(self, rows: Sequence[PackRow]) -> AsyncIterator[Path]:
        """The ``objects`` folder of a repo made of these packs, there for as long as the context lasts.

        Raises CorruptStore, StorageError.
        """
        layout = self._folder / _name(rows)
        try:
            lock = _lock_shared(layout)
            is_new = lock is None
            if lock is None:
                lock = await self._build_once(layout, rows)
        except OSError as error:
            raise StorageError(f"cannot lay out a repo: {error.strerror}") from error
        try:
            with contextlib.suppress(OSError):
                os.utime(lock)  # last use, for eviction
            if is_new:
                await asyncio.to_thread(self._evict)
            yield layout / "objects"
        finally:
            os.close(lock)

    async def _build_once(self, layout: Path, rows: Sequence[PackRow]) -> int:
        """Build it, unless somebody in this process did meanwhile, and answer the lock on it."""
        async with self._building.holding(layout.name):
            lock = _lock_shared(layout)
            while lock is None:
                lock = await self._build(layout, rows)
            return lock

    async def _build(self, layout: Path, rows: Sequence[PackRow]) -> int | None:
        """Build it and answer the lock on it; None if another process was first and its folder is gone already."""
        temporary = self._folder / f".new-{self._entropy(12).hex()}"
        pack_folder = temporary / "objects" / "pack"
        try:
            pack_folder.mkdir(parents=True, mode=0o700)
            (temporary / _IN_USE).touch()
            if rows:
                await self._lay_out(pack_folder, rows)
            return _move_into_place(temporary, layout)
        finally:
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)

    async def _lay_out(self, pack_folder: Path, rows: Sequence[PackRow]) -> None:
        parts = [(row, await self._packs.open(row)) for row in rows]
        pack_file = pack_folder / "incoming"
        layout = [PackPart(row.size_bytes, row.objects) for row in rows]
        whole = Concatenation(layout)
        if not await self._link_single(rows, pack_file):
            with pack_file.open("wb") as file:
                file.write(whole.header)
                for row, _ in parts:
                    async for piece in self._packs.bodies(row):
                        whole.feed(piece)
                        file.write(piece)
                file.write(whole.trailer())
        trailer = await asyncio.to_thread(_trailer, pack_file)
        indexes = [(opened.index, shift) for (_, opened), shift in zip(parts, shifts(layout), strict=True)]
        await asyncio.to_thread(_write_git_index, pack_folder / f"pack-{trailer.hex()}.idx", indexes, trailer)
        pack_file.rename(pack_folder / f"pack-{trailer.hex()}.pack")

    async def _link_single(self, rows: Sequence[PackRow], pack_file: Path) -> bool:
        """A repo's only pack needs no copy: it stands by itself."""
        key = rows[0].key
        stored = await self._store.local_file(key) if len(rows) == 1 and key is not None else None
        if stored is None:
            return False
        try:
            os.link(stored, pack_file)
        except OSError:  # another file system
            return False
        return True

    def _evict(self) -> None:
        """Remove the longest unused layouts while all together are too large; one in use stays."""
        layouts = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):  # gone meanwhile
                if not path.name.startswith("."):
                    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
                    layouts.append(((path / _IN_USE).stat().st_mtime, size, path))
        total = sum(size for _, size, _ in layouts)
        for _, size, path in sorted(layouts):
            if total <= self._bytes_max:
                return
            if _remove_unused(path, self._folder / f".old-{self._entropy(12).hex()}"):
                total -= size


def _name(rows: Sequence[PackRow]) -> str:
    return hashlib.sha1(b",".join(b"%d" % row.id for row in rows), usedforsecurity=False).hexdigest()


def _trailer(pack_file: Path) -> bytes:
    with pack_file.open("rb") as file:
        file.seek(-20, os.SEEK_END)
        return file.read(20)


def _write_git_index(file: Path, parts: Sequence[tuple[PackIndex, int]], trailer: bytes) -> None:
    file.write_bytes(to_git_index(merge_indexes(parts), trailer))


def _move_into_place(temporary: Path, layout: Path) -> int | None:
    """Give a layout its name and answer the lock on it, without a moment in which it could be evicted."""
    built = _lock_shared(temporary)
    assert built is not None
    try:
        temporary.rename(layout)
        return _lock_shared(layout)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return _lock_shared(layout)  # another process was first: its folder is as good
    finally:
        os.close(built)


def _lock_shared(layout: Path) -> int | None:
    """Hold a layout against eviction: the descriptor to close when done, or None if the layout is not there."""
    return _lock(layout, fcntl.LOCK_SH)


def _lock(layout: Path, how: int) -> int | None:
    try:
        descriptor = os.open(layout / _IN_USE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    is_held = False
    try:
        fcntl.flock(descriptor, how)
        # between the two steps it may have been evicted, and even built anew
        with contextlib.suppress(FileNotFoundError):
            is_held = (layout / _IN_USE).stat().st_ino == os.fstat(descriptor).st_ino
    finally:
        if not is_held:
            os.close(descriptor)
    return descriptor if is_held else None


def _remove_unused(layout: Path, aside: Path) -> bool:
    """Remove a layout unless somebody holds it."""
    try:
        lock = _lock(layout, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock is None:
            return False
        try:
            layout.rename(aside)
        finally:
            os.close(lock)
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True
