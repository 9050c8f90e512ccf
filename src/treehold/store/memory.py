"""A store in memory: real, but gone with the process. For tests and throw-away servers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from treehold.errors import AlreadyExists, CorruptStore
from treehold.ids import Clock, Milliseconds
from treehold.store.base import StoredBlob


class MemoryStore:
    """Blobs in a dict."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, Milliseconds]] = {}

    async def put(self, key: str, source: bytes | Path) -> None:
        """See Store.put."""
        data = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        if key in self._blobs:
            raise AlreadyExists(f"the store already has {key}")
        self._blobs[key] = data, self._clock()

    async def read(self, key: str, offset: int, length: int) -> bytes:
        """See Store.read."""
        return self._blob(key)[offset : offset + length]

    async def size(self, key: str) -> int:
        """See Store.size."""
        return len(self._blob(key))

    async def delete(self, key: str) -> None:
        """See Store.delete."""
        self._blobs.pop(key, None)

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        """See Store.blobs."""
        for key, (_, stored_at) in list(self._blobs.items()):
            yield StoredBlob(key, stored_at)

    async def local_file(self, key: str) -> Path | None:
        """See Store.local_file: there is never a file here."""
        self._blob(key)
        return None

    def _blob(self, key: str) -> bytes:
        try:
            return self._blobs[key][0]
        except KeyError:
            raise CorruptStore(f"the store has no {key}") from None
