"""Connections to the SQLite file: how they are opened, read from and kept apart between threads.

Reading is done in line by the event loop: a prepared look-up takes 10 to 20 µs, less than handing it to a thread.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Concatenate, Final, ParamSpec, TypeVar

from treehold.errors import AlreadyExists, CatalogError, TreeholdError

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_VERSION_MIN: Final = (3, 37, 0)
"""STRICT tables."""
_STATEMENTS_CACHED: Final = 256
_TAKEN: Final = frozenset(("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"))


@dataclass(frozen=True, slots=True)
class SqliteLimits:
    """What the SQLite backend allows itself.

    ``batch_max`` bounds how many writes one transaction holds, and so how long the first of them waits;
    ``waiting_max`` how many may wait before more are refused; ``busy_seconds`` how long a connection waits for a lock
    that a foreign program holds; ``idle_seconds`` after how much quiet the write-ahead log is emptied;
    ``snapshots_bytes_max`` how much memory decoded snapshots may take: some 70,000 refs.
    """

    batch_max: int = 256
    waiting_max: int = 20_000
    busy_seconds: float = 5.0
    idle_seconds: float = 1.0
    mmap_bytes: int = 1 << 30
    cache_bytes: int = 32 << 20
    snapshots_bytes_max: int = 32 << 20


DEFAULT_LIMITS: Final = SqliteLimits()


def catalog_error(error: Exception) -> TreeholdError:
    """What a driver's error means: AlreadyExists for a taken key, CatalogError for all else.

    The driver's own words name tables and never values, so they may be told.
    """
    if getattr(error, "sqlite_errorname", None) in _TAKEN:
        return AlreadyExists(f"already there: {error}")
    return CatalogError(f"the catalog's database failed: {error}")


def make_private(path: Path) -> None:
    """Make the file, and its folder if need be, for nobody but their owner; leave them if they are there.

    SQLite gives its log and shared-memory files the mode of the database file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def connect(path: Path, limits: SqliteLimits) -> Connection:
    """A connection on which transactions are begun by hand; raises CatalogError, sqlite3.Error.

    It may move between threads, but one thread at a time may use it.
    """
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        raise CatalogError(f"SQLite {sqlite3.sqlite_version} is too old, 3.37 is needed")
    connection = sqlite3.connect(
        path,
        timeout=limits.busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS_CACHED,
    )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",  # an acknowledged commit survives power loss
            "foreign_keys = ON",
            f"mmap_size = {limits.mmap_bytes}",
            f"cache_size = -{limits.cache_bytes >> 10}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class ProcessLock:
    """A lock between processes on a file beside the database.

    Writers queue here and are woken in turn; at SQLite's own lock they would poll and back off, with long tails.
    """

    def __init__(self, path: Path) -> None:
        make_private(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it; raises OSError."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file, which stays: removing it would part those who hold it from those who come."""
        os.close(self._descriptor)


class Reader:
    """A connection for reading, from any thread, one read at a time."""

    def __init__(self, connection: Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        self._lock = threading.Lock()

    def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Answer a query of one statement; raises CatalogError and what the query raises."""
        with self._lock:
            try:
                return query(self._connection, *args, **kwargs)
            except sqlite3.Error as error:
                raise catalog_error(error) from error

    def read_moment(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Answer a query of several statements, all of which see the same moment; raises as :meth:`read`."""
        return self.read(_at_one_moment, lambda connection: query(connection, *args, **kwargs))

    def close(self) -> None:
        """Close the connection when the read under way is over."""
        with self._lock:
            self._connection.close()


def _at_one_moment(connection: Connection, query: Callable[[Connection], T]) -> T:
    """Run a query within a read transaction."""
    connection.execute("BEGIN")
    try:
        return query(connection)
    finally:
        connection.execute("COMMIT")
