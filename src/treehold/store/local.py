"""A store in a folder of the local disk.

A put writes a temporary file beside its target, syncs it, links it to its name and syncs the folder: whenever the
power goes, the blob is whole under its name or not there. A file that lies on the same file system is linked in place
of being written again. What a crash leaves behind begins with ``.new-`` and is removed at the next start.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from treehold.errors import AlreadyExists, CorruptStore, StorageError
from treehold.ids import Entropy, Milliseconds
from treehold.store.base import StoredBlob

_KEY = re.compile(r"[0-9a-z][0-9a-z._-]*(/[0-9a-z][0-9a-z._-]*)*")
_TEMPORARY: Final = ".new-"
_COPY_PIECE_BYTES: Final = 1 << 20


class LocalStore:
    """Blobs as files under ``folder``, readable by their owner alone."""

    def __init__(self, folder: Path, *, entropy: Entropy) -> None:
        self._folder = folder
        self._entropy = entropy
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def sweep_temporary(self) -> int:
        """Remove what interrupted puts left behind; for the start, before anybody puts. Answers how many."""
        left = [path for path in self._folder.rglob(_TEMPORARY + "*") if path.is_file()]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    async def put(self, key: str, source: bytes | Path) -> None:
        """See Store.put."""
        await asyncio.to_thread(self._put, key, source)

    async def read(self, key: str, offset: int, length: int) -> bytes:
        """See Store.read."""
        return await asyncio.to_thread(self._read, key, offset, length)

    async def size(self, key: str) -> int:
        """See Store.size."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            raise _missing(key) from None
        except OSError as error:
            raise StorageError(f"cannot look at {key}: {error.strerror}") from error

    async def delete(self, key: str) -> None:
        """See Store.delete."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot delete {key}: {error.strerror}") from error

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        """See Store.blobs; a folder is read at a time."""
        folders = [self._folder]
        while folders:
            folder = folders.pop()
            inner, blobs = await asyncio.to_thread(self._list, folder)
            folders += inner
            for blob in blobs:
                yield blob

    async def local_file(self, key: str) -> Path | None:
        """See Store.local_file."""
        path = self._path(key)
        if not path.is_file():
            raise _missing(key)
        return path

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise StorageError(f"not a store key: {key[:80]!r}")
        return self._folder / key

    def _put(self, key: str, source: bytes | Path) -> None:
        target = self._path(key)
        temporary = target.parent / (_TEMPORARY + self._entropy(12).hex())
        try:
            self._make_folder(target.parent)
            _write_durably(temporary, source)
            os.link(temporary, target)
            _sync_folder(target.parent)
        except FileExistsError:
            raise AlreadyExists(f"the store already has {key}") from None
        except OSError as error:
            raise StorageError(f"cannot keep {key}: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)

    def _list(self, folder: Path) -> tuple[list[Path], list[StoredBlob]]:
        """The folders and the blobs in a folder."""
        inner, blobs = [], []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir():
                        inner.append(Path(entry.path))
                    elif not entry.name.startswith(_TEMPORARY):
                        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                            blobs.append(self._blob(entry))
        except OSError as error:
            raise StorageError(f"cannot list {folder.name}: {error.strerror}") from error
        return inner, blobs

    def _blob(self, entry: os.DirEntry[str]) -> StoredBlob:
        """A listed file. Its link is its newest change: a linked file keeps the time at which it was written."""
        stored_at = Milliseconds(entry.stat().st_ctime_ns // 1_000_000)
        return StoredBlob(Path(entry.path).relative_to(self._folder).as_posix(), stored_at)

    def _make_folder(self, folder: Path) -> None:
        """Make the folder, and its name durable too: a synced file in a forgotten folder is lost."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(folder.parent)

    def _read(self, key: str, offset: int, length: int) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            raise _missing(key) from None
        except OSError as error:
            raise StorageError(f"cannot read {key}: {error.strerror}") from error


def _missing(key: str) -> CorruptStore:
    return CorruptStore(f"the store has no {key}")


def _write_durably(path: Path, source: bytes | Path) -> None:
    if isinstance(source, Path) and _link_durably(path, source):
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        if isinstance(source, bytes):
            file.write(source)
        else:
            with source.open("rb") as original:
                shutil.copyfileobj(original, file, _COPY_PIECE_BYTES)
        file.flush()
        os.fdatasync(file.fileno())


def _link_durably(path: Path, source: Path) -> bool:
    """Give the file itself another name; False where that cannot be done."""
    if source.is_symlink():
        return False
    try:
        path.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o400)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
