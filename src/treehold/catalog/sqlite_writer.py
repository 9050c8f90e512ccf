"""The group-commit writer: one thread that makes everybody's changes true, many at a time.

A durable commit costs one wait for the disk, however much it holds. So whatever waits when the thread comes round goes
into one transaction, each operation inside a savepoint of its own: an operation that fails takes only itself back. The
callers are told after the commit, never before. Between processes the batches take turns by a file lock.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from sqlite3 import Connection
from typing import Any, TypeVar

from treehold.catalog.sqlite_connection import ProcessLock, SqliteLimits, catalog_error
from treehold.errors import CatalogError, Unavailable

T = TypeVar("T")
Operation = Callable[[Connection], T]


class _Job:
    """One operation, who waits for it, and what became of it."""

    __slots__ = ("error", "future", "loop", "operation", "result")

    def __init__(self, operation: Operation[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.operation = operation
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None


class GroupCommitWriter:
    """Runs operations on a connection of its own, in the order in which they came."""

    def __init__(self, connection: Connection, lock: ProcessLock, limits: SqliteLimits) -> None:
        self._connection = connection
        self._lock = lock
        self._limits = limits
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # None: stop
        self._gate = threading.Lock()  # between the last operation and the stop behind it
        self._stopping = False
        self._log_grown = False  # whether there is something in the log to be emptied
        # A daemon, so that a process which forgets to close can still end: what was told is durable.
        self._thread = threading.Thread(target=self._work, name="catalog-writer", daemon=True)
        self._thread.start()

    async def run(self, operation: Operation[T]) -> T:
        """Carry out the operation and answer its result once that is durable.

        Raises what the operation raises, CatalogError when the database failed and nothing of it is true, Unavailable
        when too many wait or the writer has been closed. A caller that is cancelled meanwhile leaves it open whether
        the operation is carried out.
        """
        job = _Job(operation, asyncio.get_running_loop())
        with self._gate:
            if self._stopping:
                raise Unavailable("the catalog is closed")
            if self._queue.qsize() >= self._limits.waiting_max:
                raise Unavailable(f"{self._limits.waiting_max} writes wait for the catalog already")
            self._queue.put(job)
        result: T = await job.future
        return result

    async def close(self) -> None:
        """Finish what waits, empty the log, and close the connection and the lock."""
        with self._gate:
            first = not self._stopping
            self._stopping = True
            if first:
                self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        """What the thread does until it is stopped."""
        while (batch := self._take()) is not None:
            if batch:
                self._commit(batch)
                _deliver(batch)
            else:
                self._empty_log()
        self._empty_log()
        self._connection.close()
        self._lock.close()

    def _take(self) -> list[_Job] | None:
        """Wait for operations and take all that are there. None: stop. Empty: it has been quiet since a change."""
        try:
            first = self._queue.get(timeout=self._limits.idle_seconds if self._log_grown else None)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch = [first]
        while len(batch) < self._limits.batch_max and not self._queue.empty():
            following = self._queue.get()  # this thread alone takes, so what was there still is
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
        return batch

    def _commit(self, batch: Sequence[_Job]) -> None:
        """Carry out a batch in one transaction; leave in each job what became of it."""
        try:
            with self._lock.held():
                self._end_leftover()
                self._connection.execute("BEGIN IMMEDIATE")
                for job in batch:
                    self._attempt(job)
                self._connection.execute("COMMIT")
            self._log_grown = True
        except (sqlite3.Error, OSError) as error:
            self._abandon(batch, error)

    def _attempt(self, job: _Job) -> None:
        """Carry out one operation so that its failure takes nothing else back.

        Raises sqlite3.Error when the whole transaction is lost, as SQLite decides on a full disk.
        """
        if job.future.cancelled():
            return
        self._connection.execute("SAVEPOINT operation")
        try:
            job.result = job.operation(self._connection)
        except Exception as error:  # whatever it is: it is the caller's, and the thread must live
            if isinstance(error, sqlite3.Error) and not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO operation")
            job.error = catalog_error(error) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("RELEASE operation")

    def _abandon(self, batch: Sequence[_Job], error: Exception) -> None:
        """Fail a whole batch: even a refusal in it may rest on a change which is not true now."""
        for job in batch:
            job.error = CatalogError(f"the catalog could not commit: {error}")
            job.error.__cause__ = error
        try:
            self._end_leftover()
        except sqlite3.Error:
            pass  # tried again before the next batch, which is failed if it does not work then

    def _end_leftover(self) -> None:
        """Roll back what a failed commit left open."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _empty_log(self) -> None:
        """Move the write-ahead log into the database and cut it to nothing, unless somebody is at it just now."""
        if not self._log_grown:
            return
        try:
            with self._lock.held(), self._impatient():
                busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._log_grown = bool(busy)
        except (sqlite3.Error, OSError):
            self._log_grown = False  # only a tidying: the next commit meets what is wrong and tells somebody

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        """Wait for no reader: emptying the log can be done another time."""
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {int(self._limits.busy_seconds * 1000)}")


def _deliver(batch: Sequence[_Job]) -> None:
    """Hand what became of the jobs to the event loops that wait for them, one call for each loop."""
    for loop in {job.loop for job in batch}:
        try:
            loop.call_soon_threadsafe(_resolve, [job for job in batch if job.loop is loop])
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _resolve(jobs: Sequence[_Job]) -> None:
    """Settle the futures of one event loop, in its thread."""
    for job in jobs:
        if job.future.done():
            continue  # cancelled
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
