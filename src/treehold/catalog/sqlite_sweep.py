"""The sweep: finding the packs that no repo names any more.

A repo's list of packs grows by packs that are new in the same transaction, and otherwise only ever comes from another
list: folding moves rows into a snapshot, a fork takes its parent's snapshot, a roll-up leaves some out. So a pack
that no list names at one moment can never be named again, and finding it is enough to be sure of it for ever. (What
still reads it began earlier: hence the time that is noted, and the grace.)

The catalog is not read at one moment, for that would keep the write-ahead log from being emptied all the while, but in
short steps that miss no name. Names move in one direction only: from a row over a snapshot to a snapshot, and from a
snapshot to a newer one, whose key is higher than all before (keys never come back). So the steps go through all rows
first and then through the snapshots by rising key: a name that leaves its place before a step comes there is met
later. Packs newer than the first step are not looked at.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from sqlite3 import Connection
from typing import Concatenate, Final, ParamSpec, TypeVar

from treehold.catalog.care import DoomedPack
from treehold.catalog.snapshot_codec import decode_pack_ids
from treehold.catalog.sqlite_connection import Reader
from treehold.catalog.sqlite_state import number, one, release_snapshot
from treehold.catalog.sqlite_writer import GroupCommitWriter
from treehold.errors import CorruptStore
from treehold.ids import Milliseconds, PackId

P = ParamSpec("P")
T = TypeVar("T")

MARKED_IDS_MAX: Final = 1 << 28
"""Ids marked at a time, in 32 MiB; where the ids of packs span more, all is looked through again for the next ones."""
ROWS_A_STEP: Final = 500
BLOB_BYTES_A_STEP: Final = 1 << 20
"""How much a step reads at most: some 2 ms, and then others may use the connection."""
PACKS_A_WRITE: Final = 1_000

_SEARCHED_BYTES: Final = 1 << 16  # a search holds up every other thread, so a long one is cut up
_STRETCHES_A_STEP: Final = 64
_GAP: Final = re.compile(rb"[^\xff]{1,512}")  # up to 4,096 ids, not all of which are marked


class Marks:
    """Which ids of a stretch are named: one bit each."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self.last = last
        self._bits = bytearray(((last - first) >> 3) + 1)

    def mark(self, packs: Iterable[int]) -> None:
        """Note that these are named; those outside the stretch are passed over."""
        bits, first, last = self._bits, self._first, self.last
        for pack in packs:
            if first <= pack <= last:
                at = pack - first
                bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, pack: int) -> bool:
        """Whether that id of the stretch is named."""
        at = pack - self._first
        return bool(self._bits[at >> 3] & (1 << (at & 7)))

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Short stretches, from an id to another, outside of which every id is named."""
        for begin in range(0, len(self._bits), _SEARCHED_BYTES):
            for found in _GAP.finditer(self._bits, begin, begin + _SEARCHED_BYTES):
                yield self._first + 8 * found.start(), min(self.last, self._first + 8 * found.end() - 1)


class Sweep:
    """Finds unreferenced packs by reading in one connection's threads and notes them through the writer."""

    def __init__(self, reader: Reader, writer: GroupCommitWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def doom_unreferenced(self, now: Milliseconds) -> int:
        """Note the time against every pack that no list names, and answer how many there are; raises CorruptStore."""
        doomed = 0
        newest = await self._read(newest_pack)
        first = await self._read(oldest_pack, 0)
        while first is not None and first <= newest:
            marks = Marks(first, min(newest, first + MARKED_IDS_MAX - 1))
            await self._mark_rows(marks)
            await self._mark_snapshots(marks)
            doomed += await self._doom_unmarked(marks, now)
            first = await self._read(oldest_pack, marks.last + 1)
        return doomed

    async def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One step of reading, in a thread."""
        return await asyncio.to_thread(lambda: self._reader.read(query, *args, **kwargs))

    async def _mark_rows(self, marks: Marks) -> None:
        after: tuple[int, int] | None = (0, 0)
        while after is not None:
            after = await self._read(mark_rows, marks, after)

    async def _mark_snapshots(self, marks: Marks) -> None:
        after: int | None = 0
        while after is not None:
            after, unused = await self._read(mark_snapshots, marks, after)
            if unused:
                await self._writer.run(partial(release_snapshots, snapshots=unused))

    async def _doom_unmarked(self, marks: Marks, now: Milliseconds) -> int:
        doomed = 0
        gaps = marks.gaps()
        while (found := await self._read(find_unmarked, marks, gaps)) is not None:
            for begin in range(0, len(found), PACKS_A_WRITE):
                packs = found[begin : begin + PACKS_A_WRITE]
                doomed += await self._writer.run(partial(doom, packs=packs, now=now))
        return doomed


def newest_pack(connection: Connection) -> int:
    """The highest id of a pack, 0 if there is none."""
    return number(connection, "SELECT coalesce(max(id), 0) FROM packs", ())


def oldest_pack(connection: Connection, least: int) -> int | None:
    """The lowest id of a pack from ``least`` on."""
    row = one(connection, "SELECT id FROM packs WHERE id >= ? ORDER BY id LIMIT 1", (least,))
    return None if row is None else int(row[0])


def mark_rows(connection: Connection, marks: Marks, after: tuple[int, int]) -> tuple[int, int] | None:
    """Mark what the next rows over snapshots name, and answer the last of them; None when there are no more."""
    rows = connection.execute(
        """
        SELECT repo, generation, pack FROM repo_packs WHERE (repo, generation) > (?, ?)
        ORDER BY repo, generation LIMIT ?
        """,
        (*after, ROWS_A_STEP),
    ).fetchall()
    marks.mark(row[2] for row in rows)
    return rows[-1][:2] if len(rows) == ROWS_A_STEP else None


def mark_snapshots(connection: Connection, marks: Marks, after: int) -> tuple[int | None, list[int]]:
    """Mark what the next snapshots name; answer the last one's key, None when there are no more, and the unused ones.

    A snapshot goes with its last repo, so an unused one is left over from a mistake. Raises CorruptStore: the packs of
    a list that cannot be read must not seem to be unreferenced.
    """
    unused = []
    rows = size = 0
    with closing(
        connection.execute(
            """
            SELECT key, packs, EXISTS (SELECT 1 FROM repos WHERE snapshot = snapshots.key) FROM snapshots
            WHERE key > ? ORDER BY key
            """,
            (after,),
        )
    ) as cursor:
        for key, packs, is_used in cursor:
            if is_used:
                _mark_blob(marks, key, packs)
            else:
                unused.append(key)
            rows, size = rows + 1, size + len(packs)
            if rows == ROWS_A_STEP or size >= BLOB_BYTES_A_STEP:
                return key, unused
    return None, unused


def _mark_blob(marks: Marks, snapshot: int, packs: bytes) -> None:
    try:
        marks.mark(decode_pack_ids(packs))
    except CorruptStore as error:
        raise CorruptStore(f"nothing can be swept, snapshot {snapshot} does not tell its packs: {error}") from error


def release_snapshots(connection: Connection, snapshots: Sequence[int]) -> None:
    """Take away snapshots that no repo starts from."""
    for snapshot in snapshots:
        release_snapshot(connection, snapshot)


def find_unmarked(connection: Connection, marks: Marks, gaps: Iterator[tuple[int, int]]) -> list[int] | None:
    """Packs that are there and not named, in the next few gaps; None when there are no more gaps."""
    found: list[int] = []
    for gap in (stretches := list(islice(gaps, _STRETCHES_A_STEP))):
        rows = connection.execute("SELECT id FROM packs WHERE id BETWEEN ? AND ?", gap).fetchall()
        found.extend(pack for (pack,) in rows if pack not in marks)
    return found if stretches else None


def doom(connection: Connection, packs: Sequence[int], now: Milliseconds) -> int:
    """Note the time against packs that are there and have none yet, and answer how many those were."""
    found = 0
    for pack in packs:
        row = one(
            connection,
            "INSERT OR IGNORE INTO doomed_packs(pack, doomed_at) SELECT id, ? FROM packs WHERE id = ? RETURNING pack",
            (now, pack),
        )
        if row is not None:
            found += 1
            _take_off(connection, pack)
    return found


def _take_off(connection: Connection, pack: int) -> None:
    """Count a pack no longer for the account that it was kept for."""
    connection.execute(
        """
        UPDATE accounts SET stored_bytes = stored_bytes - packs.size_bytes FROM packs
        WHERE packs.id = ? AND accounts.id = packs.account
        """,
        (pack,),
    )


def list_doomed(connection: Connection, before: Milliseconds, limit: int) -> Sequence[DoomedPack]:
    """Packs that were doomed earlier than that, longest ago first."""
    rows = connection.execute(
        """
        SELECT doomed_packs.pack, packs.key FROM doomed_packs JOIN packs ON packs.id = doomed_packs.pack
        WHERE doomed_packs.doomed_at < ? ORDER BY doomed_packs.doomed_at, doomed_packs.pack LIMIT ?
        """,
        (before, max(0, limit)),
    ).fetchall()
    return [DoomedPack(PackId(pack), key) for pack, key in rows]


def forget(connection: Connection, packs: Sequence[PackId]) -> None:
    """Delete the rows of those packs that are doomed."""
    rows = [(pack,) for pack in packs]
    connection.executemany(
        "DELETE FROM packs WHERE id = ? AND EXISTS (SELECT 1 FROM doomed_packs WHERE pack = packs.id)", rows
    )
    connection.executemany("DELETE FROM doomed_packs WHERE pack = ?", rows)
