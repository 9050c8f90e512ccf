"""Packs opened for reading: small ones held in memory up to a bound, large ones mapped from local files."""

import asyncio
import mmap
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treehold.catalog.base import HistoryCatalog, PackRow
from treehold.errors import CorruptStore, StorageError
from treehold.ids import PackId
from treehold.packs.concatenate import PackPart
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.protocol.sideband import HEADER_BYTES, SIDE_BAND_64K_BYTES
from treehold.store.base import Store

INDEX_SUFFIX: Final = ".index"
"""A stored pack's index lies beside it under its key with this suffix."""
PIECE_BYTES: Final = 4 * (SIDE_BAND_64K_BYTES - HEADER_BYTES)
"""How much is sent before others are let in: nearly 256 KiB, which fill four packets to the brim."""
_MAPPED_FROM_BYTES: Final = 256 << 10
"""A smaller file is read: every mapping costs a file descriptor, of which a process may have a thousand."""
_MAPPINGS_MAX: Final = 512
_ENTRY_OVERHEAD_BYTES: Final = 1 << 10
"""What an open pack costs beside its bytes; without it a cache of tiny packs would not be bounded."""
_OPENED_IN_A_ROW: Final = 64


@dataclass(frozen=True, slots=True)
class _Held:
    """An open pack and what it costs: bytes of memory, and mappings."""

    pack: OpenPack
    bytes: int
    mappings: int


class PackCache:
    """Opens packs of the catalog and the store. One for a process; packs never change, so nothing goes stale."""

    def __init__(self, catalog: HistoryCatalog, store: Store, *, bytes_max: int) -> None:
        self._catalog = catalog
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._mappings = 0
        self._open: OrderedDict[PackId, _Held] = OrderedDict()

    async def open_all(self, rows: Iterable[PackRow]) -> PackSet:
        """The packs of a repo, oldest first, as one set; raises CorruptStore, StorageError."""
        packs: list[OpenPack] = []
        for row in rows:
            if len(packs) % _OPENED_IN_A_ROW == _OPENED_IN_A_ROW - 1:
                await asyncio.sleep(0)  # let other requests in: opening one takes some 20 µs
            held = self._open.get(row.id)
            if held is None:
                packs.append(await self.open(row))
            else:  # the usual case, without a coroutine for it
                self._open.move_to_end(row.id)
                packs.append(held.pack)
        return PackSet(packs)

    async def open(self, row: PackRow) -> OpenPack:
        """One pack; raises CorruptStore when its bytes are not there, StorageError."""
        found = self._open.get(row.id)
        if found is not None:
            self._open.move_to_end(row.id)
            return found.pack
        data, index = await (self._stored(row.key) if row.key is not None else self._catalog.inline_pack(row.id))
        in_memory = [len(part) for part in (data, index) if isinstance(part, bytes)]
        opened = OpenPack(data, PackIndex.decode(index))
        size_bytes = sum(in_memory) + opened.index.table_bytes + _ENTRY_OVERHEAD_BYTES
        self._keep(row.id, _Held(opened, size_bytes, 2 - len(in_memory)))
        return opened

    async def bodies(self, row: PackRow) -> AsyncIterator[memoryview]:
        """A pack's entries as stored, without its header and trailer, in pieces."""
        async for piece in body_pieces(await self.open(row)):
            yield piece

    async def _stored(self, key: str) -> tuple[bytes | mmap.mmap, bytes | mmap.mmap]:
        return await self._blob(key), await self._blob(key + INDEX_SUFFIX)

    async def _blob(self, key: str) -> bytes | mmap.mmap:
        file = await self._store.local_file(key)
        size_bytes = await self._store.size(key)
        if file is None or size_bytes < _MAPPED_FROM_BYTES:
            return await self._store.read(key, 0, size_bytes)
        return map_file(file)

    def _keep(self, pack: PackId, held: _Held) -> None:
        self._forget(self._open.pop(pack, None))  # opened twice at once: the later one stays
        self._open[pack] = held
        self._bytes += held.bytes
        self._mappings += held.mappings
        while self._bytes > self._bytes_max or self._mappings > _MAPPINGS_MAX:
            self._forget(self._open.popitem(last=False)[1])

    def _forget(self, gone: _Held | None) -> None:
        if gone is not None:
            self._bytes -= gone.bytes
            self._mappings -= gone.mappings


def part_of(opened: OpenPack) -> PackPart:
    """A pack as a part of a larger one."""
    return PackPart(len(opened.view), len(opened.index))


async def body_pieces(opened: OpenPack) -> AsyncIterator[memoryview]:
    """A pack's entries as they lie, without its header and trailer, in pieces."""
    view = opened.view[part_of(opened).body]
    for start in range(0, len(view), PIECE_BYTES):
        if start:
            await asyncio.sleep(0)  # let other requests in between pieces
        yield view[start : start + PIECE_BYTES]


def map_file(path: Path) -> mmap.mmap:
    """A file's bytes as they lie on disk; raises CorruptStore when it is gone or empty, StorageError."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, ValueError) as error:  # ValueError: the file is empty
        raise CorruptStore(f"cannot map {path.name}") from error
    except OSError as error:
        raise StorageError(f"cannot map {path.name}: {error.strerror}") from error
