"""Computed packs, kept on this node's disk: each is computed once, however many ask for it at the same time.

The one who asks first starts the computation, which writes to a file as fast as it can. Everybody reads from that file
at their own speed, so a slow reader holds up nobody. When the last reader leaves an unfinished computation it is
ended. A finished file is renamed to its key and stays until its space is needed; a reader that has it open keeps it.

Bytes from the disk are never trusted: a pack ends with the SHA-1 of all before it, which is checked as they go by. A
damaged file is dropped and its reader told; whoever asks next gets a new computation.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO, Final

from treehold.errors import CorruptStore, LimitExceeded, StorageError
from treehold.ids import Entropy

PIECE_BYTES: Final = 256 << 10
_TRAILER_BYTES: Final = 20
_UNFINISHED: Final = ".new-"

Compute = Callable[[], AsyncGenerator[bytes | memoryview]]


class AnswerCache:
    """Computed packs by key, together up to ``bytes_max`` (unfinished ones apart, each up to as much)."""

    def __init__(self, folder: Path, *, bytes_max: int, entropy: Entropy) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._entropy = entropy
        self._running: dict[str, _Computation] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def pieces(self, key: str, compute: Compute) -> AsyncGenerator[bytes]:
        """The pack of that key, from the disk or computed.

        Raises what ``compute`` raises, StorageError when the disk fails, CorruptStore at the end of a damaged pack.
        """
        finished = self._open_finished(key)
        source = self._follow(key, compute) if finished is None else _whole_file(finished)
        async with contextlib.aclosing(_checked(source)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except CorruptStore:
                (self._folder / key).unlink(missing_ok=True)
                raise

    def has(self, key: str) -> bool:
        """Whether a finished pack is on the disk, or one is being computed."""
        return key in self._running or (self._folder / key).exists()

    def _open_finished(self, key: str) -> BinaryIO | None:
        try:
            file = (self._folder / key).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot open a cached pack: {error.strerror}") from error
        os.utime(file.fileno())  # last use, for eviction
        return file

    async def _follow(self, key: str, compute: Compute) -> AsyncGenerator[bytes]:
        """Read along with the computation of that key, starting it if nobody has."""
        computation = self._running.get(key)
        if computation is None:
            path = self._folder / (_UNFINISHED + self._entropy(12).hex())
            computation = _Computation(path, compute, bytes_max=self._bytes_max)
            self._running[key] = computation
        computation.readers += 1
        try:
            if computation.task is None:
                computation.task = asyncio.create_task(self._run(key, computation))
            offset = 0
            while piece := await computation.read(offset):
                offset += len(piece)
                yield piece
        finally:
            computation.readers -= 1
            if not computation.readers:
                self._leave(key, computation)

    async def _run(self, key: str, computation: "_Computation") -> None:
        await computation.run()
        self._forget(key, computation)
        if computation.is_complete:
            with contextlib.suppress(OSError):  # nothing is lost: it will be computed again
                computation.path.rename(self._folder / key)
                self._evict(key)

    def _forget(self, key: str, computation: "_Computation") -> None:
        """Let nobody else join; another computation may have taken the key since."""
        if self._running.get(key) is computation:
            del self._running[key]

    def _leave(self, key: str, computation: "_Computation") -> None:
        """The last reader has gone: an unfinished computation is of no use to anybody."""
        self._forget(key, computation)
        if computation.task is not None:
            computation.task.cancel()  # without effect once it is over
        computation.close()

    def _evict(self, keep: str) -> None:
        """Remove the longest unused packs while all together are too large."""
        kept = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):  # gone meanwhile
                if not path.name.startswith(_UNFINISHED):
                    status = path.stat()
                    kept.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._bytes_max:
                return
            if path.name != keep:
                path.unlink(missing_ok=True)
                total -= size


class _Computation:
    """One computation writing to a file, which its readers read from wherever each has got to."""

    def __init__(self, path: Path, compute: Compute, *, bytes_max: int) -> None:
        self.path = path
        self.task: asyncio.Task[None] | None = None
        self.readers = 0
        self.is_complete = False
        self._compute = compute
        self._bytes_max = bytes_max
        self._written = 0
        self._error: Exception | None = None
        self._moved = asyncio.Event()
        try:
            self._file: BinaryIO = path.open("x+b", buffering=0)
        except OSError as error:
            raise StorageError(f"cannot keep a computed pack: {error.strerror}") from error

    async def run(self) -> None:
        """Compute to the end; what goes wrong is kept for the readers."""
        try:
            async with contextlib.aclosing(self._compute()) as pieces:
                async for piece in pieces:
                    self._write(piece)
            self.is_complete = True
        except OSError as error:
            self._error = StorageError(f"cannot keep a computed pack: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for the pack must be told
            self._error = error
        finally:
            self._tell()

    async def read(self, offset: int) -> bytes:
        """The next bytes from there on, when they have come; none at the end. Raises what the computation raised."""
        while offset >= self._written:
            if self._error is not None:
                raise self._error
            if self.is_complete:
                return b""
            await self._moved.wait()
        return os.pread(self._file.fileno(), min(PIECE_BYTES, self._written - offset), offset)

    def close(self) -> None:
        """Let go of the file, and remove it unless it has been renamed."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, piece: bytes | memoryview) -> None:
        if self._written + len(piece) > self._bytes_max:
            raise LimitExceeded(f"the answer is larger than {self._bytes_max} bytes")
        self._written += self._file.write(piece)
        self._tell()

    def _tell(self) -> None:
        """Wake the readers that wait: each has the present event in hand, and the next ones get a new one."""
        self._moved.set()
        self._moved = asyncio.Event()


async def _whole_file(file: BinaryIO) -> AsyncGenerator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
            await asyncio.sleep(0)  # let other requests in between pieces


async def _checked(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes, the last of them only if the trailer fits all before it."""
    digest = sha1(usedforsecurity=False)
    held = b""
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            held += piece
            passing, held = held[:-_TRAILER_BYTES], held[-_TRAILER_BYTES:]
            if passing:
                digest.update(passing)
                yield passing
    if held != digest.digest():
        raise CorruptStore("a cached pack is damaged")
    yield held
