"""Packs opened for reading: inline ones held in memory up to a bound, stored ones mapped from local files."""

import asyncio
import mmap
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

from treehold.catalog.base import HistoryCatalog, PackRow
from treehold.errors import CorruptStore
from treehold.ids import PackId
from treehold.packs.concatenate import PackPart
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.store.base import Store

INDEX_SUFFIX: Final = ".index"
"""A stored pack's index lies beside it under its key with this suffix."""
PIECE_BYTES: Final = 256 << 10
_OPEN_PACKS_MAX: Final = 4096


class PackCache:
    """Opens packs of the catalog and the store. One for a process; packs never change, so nothing goes stale."""

    def __init__(self, catalog: HistoryCatalog, store: Store, *, bytes_max: int) -> None:
        self._catalog = catalog
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._open: OrderedDict[PackId, tuple[OpenPack, int]] = OrderedDict()

    async def open_all(self, rows: Iterable[PackRow]) -> PackSet:
        """The packs of a repo, oldest first, as one set; raises CorruptStore."""
        return PackSet([await self.open(row) for row in rows])

    async def open(self, row: PackRow) -> OpenPack:
        """One pack; raises CorruptStore when its bytes are not there."""
        found = self._open.get(row.id)
        if found is not None:
            self._open.move_to_end(row.id)
            return found[0]
        if row.key is None:
            data, index = await self._catalog.inline_pack(row.id)
            opened, held = OpenPack(data, PackIndex.decode(index)), len(data) + len(index)
        else:
            opened, held = await self._open_stored(row.key)
        self._keep(row.id, opened, held)
        return opened

    async def bodies(self, row: PackRow) -> AsyncIterator[memoryview]:
        """A pack's entries as stored, without its header and trailer, in pieces."""
        opened = await self.open(row)
        view = opened.view[PackPart(row.size_bytes, row.objects).body]
        for start in range(0, len(view), PIECE_BYTES):
            yield view[start : start + PIECE_BYTES]
            await asyncio.sleep(0)  # let other requests in between pieces

    async def _open_stored(self, key: str) -> tuple[OpenPack, int]:
        pack_file = await self._store.local_file(key)
        index_file = await self._store.local_file(key + INDEX_SUFFIX)
        if pack_file is not None and index_file is not None:
            return OpenPack(map_file(pack_file), PackIndex.decode(map_file(index_file))), 0
        data = await self._whole(key)
        index = await self._whole(key + INDEX_SUFFIX)
        return OpenPack(data, PackIndex.decode(index)), len(data) + len(index)

    async def _whole(self, key: str) -> bytes:
        return await self._store.read(key, 0, await self._store.size(key))

    def _keep(self, pack: PackId, opened: OpenPack, held: int) -> None:
        previous = self._open.pop(pack, None)  # opened twice at once: the later one stays
        if previous is not None:
            self._bytes -= previous[1]
        self._open[pack] = (opened, held)
        self._bytes += held
        while self._bytes > self._bytes_max or len(self._open) > _OPEN_PACKS_MAX:
            _, (_, gone) = self._open.popitem(last=False)
            self._bytes -= gone


def map_file(path: Path) -> mmap.mmap:
    """A file's bytes as they lie on disk; raises CorruptStore."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: the file is empty
        raise CorruptStore(f"cannot map {path.name}") from error
