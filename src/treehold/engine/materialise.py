"""A repo's packs laid out for C Git, in a folder of this node that can be thrown away at any time.

The packs are disjoint, so their bodies one after the other are one pack, and their indexes with shifted offsets are
its index: nothing is indexed again. Where a list has grown a little since an earlier one was laid out, that is its
*base*: a layout of its own that stays, with whatever C Git has worked out about it (``git_indexes.py``), and only what
came since is laid out beside it, with the bases of its deltas. A folder belongs to a list of packs, not to a repo, so
forks share it. It is built
under a temporary name and renamed; whoever uses it, its builder first of all, holds a shared lock on it, and only an
unlocked one is evicted. The folder of all of them is emptied when the server starts, so a crash leaves nothing
half-written behind.

Its files end with the SHA-1 of all before it, as C Git's files do, which does not look at that and copies damage into
its answers. So a layout is checked when a run over it fails, and when it has not been used for so long that it has to
be read from the disk again. If it is damaged another one is built, under another name: some may still be at work on
what is left of the first.
"""

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import math
import os
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

from treehold.catalog.base import PackRow
from treehold.engine.layout_check import is_sound
from treehold.engine.limits import DAY_SECONDS
from treehold.engine.locks import KeyedLocks
from treehold.engine.pack_cache import PackCache, body_pieces, part_of
from treehold.engine.remove import remove_folder
from treehold.errors import CorruptStore, NativeGitError, StorageError
from treehold.ids import Entropy
from treehold.packs.build import build_pack
from treehold.packs.concatenate import Concatenation, shifts
from treehold.packs.entry import PACK_TRAILER_BYTES
from treehold.packs.git_index import to_git_index
from treehold.packs.index import merge_indexes
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.thin import missing_bases
from treehold.store.base import Store

_IN_USE: Final = "in-use.lock"
_SPLIT_FROM_BYTES: Final = 1 << 20
"""A smaller list is laid out in one: it costs less than to look for the bases of its last packs."""
_GROWTH: Final = 1.5
"""How much a list grows before it gets another base. So a byte is copied three times at most, and half as much again
as the base is what C Git looks through without its help."""
_TRUSTED_SECONDS: Final = DAY_SECONDS
"""What was used within this time is taken to be in the machine's memory still; a check takes 0.6 s a gigabyte."""
_DAMAGED_KEPT: Final = 1024
_BASES_BYTES_MAX: Final = 64 << 20
"""Delta bases added beside a base, in memory; where there are more the list is laid out in one."""


class Materialiser:
    """Lays out repos for C Git under ``folder``."""

    def __init__(self, folder: Path, *, packs: PackCache, store: Store, entropy: Entropy, bytes_max: int) -> None:
        self._folder = folder.absolute()  # layouts name each other
        self._packs = packs
        self._store = store
        self._entropy = entropy
        self._bytes_max = bytes_max
        self._building = KeyedLocks()
        self._damaged: OrderedDict[str, int] = OrderedDict()  # how many layouts of a list were found so
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.asynccontextmanager
    async def objects(self, rows: Sequence[PackRow]) -> AsyncIterator[Path]:
        """The ``objects`` folder of a repo made of these packs, there for as long as the context lasts.

        Raises CorruptStore, StorageError. A NativeGitError within the context becomes a CorruptStore if it was due to
        the layout; then the next one is built anew.
        """
        base, later = split(rows)
        async with contextlib.AsyncExitStack() as held:
            beside = await held.enter_async_context(self.objects(base)) if later else None
            layout = self._layout(rows)
            if _use(layout) > _TRUSTED_SECONDS and await self._is_given_up(layout, rows):
                layout = self._layout(rows)
            try:
                async with self._held(layout, rows, beside):
                    yield layout / "objects"
            except (NativeGitError, CorruptStore) as error:
                if await self._is_given_up(layout, rows):
                    raise CorruptStore("a repo laid out for git is damaged") from error
                raise

    @contextlib.asynccontextmanager
    async def _held(self, layout: Path, rows: Sequence[PackRow], beside: Path | None) -> AsyncIterator[None]:
        """Hold a lock on a layout, which is built if need be."""
        try:
            lock = _lock_shared(layout)
            is_new = lock is None
            if lock is None:
                lock = await self._build_once(layout, rows, beside)
        except OSError as error:
            raise StorageError(f"cannot lay out a repo: {error.strerror}") from error
        try:
            if is_new:
                await asyncio.to_thread(self._evict)
            yield
        finally:
            os.close(lock)

    def base_objects(self, rows: Sequence[PackRow]) -> Path:
        """Where the ``objects`` folder of the list's base is, while it is laid out."""
        return self._layout(split(rows)[0]) / "objects"

    def _layout(self, rows: Sequence[PackRow]) -> Path:
        """Where a list is laid out, or will be. What lies beside a base names it, so its name goes along with that."""
        base, later = split(rows)
        name = _name(rows)
        parts = [name, f"{self._damaged.get(name, 0)}"]
        if later:
            parts.append(f"{self._damaged.get(_name(base), 0)}")
        return self._folder / "-".join(parts)

    async def _is_given_up(self, layout: Path, rows: Sequence[PackRow]) -> bool:
        """Whether a layout is damaged, and so will be used no more; it goes at once if nobody works on it."""
        if await asyncio.to_thread(is_sound, layout / "objects", rows):
            return False
        if layout == self._layout(rows):  # nobody has given it up meanwhile
            name = _name(rows)
            self._damaged[name] = self._damaged.pop(name, 0) + 1
            while len(self._damaged) > _DAMAGED_KEPT:
                self._damaged.popitem(last=False)
        await asyncio.to_thread(_remove_unused, layout, self._folder / f".old-{self._entropy(12).hex()}")
        return True

    async def _build_once(self, layout: Path, rows: Sequence[PackRow], beside: Path | None) -> int:
        """Build it, unless somebody in this process did meanwhile, and answer the lock on it."""
        async with self._building.holding(layout.name):
            lock = _lock_shared(layout)
            while lock is None:
                lock = await self._build(layout, rows, beside)
            return lock

    async def _build(self, layout: Path, rows: Sequence[PackRow], beside: Path | None) -> int | None:
        """Build it and answer the lock on it; None if another process was first and its folder is gone already."""
        temporary = self._folder / f".new-{self._entropy(12).hex()}"
        pack_folder = temporary / "objects" / "pack"
        try:
            pack_folder.mkdir(parents=True, mode=0o700)
            (temporary / _IN_USE).touch()
            if beside is not None:
                await self._lay_out_beside(beside, pack_folder, rows)
            elif rows:
                await self._lay_out(pack_folder, rows)
            return _move_into_place(temporary, layout)
        finally:
            await asyncio.to_thread(remove_folder, temporary)

    async def _lay_out_beside(self, beside: Path, pack_folder: Path, rows: Sequence[PackRow]) -> None:
        """Lay out what came after the base, made complete, and let C Git find the base."""
        stored = await self._packs.open_all(rows)
        later = [await self._packs.open(row) for row in split(rows)[1]]
        bases = await asyncio.to_thread(_bases_pack, stored, later)
        if bases is None:
            await self._lay_out(pack_folder, rows)
            return
        info = pack_folder.parent / "info"
        info.mkdir(mode=0o700)
        (info / "alternates").write_bytes(os.fsencode(beside) + b"\n")
        await self._write_pack(pack_folder, [*later, bases])

    async def _lay_out(self, pack_folder: Path, rows: Sequence[PackRow]) -> None:
        parts = [await self._packs.open(row) for row in rows]
        linked = pack_folder / "linked"
        if await self._link_single(rows, linked):
            await asyncio.to_thread(_give_name, linked, parts, shifts=[0])
        else:
            await self._write_pack(pack_folder, parts)

    async def _write_pack(self, pack_folder: Path, parts: Sequence[OpenPack]) -> None:
        """Write these packs as one, with its index."""
        layout = [part_of(opened) for opened in parts]
        whole = Concatenation(layout)
        pack_file = pack_folder / "incoming"
        with pack_file.open("wb") as file:
            file.write(whole.header)
            for opened in parts:
                async for piece in body_pieces(opened):
                    whole.feed(piece)
                    file.write(piece)
            file.write(whole.trailer())
        await asyncio.to_thread(_give_name, pack_file, parts, shifts=shifts(layout))

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


def _use(layout: Path) -> float:
    """Note that a layout is used, for eviction; answers for how many seconds it was not."""
    lock = layout / _IN_USE
    try:
        last = lock.stat().st_mtime
        os.utime(lock)
        return lock.stat().st_mtime - last
    except OSError:  # not there yet
        return 0


def _name(rows: Sequence[PackRow]) -> str:
    return hashlib.sha1(b",".join(b"%d" % row.id for row in rows), usedforsecurity=False).hexdigest()


def split(rows: Sequence[PackRow]) -> tuple[Sequence[PackRow], Sequence[PackRow]]:
    """A list's base and what came after it; the base of a base is all of it.

    The base is the shortest beginning that is as large as the last power of the growth that the whole list has passed.
    """
    total = sum(row.size_bytes for row in rows)
    if total >= _SPLIT_FROM_BYTES:
        enough = _GROWTH ** math.floor(math.log(total, _GROWTH))
        for count, size_bytes in enumerate(accumulate(row.size_bytes for row in rows), 1):
            if size_bytes >= enough:
                return rows[:count], rows[count:]
    return rows, ()


def _bases_pack(stored: PackSet, later: Sequence[OpenPack]) -> OpenPack | None:
    """A pack of what the later packs' deltas are made from and they lack; None if that is too much for memory."""
    bases = missing_bases(later)
    if sum(stored.size(oid) for oid in bases) > _BASES_BYTES_MAX:
        return None
    return OpenPack(*build_pack((stored.read(oid) for oid in sorted(bases)), level=1))


def _give_name(pack_file: Path, parts: Sequence[OpenPack], *, shifts: Sequence[int]) -> None:
    """Write a pack's index beside it, and name both as C Git does."""
    with pack_file.open("rb") as file:
        file.seek(-PACK_TRAILER_BYTES, os.SEEK_END)
        trailer = file.read()
    index = merge_indexes([(opened.index, shift) for opened, shift in zip(parts, shifts, strict=True)])
    name = pack_file.with_name(f"pack-{trailer.hex()}.pack")
    name.with_suffix(".idx").write_bytes(to_git_index(index, trailer))
    pack_file.rename(name)


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
        with contextlib.suppress(FileNotFoundError):  # it may be evicted already
            (layout / _IN_USE).touch()  # or have lost its lock, and could never be used nor replaced
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
