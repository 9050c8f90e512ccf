"""Computed packs, kept on this node's disk: each is computed once, however many ask for it at the same time.

The one who asks first starts the computation, which writes to a file as fast as it can. Everybody reads from that file
at their own speed, so a slow reader holds up nobody. When the last reader leaves an unfinished computation it is
ended. A finished file is renamed to its key and stays until its space is needed; a reader that has it open keeps it.

Bytes from the disk are never trusted: a pack ends with the SHA-1 of all before it, which is checked as they go by. A
damaged file is dropped and its reader told; whoever asks next gets a new computation. But a client that understands
what it reads may see damage first and leave: so a file that was not read to its end is checked before it is read again.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO, Final

from treehold.engine.layout_check import ends_with_its_checksum
from treehold.errors import CorruptStore, LimitExceeded, StorageError
from treehold.ids import Entropy
from treehold.packs.entry import PACK_TRAILER_BYTES

PIECE_BYTES: Final = 256 << 10
_FILE_BYTES_MIN: Final = 64 << 10
"""What a pack counts at least, so that there are never too many small ones in the folder to look through."""
_LOOKS: Final = 32
"""The folder is looked through when this process has added that part of the bound, so it may be over by as much."""
_UNFINISHED: Final = ".new-"
_DOUBTED: Final = (0, 0)

Compute = Callable[[], AsyncGenerator[bytes | memoryview]]


class AnswerCache:
    """Computed packs by key, together up to ``bytes_max`` (unfinished ones apart, each up to as much)."""

    def __init__(self, folder: Path, *, bytes_max: int, entropy: Entropy) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._entropy = entropy
        self._running: dict[str, _Computation] = {}
        self._grown_bytes = 0  # since this process last looked through the folder
        self._newest = ""
        self._evicting: asyncio.Task[None] | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def pieces(self, key: str, compute: Compute) -> AsyncGenerator[bytes]:
        """The pack of that key, from the disk or computed.

        Raises what ``compute`` raises, StorageError when the disk fails, CorruptStore at the end of a damaged pack.
        """
        await self._check_if_doubted(key)
        finished = self._open_finished(key)
        source = self._follow(key, compute) if finished is None else _whole_file(finished)
        async with contextlib.aclosing(_checked(source)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except CorruptStore:
                self._drop(key)
                raise
            except (GeneratorExit, asyncio.CancelledError):
                self._doubt(key)
                raise

    def has(self, key: str) -> bool:
        """Whether a finished pack is on the disk, or one is being computed."""
        return key in self._running or (self._folder / key).exists()

    async def drop_all(self) -> None:
        """Keep nothing of what is here, as when what it was computed from turns out to be damaged."""
        for key in [*self._running]:
            self._drop(key)
        await asyncio.to_thread(self._remove_finished)

    def _drop(self, key: str) -> None:
        """Serve a pack to nobody else; one that is still computed is not kept."""
        computation = self._running.pop(key, None)
        if computation is not None:
            computation.is_kept = False
        (self._folder / key).unlink(missing_ok=True)

    def _remove_finished(self) -> None:
        for path in self._finished():
            path.unlink(missing_ok=True)

    def _finished(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if not path.name.startswith(_UNFINISHED)]

    def _doubt(self, key: str) -> None:
        """Note, for all processes, that a reader has left in the middle: with a last use that never was."""
        with contextlib.suppress(OSError):
            os.utime(self._folder / key, ns=_DOUBTED)

    async def _check_if_doubted(self, key: str) -> None:
        path = self._folder / key
        with contextlib.suppress(OSError):  # not there, or gone meanwhile
            if path.stat().st_mtime_ns == _DOUBTED[1] and not await asyncio.to_thread(ends_with_its_checksum, path):
                self._drop(key)

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
        if computation.is_complete and computation.is_kept:
            with contextlib.suppress(OSError):  # nothing is lost: it will be computed again
                computation.path.rename(self._folder / key)
                self._grown_bytes += _cost(computation.written)
            self._newest = key
        if self._evicting is None or self._evicting.done():  # a task of its own: the last reader ends this one
            self._evicting = asyncio.create_task(self._make_room())

    async def _make_room(self) -> None:
        """Look through the folder if it has grown enough, again if it grows meanwhile."""
        while self._grown_bytes > self._bytes_max // _LOOKS:
            self._grown_bytes = 0
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._evict, self._newest)

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
        for path in self._finished():
            with contextlib.suppress(OSError):  # gone meanwhile
                status = path.stat()
                kept.append((status.st_mtime, _cost(status.st_size), path))
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
        self.is_kept = True
        self._compute = compute
        self._bytes_max = bytes_max
        self.written = 0
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
        while offset >= self.written:
            if self._error is not None:
                raise self._error
            if self.is_complete:
                return b""
            await self._moved.wait()
        return os.pread(self._file.fileno(), min(PIECE_BYTES, self.written - offset), offset)

    def close(self) -> None:
        """Let go of the file, and remove it unless it has been renamed."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, piece: bytes | memoryview) -> None:
        if self.written + len(piece) > self._bytes_max:
            raise LimitExceeded(f"the answer is larger than {self._bytes_max} bytes")
        left = memoryview(piece)
        while left:  # a disk that is nearly full takes what fits, and fails the next time
            left = left[self._file.write(left) :]
        self.written += len(piece)
        self._tell()

    def _tell(self) -> None:
        """Wake the readers that wait: each has the present event in hand, and the next ones get a new one."""
        self._moved.set()
        self._moved = asyncio.Event()


def _cost(size_bytes: int) -> int:
    return max(size_bytes, _FILE_BYTES_MIN)


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
            passing, held = held[:-PACK_TRAILER_BYTES], held[-PACK_TRAILER_BYTES:]
            if passing:
                digest.update(passing)
                yield passing
    if held != digest.digest():
        raise CorruptStore("a cached pack is damaged")
    yield held
