"""How often somebody has come lately, counted over all processes of a server.

The counts lie in a small file that all of them map into memory, and change under a lock on it: some microseconds. A
count is for a stretch of time; what came in the stretch before counts too, by the part of it that is still within reach
(a sliding window, as Cloudflare's and others' limiters estimate it). The file can be thrown away at any time.
"""

import fcntl
import mmap
import os
import struct
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from pathlib import Path
from typing import Final, Self

from treehold.errors import StorageError
from treehold.ids import Milliseconds

SLOTS: Final = 1 << 14
"""Callers that are told apart; two that fall on one slot push each other out, and then count from nothing."""
_ROUNDING: Final = 1e-6
"""What a count may be off by: who waited just as long as told is let in."""
_SLOT: Final = struct.Struct("<8sQII")  # caller, stretch, its count, the count of the stretch before


@dataclass(frozen=True, slots=True)
class Rate:
    """What one more request found: whether it may go on, how many more may, and in how many seconds one may again."""

    is_within: bool
    remaining: int
    retry_seconds: int


class RateTable:
    """Counts by caller. Make one with :meth:`open` in each process."""

    def __init__(self, descriptor: int, table: mmap.mmap) -> None:
        self._descriptor = descriptor
        self._table = table

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file, which is made if it is not there; raises StorageError."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(descriptor, SLOTS * _SLOT.size)
            return cls(descriptor, mmap.mmap(descriptor, SLOTS * _SLOT.size))
        except OSError as error:
            raise StorageError(f"cannot open the table of rates: {error.strerror}") from error

    def take(self, caller: str, *, now: Milliseconds, most: int, seconds: int) -> Rate:
        """Count one more request of a caller of whom ``most`` may come in so many seconds; 0 is no bound.

        A request that is refused does not count: who waits is let in again.
        """
        if not most:
            return Rate(is_within=True, remaining=0, retry_seconds=0)
        name = blake2b(caller.encode(), digest_size=8).digest()
        at = int.from_bytes(name, "little") % SLOTS * _SLOT.size
        stretch, passed = divmod(now / 1000, seconds)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, _SLOT.size, at)
        try:
            present, before = self._counts(at, name, int(stretch))
            reach = present + before * (1 - passed / seconds)
            is_within = reach + 1 <= most + _ROUNDING
            if is_within:
                _SLOT.pack_into(self._table, at, name, int(stretch), present + 1, before)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _SLOT.size, at)
        if is_within:
            return Rate(is_within=True, remaining=int(most - reach - 1), retry_seconds=0)
        # In this stretch, once enough of the one before is out of reach; else in the next, which begins with this one's
        # count still within reach.
        room = most - 1
        if present <= room:
            wait = seconds * (1 - (room - present) / before) - passed
        else:
            wait = seconds - passed + seconds * (1 - room / present)
        return Rate(is_within=False, remaining=0, retry_seconds=max(1, ceil(wait)))

    def close(self) -> None:
        """Let go of the file."""
        self._table.close()
        os.close(self._descriptor)

    def _counts(self, at: int, name: bytes, stretch: int) -> tuple[int, int]:
        """The counts of this stretch and of the one before, if the slot is the caller's."""
        owner, noted, present, before = _SLOT.unpack_from(self._table, at)
        if owner != name or noted + 1 < stretch:
            return 0, 0
        return (present, before) if noted == stretch else (0, present)
