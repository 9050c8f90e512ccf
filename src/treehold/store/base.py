"""What is asked of the place where large packs lie.

A blob is whole and immutable: it is put once under a key that nobody uses again, and it is there for good or not at
all. Keys are slash-separated words of ``[0-9a-z._-]``.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from treehold.ids import Milliseconds


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as it is listed; ``stored_at`` is when its key came to be, by the medium's clock."""

    key: str
    stored_at: Milliseconds


class Store(Protocol):
    """Named blobs. Every method may raise StorageError when the medium fails."""

    async def put(self, key: str, source: bytes | Path) -> None:
        """Keep the bytes, or the file's content, under ``key``; durable before it returns.

        All or nothing: a crash in the middle leaves no blob. A file is copied or linked: it stays
        where it is, and must not be changed any more.
        Raises AlreadyExists when the key is taken.
        """
        ...

    async def read(self, key: str, offset: int, length: int) -> bytes:
        """The ``length`` bytes at ``offset``, fewer only at the blob's end; raises CorruptStore when it is missing."""
        ...

    async def size(self, key: str) -> int:
        """The blob's size in bytes; raises CorruptStore when it is missing."""
        ...

    async def delete(self, key: str) -> None:
        """Take the blob away; fine if it is not there."""
        ...

    def blobs(self) -> AsyncIterator[StoredBlob]:
        """All blobs, in no order and never all in memory; one that comes or goes meanwhile may be there or not."""
        ...

    async def local_file(self, key: str) -> Path | None:
        """Where the blob lies as an immutable local file that may be opened, mapped and linked, if it does.

        None when it has to be read through :meth:`read`; raises CorruptStore when it is missing.
        """
        ...
