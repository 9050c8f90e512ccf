"""Tests of treehold.catalog.sqlite_connection."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import Connection

import pytest

from treehold.catalog import sqlite_connection
from treehold.catalog.sqlite_connection import (
    DEFAULT_LIMITS,
    ProcessLock,
    Reader,
    catalog_error,
    connect,
    make_private,
)
from treehold.errors import AlreadyExists, CatalogError


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A connection to a fresh file with one table."""
    made = connect(tmp_path / "a.db", DEFAULT_LIMITS)
    made.execute("CREATE TABLE numbers(n INTEGER NOT NULL UNIQUE)")
    yield made
    made.close()


@pytest.fixture
def reader(connection: Connection, tmp_path: Path) -> Iterator[Reader]:
    """A reader of the same file."""
    made = Reader(connect(tmp_path / "a.db", DEFAULT_LIMITS))
    yield made
    made.close()


def _numbers(connection: Connection, least: int = 0) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM numbers WHERE n >= ? ORDER BY n", (least,)).fetchall()]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_made_for_their_owner_only(tmp_path: Path) -> None:
    """A new folder has mode 0700 and a new file 0600."""
    path = tmp_path / "deep" / "catalog" / "catalog.db"
    make_private(path)
    assert (_mode(path), _mode(path.parent)) == (0o600, 0o700)


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    """Neither contents nor mode of an existing file change."""
    path = tmp_path / "a"
    path.write_bytes(b"kept")
    path.chmod(0o640)
    make_private(path)
    assert (path.read_bytes(), _mode(path)) == (b"kept", 0o640)


def test_the_log_has_the_mode_of_the_database(tmp_path: Path) -> None:
    """SQLite's own files are private too."""
    path = tmp_path / "a.db"
    make_private(path)
    connection = connect(path, DEFAULT_LIMITS)
    connection.execute("CREATE TABLE t(a)")
    assert {_mode(file) for file in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3
    connection.close()


def test_a_connection_is_durable_and_checks_references(connection: Connection) -> None:
    """It logs ahead, waits for the disk, checks foreign keys and maps the file."""
    values = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "busy_timeout")
    }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "mmap_size": DEFAULT_LIMITS.mmap_bytes,
        "busy_timeout": 5000,
    }


def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library without STRICT tables is CatalogError."""
    monkeypatch.setattr(sqlite_connection, "SQLITE_VERSION_MIN", (99, 0, 0))
    with pytest.raises(CatalogError, match="too old"):
        connect(tmp_path / "a.db", DEFAULT_LIMITS)


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    """Connecting to it fails at once."""
    (tmp_path / "a.db").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(sqlite3.DatabaseError):
        connect(tmp_path / "a.db", DEFAULT_LIMITS)


def test_errors_of_the_driver_are_translated(connection: Connection) -> None:
    """A taken key is AlreadyExists, all else CatalogError."""
    connection.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError) as taken:
        connection.execute("INSERT INTO numbers VALUES (1)")
    assert isinstance(catalog_error(taken.value), AlreadyExists)
    with pytest.raises(sqlite3.IntegrityError) as missing:
        connection.execute("INSERT INTO numbers VALUES (NULL)")
    assert isinstance(catalog_error(missing.value), CatalogError)
    assert isinstance(catalog_error(OSError("x")), CatalogError)


def test_a_reader_answers_queries(connection: Connection, reader: Reader) -> None:
    """It sees what was committed when it reads, with positional and named arguments."""
    connection.execute("INSERT INTO numbers VALUES (1), (2)")
    assert reader.read(_numbers, 2) == [2]
    assert reader.read_moment(_numbers, least=1) == [1, 2]
    connection.execute("INSERT INTO numbers VALUES (3)")
    assert reader.read(_numbers) == [1, 2, 3]


def test_a_moment_does_not_move(connection: Connection, reader: Reader) -> None:
    """Statements of one moment do not see what is committed between them."""

    def twice(at: Connection) -> tuple[list[int], list[int]]:
        before = _numbers(at)
        connection.execute("INSERT INTO numbers VALUES (1)")
        return before, _numbers(at)

    assert reader.read_moment(twice) == ([], [])
    assert reader.read(_numbers) == [1]


def test_a_reader_cannot_write(reader: Reader) -> None:
    """Writing by a reader is CatalogError."""
    with pytest.raises(CatalogError):
        reader.read(lambda at: at.execute("INSERT INTO numbers VALUES (1)"))


def test_a_failed_read_ends_its_moment(reader: Reader) -> None:
    """After an error, ours or the driver's, the reader goes on."""
    with pytest.raises(CatalogError):
        reader.read_moment(lambda at: at.execute("SELECT nonsense").fetchall())
    with pytest.raises(ZeroDivisionError):
        reader.read_moment(lambda at: at.total_changes // 0)
    assert reader.read_moment(_numbers) == []


def test_a_reader_may_be_used_from_many_threads(connection: Connection, reader: Reader) -> None:
    """Reads from several threads at once all answer."""
    connection.executemany("INSERT INTO numbers VALUES (?)", ((n,) for n in range(100)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reader.read_moment(_numbers), range(200)))
    assert answers == [list(range(100))] * 200


def test_a_closed_reader_is_an_error_of_ours(reader: Reader) -> None:
    """Reading after close is CatalogError."""
    reader.close()
    with pytest.raises(CatalogError):
        reader.read(_numbers)


def test_the_lock_keeps_others_out(tmp_path: Path) -> None:
    """While one holder has the lock another waits, and gets it when it is free."""
    one, two = ProcessLock(tmp_path / "lock"), ProcessLock(tmp_path / "lock")
    order: list[str] = []

    def enter() -> None:
        with two.held():
            order.append("two")

    with one.held():
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(0.05)
        order.append("one")
    thread.join()
    assert order == ["one", "two"]
    one.close()
    two.close()
