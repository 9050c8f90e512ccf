"""What is asked of the place where large packs lie.

A blob is whole and immutable: it is put once under a key that nobody uses again, and it is there for good or not at
all. Keys are slash-separated words of ``[0-9a-z._-]``.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Named blobs. Every method may raise StorageError when the medium fails."""

    async def put(self, key: str, source: bytes | Path) -> None:
        """Keep the bytes, or the file's content, under ``key``; durable before it returns.

        All or nothing: a crash in the middle leaves no blob. A file is copied or linked and stays where it is.
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

    def keys(self) -> AsyncIterator[str]:
        """All keys, in no order."""
        ...

    async def local_file(self, key: str) -> Path | None:
        """Where the blob lies as an immutable local file that may be opened, mapped and linked, if it does.

        None when it has to be read through :meth:`read`; raises CorruptStore when it is missing.
        """
        ...
