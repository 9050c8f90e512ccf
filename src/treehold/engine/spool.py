"""A pushed pack on its way in: held in memory while small, in a file of this node once it is not."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from treehold.engine.context import Engine
from treehold.errors import LimitExceeded, StorageError

_HEADER_BYTES: Final = 12


class PackSpool:
    """Takes a pack piece by piece. Use it through :func:`spool`, which removes the file in the end.

    ``is_at_work`` says that the pack has all come and C Git has begun to work on it, which may take long.
    """

    def __init__(self, path: Path, *, memory_bytes: int, bytes_max: int) -> None:
        self.path = path
        self.size_bytes = 0
        self.is_at_work = False
        self._header = b""
        self._memory = bytearray()
        self._memory_bytes = memory_bytes
        self._bytes_max = bytes_max
        self._file: BinaryIO | None = None

    def write(self, piece: bytes) -> None:
        """Take the next piece; raises LimitExceeded, StorageError."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._bytes_max:
            raise LimitExceeded(f"the pack is larger than {self._bytes_max} bytes")
        self._header += piece[: _HEADER_BYTES - len(self._header)]
        if self._file is None and self.size_bytes <= self._memory_bytes:
            self._memory += piece
            return
        try:
            self._opened().write(piece)
        except OSError as error:
            raise _failure(error) from error

    @property
    def declared_objects(self) -> int:
        """How many objects the pack's header promises; 0 while it is too short to have one."""
        return int.from_bytes(self._header[8:]) if len(self._header) == _HEADER_BYTES else 0

    def in_memory(self) -> bytes | None:
        """The pack if it is held in memory."""
        return bytes(self._memory) if self._file is None else None

    def file(self) -> Path:
        """The pack as a complete file; raises StorageError."""
        try:
            self._opened().flush()
        except OSError as error:
            raise _failure(error) from error
        return self.path

    def note_work(self) -> None:
        """C Git has begun to work on it."""
        self.is_at_work = True

    def discard(self) -> None:
        """Forget the pack."""
        if self._file is not None:
            # what cannot be flushed any more is thrown away with the file
            with contextlib.suppress(OSError):
                self._file.close()
            self.path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        """The file, which takes over what was held in memory when it is made."""
        if self._file is None:
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
            self._file.write(self._memory)
            self._memory.clear()
        return self._file


@contextlib.contextmanager
def spool(engine: Engine) -> Iterator[PackSpool]:
    """A place for one pushed pack, gone when the context ends."""
    pack = PackSpool(
        engine.node.spool / engine.entropy(12).hex(),
        memory_bytes=engine.limits.small_push_bytes,
        bytes_max=engine.limits.pack_bytes_max,
    )
    try:
        yield pack
    finally:
        pack.discard()


def _failure(error: OSError) -> StorageError:
    return StorageError(f"cannot spool a push: {error.strerror}")
