"""Tests of treehold.catalog.sqlite_writer."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from treehold.catalog.sqlite_connection import DEFAULT_LIMITS, ProcessLock, SqliteLimits, connect
from treehold.catalog.sqlite_writer import GroupCommitWriter, Operation
from treehold.errors import AlreadyExists, CatalogError, Conflict, Unavailable


def _writer(folder: Path, limits: SqliteLimits = DEFAULT_LIMITS) -> GroupCommitWriter:
    """A writer over a file with one table of numbers and one that refers to it."""
    connection = connect(folder / "a.db", limits)
    connection.execute("CREATE TABLE IF NOT EXISTS numbers(n INTEGER PRIMARY KEY, data BLOB)")
    connection.execute("CREATE TABLE IF NOT EXISTS children(n INTEGER REFERENCES numbers(n))")
    return GroupCommitWriter(connection, ProcessLock(folder / "lock"), limits)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[GroupCommitWriter]:
    """A writer."""
    made = _writer(tmp_path)
    yield made
    await made.close()


class _Add:
    """An operation that adds a number and answers it."""

    def __init__(self, number: int, size_bytes: int = 0) -> None:
        self.number = number
        self.size_bytes = size_bytes

    def __call__(self, connection: Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?, ?)", (self.number, bytes(self.size_bytes)))
        return self.number


def _numbers(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


@contextmanager
def _held_back(folder: Path) -> Iterator[None]:
    """Keep the writer from beginning, so that what is sent meanwhile becomes one batch."""
    lock = ProcessLock(folder / "lock")
    with lock.held():
        yield
    lock.close()


async def _together(folder: Path, writer: GroupCommitWriter, *operations: Operation[Any]) -> list[Any]:
    """Run operations as one batch, behind a first one that holds the thread up."""
    with _held_back(folder):
        first = asyncio.ensure_future(writer.run(lambda _: None))
        await asyncio.sleep(0.05)  # the thread has taken the first and waits for the lock
        tasks = [asyncio.ensure_future(writer.run(operation)) for operation in operations]
        await asyncio.sleep(0)
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_operation_is_committed_before_it_is_answered(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """The result comes back and another connection sees the change."""
    assert await writer.run(_Add(1)) == 1
    assert _numbers(tmp_path) == [1]


async def test_what_waits_is_one_transaction(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """Operations that wait together share one commit, in the order in which they came."""
    statements: list[str] = []
    writer._connection.set_trace_callback(statements.append)
    assert await _together(tmp_path, writer, *(_Add(n) for n in range(50))) == list(range(50))
    assert statements.count("COMMIT") == 2  # the first one's and the batch's


async def test_a_batch_is_bounded(tmp_path: Path) -> None:
    """More operations than batch_max are committed in several transactions."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, batch_max=10))
    statements: list[str] = []
    writer._connection.set_trace_callback(statements.append)
    assert await _together(tmp_path, writer, *(_Add(n) for n in range(35))) == list(range(35))
    assert statements.count("COMMIT") == 1 + 4
    await writer.close()


async def test_a_failure_takes_only_itself_back(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """An operation's own error goes to its caller, its changes are undone, and its neighbours' stay."""

    def half(connection: Connection) -> None:
        _Add(7)(connection)
        raise Conflict("raced")

    def surprise(connection: Connection) -> None:
        _Add(8)(connection)
        raise ZeroDivisionError

    outcomes = await _together(tmp_path, writer, _Add(1), half, _Add(1), _Add(2), surprise, _Add(3))
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [int, Conflict, AlreadyExists, int, ZeroDivisionError, int]
    assert _numbers(tmp_path) == [1, 2, 3]


async def test_an_error_of_sql_is_a_catalog_error(writer: GroupCommitWriter) -> None:
    """The driver's errors do not leave this room."""
    with pytest.raises(CatalogError):
        await writer.run(lambda connection: connection.execute("nonsense"))


async def test_a_failed_commit_fails_all_of_it(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """When the commit itself fails, every caller of the batch gets CatalogError, and the next batch works."""

    def orphan(connection: Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")  # so that it is found out at the commit
        connection.execute("INSERT INTO children VALUES (99)")

    def refused(_: Connection) -> None:
        raise Conflict("rests on what is not true")

    outcomes = await _together(tmp_path, writer, _Add(1), orphan, refused, _Add(2))
    assert [type(outcome) for outcome in outcomes] == [CatalogError] * 4
    assert len({id(outcome) for outcome in outcomes}) == 4
    assert _numbers(tmp_path) == []
    assert await writer.run(_Add(5)) == 5


async def test_a_full_disk_leaves_the_catalog_usable(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """Writes that find no room are CatalogError and leave nothing; when there is room they work again."""
    await writer.run(_Add(1))
    pages = await writer.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await writer.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    with pytest.raises(CatalogError, match="full"):
        await writer.run(_Add(2, size_bytes=1 << 20))
    outcomes = await _together(tmp_path, writer, _Add(3), _Add(4, size_bytes=1 << 20), _Add(5))
    assert CatalogError in {type(outcome) for outcome in outcomes}
    kept = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert _numbers(tmp_path) == [1, *kept]
    assert await writer.run(_Add(6)) == 6
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await writer.run(_Add(7, size_bytes=1 << 20)) == 7


async def test_a_lost_transaction_fails_the_batch(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """When SQLite gives the whole transaction up in the midst of an operation, all of the batch is CatalogError."""

    def lose(connection: Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does of itself on some errors of the disk
        raise sqlite3.OperationalError("disk I/O error")

    outcomes = await _together(tmp_path, writer, _Add(1), lose, _Add(2))
    assert [type(outcome) for outcome in outcomes] == [CatalogError] * 3
    assert _numbers(tmp_path) == []
    assert await writer.run(_Add(3)) == 3


async def test_a_rollback_that_fails_is_tried_again(
    tmp_path: Path, writer: GroupCommitWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that could not be ended is ended before the next one begins."""
    real = writer._end_leftover
    calls: list[str] = []

    def broken() -> None:
        calls.append("rollback")
        if len(calls) == 2:  # the first is before the batch, the second after its failure
            raise sqlite3.OperationalError("disk I/O error")
        real()

    def orphan(connection: Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("INSERT INTO children VALUES (99)")

    monkeypatch.setattr(writer, "_end_leftover", broken)
    with pytest.raises(CatalogError):
        await writer.run(orphan)
    assert await writer.run(_Add(1)) == 1
    assert _numbers(tmp_path) == [1]


async def test_a_cancelled_caller_is_left_out(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """An operation whose caller has gone before it began is not carried out, and the others are."""
    with _held_back(tmp_path):
        first = asyncio.create_task(writer.run(_Add(1)))
        await asyncio.sleep(0.05)
        gone, stays = (asyncio.create_task(writer.run(_Add(n))) for n in (2, 3))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
    assert (await first, await stays) == (1, 3)
    assert gone.cancelled()
    assert _numbers(tmp_path) == [1, 3]


async def test_a_caller_cancelled_during_the_commit_breaks_nothing(tmp_path: Path, writer: GroupCommitWriter) -> None:
    """When the caller goes while its operation runs, the change may be there and the writer goes on."""
    running, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> int:
        running.set()
        go_on.wait(5)
        return _Add(1)(connection)

    task = asyncio.create_task(writer.run(slow))
    await asyncio.to_thread(running.wait, 5)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await writer.run(_Add(2)) == 2
    assert _numbers(tmp_path) == [1, 2]


async def test_too_many_waiting_are_refused(tmp_path: Path) -> None:
    """Beyond waiting_max an operation is Unavailable at once, and those that wait are carried out."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, waiting_max=3))
    outcomes = await _together(tmp_path, writer, *(_Add(n) for n in range(5)))
    assert [type(outcome) for outcome in outcomes] == [int, int, int, Unavailable, Unavailable]
    await writer.close()


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    """Operations sent before the close are carried out, one sent after it is Unavailable."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, batch_max=4))
    with _held_back(tmp_path):
        tasks = [asyncio.create_task(writer.run(_Add(n))) for n in range(10)]
        await asyncio.sleep(0.01)
        closing_task = asyncio.create_task(writer.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await writer.run(_Add(99))
    assert await asyncio.gather(*tasks) == list(range(10))
    await closing_task
    await writer.close()
    assert _numbers(tmp_path) == list(range(10))


async def test_the_log_is_emptied_when_it_is_quiet(tmp_path: Path) -> None:
    """Some time after the last write the write-ahead log has no bytes, and the waiting for locks is as before."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, idle_seconds=0.05))
    log = tmp_path / "a.db-wal"
    await writer.run(_Add(1, size_bytes=1 << 20))
    grown = log.stat().st_size
    assert grown > 1 << 20
    for _ in range(100):
        await asyncio.sleep(0.05)
        if log.stat().st_size == 0:
            break
    assert log.stat().st_size == 0
    assert await writer.run(lambda connection: connection.execute("PRAGMA busy_timeout").fetchone()[0]) == 5000
    await writer.close()


async def test_a_reader_puts_the_emptying_off(tmp_path: Path) -> None:
    """While somebody reads an older moment the log stays and nobody waits; later it is emptied."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, idle_seconds=0.05))
    log = tmp_path / "a.db-wal"
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM numbers").fetchall()
        await writer.run(_Add(1, size_bytes=1 << 20))
        await asyncio.sleep(0.2)
        assert log.stat().st_size > 0
        assert await asyncio.wait_for(writer.run(_Add(2)), 2) == 2
        reader.execute("COMMIT")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if log.stat().st_size == 0:
                break
        assert log.stat().st_size == 0
    await writer.close()


async def test_emptying_that_fails_is_let_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while the log is emptied harms no writer."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, idle_seconds=0.02))
    tried = threading.Event()

    def broken() -> AbstractContextManager[None]:
        tried.set()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(writer, "_impatient", broken)
    await writer.run(_Add(1))
    assert await asyncio.to_thread(tried.wait, 5)
    assert await writer.run(_Add(2)) == 2
    await writer.close()


async def test_a_foreign_lock_is_waited_for_and_then_an_error(tmp_path: Path) -> None:
    """A program that holds SQLite's own lock too long makes CatalogError, and no longer when it has gone."""
    writer = _writer(tmp_path, replace(DEFAULT_LIMITS, busy_seconds=0.05))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(CatalogError, match="locked"):
            await writer.run(_Add(1))
        assert time.monotonic() - began >= 0.04
        foreign.execute("COMMIT")
    assert await writer.run(_Add(1)) == 1
    await writer.close()


def test_a_closed_event_loop_does_not_stop_the_writer(tmp_path: Path) -> None:
    """When a loop has been closed under its callers, callers in another loop are still served."""
    writer = _writer(tmp_path)
    running, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> int:
        running.set()
        go_on.wait(5)
        return _Add(1)(connection)

    async def leave() -> None:
        task = asyncio.create_task(writer.run(slow))
        await asyncio.to_thread(running.wait, 5)
        task.cancel()

    asyncio.run(leave())
    go_on.set()

    async def come() -> int:
        number = await writer.run(_Add(2))
        await writer.close()
        return number

    assert asyncio.run(come()) == 2
    assert _numbers(tmp_path) == [1, 2]
