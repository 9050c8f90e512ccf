"""Tests of treehold.catalog.sqlite_sweep."""

from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, MAIN, NAMESPACE, at, new_pack, new_repo, new_token, set_ref
from treehold.catalog import sqlite_sweep
from treehold.catalog.base import PushCommit, RepoRow
from treehold.catalog.snapshot_cache import EMPTY
from treehold.catalog.sqlite import SqliteCatalog
from treehold.catalog.sqlite_history import commit_push
from treehold.catalog.sqlite_repos import create_repo, delete_repo, fork_repo
from treehold.catalog.sqlite_state import fold, number, save_snapshot
from treehold.catalog.sqlite_sweep import (
    Marks,
    doom,
    find_unmarked,
    forget,
    list_doomed,
    mark_rows,
    mark_snapshots,
    newest_pack,
    oldest_pack,
    release_snapshots,
)
from treehold.errors import CorruptStore
from treehold.ids import PackId


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[SqliteCatalog]:
    """A fresh catalog."""
    made = SqliteCatalog.open(tmp_path / "catalog.db")
    yield made
    await made.close()


def _repo(connection: Connection, name: str, packs: int) -> RepoRow:
    repo = create_repo(connection, new_repo(name), new_token())
    for generation in range(packs):
        push = PushCommit(repo.id, generation, (set_ref(MAIN, "a"),), new_pack(str(generation)), True, None, at(1))
        commit_push(connection, push)
    return repo


def _delete(connection: Connection, name: str) -> None:
    delete_repo(connection, ACCOUNT, NAMESPACE, name, at(2))


def _fold(connection: Connection, repo: RepoRow) -> None:
    fold(
        connection, *connection.execute("SELECT key, snapshot, overlay FROM repos WHERE id = ?", (repo.id,)).fetchone()
    )


def _unmarked(connection: Connection, marks: Marks) -> list[int]:
    """All packs that are there and not marked."""
    gaps, found = marks.gaps(), []
    while (some := find_unmarked(connection, marks, gaps)) is not None:
        found += some
    return found


def test_marks_tell_which_ids_are_named() -> None:
    """An id is marked when it was named; those outside the stretch are passed over."""
    marks = Marks(100, 120)
    marks.mark([100, 107, 108, 120, 99, 121, 1, 10**12])
    assert [number for number in range(100, 121) if number in marks] == [100, 107, 108, 120]


def test_gaps_cover_all_that_is_not_marked() -> None:
    """Every unmarked id lies in a gap, gaps are short and inside the stretch, and a full stretch has none."""
    marks = Marks(7, 2_000_000)
    for begin in (7, 1_000_007):
        marks.mark(range(begin, begin + 600_000))
    left = [number for number in range(7, 2_000_001) if not (7 <= number < 600_007 or 1_000_007 <= number < 1_600_007)]
    gaps = list(marks.gaps())
    assert [number for first, last in gaps for number in range(first, last + 1) if number not in marks] == left
    assert all(0 <= last - first < 4096 for first, last in gaps)
    assert gaps[-1][1] == 2_000_000
    full = Marks(1, 16)
    full.mark(range(1, 17))
    assert list(full.gaps()) == []


def test_the_ends_of_the_ids_are_known(connection: Connection) -> None:
    """The highest and the lowest id of a pack, and what they are when there is none."""
    assert (newest_pack(connection), oldest_pack(connection, 0)) == (0, None)
    _repo(connection, "repo", 3)
    assert newest_pack(connection) == 3
    assert [oldest_pack(connection, least) for least in (0, 2, 3, 4)] == [1, 2, 3, None]


def test_rows_are_marked_in_steps(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes so many rows and says where it stopped; the last one says that nothing is left."""
    monkeypatch.setattr(sqlite_sweep, "ROWS_A_STEP", 2)
    for name in ("one", "two"):
        _repo(connection, name, 2)
    marks = Marks(1, 8)
    after = mark_rows(connection, marks, (0, 0))
    assert (after, [1 in marks, 2 in marks, 3 in marks]) == ((1, 2), [True, True, False])
    assert after is not None
    after = mark_rows(connection, marks, after)
    assert after == (2, 2)
    assert mark_rows(connection, marks, after) is None
    assert all(pack in marks for pack in (1, 2, 3, 4))


@pytest.mark.parametrize("limit", ["ROWS_A_STEP", "BLOB_BYTES_A_STEP"])
def test_snapshots_are_marked_in_steps(connection: Connection, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """A step takes so many snapshots, or so many bytes of them, and says where it stopped."""
    monkeypatch.setattr(sqlite_sweep, limit, 1)
    for name in ("one", "two"):
        _fold(connection, _repo(connection, name, 2))
    marks = Marks(1, 8)
    assert mark_snapshots(connection, marks, 0) == (1, [])
    assert [pack in marks for pack in (1, 2, 3, 4)] == [True, True, False, False]
    assert mark_snapshots(connection, marks, 1) == (2, [])
    assert mark_snapshots(connection, marks, 2) == (None, [])
    assert [pack in marks for pack in (1, 2, 3, 4)] == [True] * 4
    assert not connection.in_transaction


def test_a_name_that_moves_ahead_of_the_steps_is_met(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows folded before their step, and snapshots folded again and forked before theirs, are found further on."""
    monkeypatch.setattr(sqlite_sweep, "ROWS_A_STEP", 1)
    early, late = _repo(connection, "early", 1), _repo(connection, "late", 2)
    _fold(connection, early)
    marks = Marks(1, newest_pack(connection))
    assert mark_rows(connection, marks, (0, 0)) == (2, 1)
    _fold(connection, late)  # its second row is gone before the step comes there
    assert mark_rows(connection, marks, (2, 1)) is None
    after, _ = mark_snapshots(connection, marks, 0)
    commit_push(connection, PushCommit(late.id, 2, (set_ref(MAIN, "b"),), new_pack("3"), True, None, at(1)))
    fork_repo(connection, late.id, new_repo("fork"), new_token(), None)
    _delete(connection, "late")
    while after is not None:
        after, _ = mark_snapshots(connection, marks, after)
    assert [pack in marks for pack in (1, 2, 3)] == [True] * 3
    assert _unmarked(connection, marks) == []


def test_what_nobody_names_is_found(connection: Connection) -> None:
    """Packs that are there and not marked, no others, in order."""
    _repo(connection, "gone", 3)
    _repo(connection, "kept", 3)
    _delete(connection, "gone")
    connection.execute("DELETE FROM packs WHERE id = 2")
    marks = Marks(1, 6)
    assert mark_rows(connection, marks, (0, 0)) is None
    assert _unmarked(connection, marks) == [1, 3]


def test_a_snapshot_without_a_repo_names_nothing(connection: Connection) -> None:
    """What a mistake left over is told, does not keep its packs, and is taken away unless it is used after all."""
    repo = _repo(connection, "repo", 2)
    _fold(connection, repo)
    connection.execute("UPDATE repos SET snapshot = NULL")
    used = save_snapshot(connection, EMPTY)
    connection.execute("UPDATE repos SET snapshot = ?", (used,))
    marks = Marks(1, 2)
    assert mark_snapshots(connection, marks, 0) == (None, [1])
    assert _unmarked(connection, marks) == [1, 2]
    release_snapshots(connection, [1, used])
    assert number(connection, "SELECT key FROM snapshots", ()) == used


def test_only_packs_that_are_there_are_doomed_once(connection: Connection) -> None:
    """An id without a pack is passed over, and a first time stays."""
    _repo(connection, "repo", 2)
    assert doom(connection, [1, 99], at(5)) == 1
    assert doom(connection, [1, 2], at(6)) == 1
    assert connection.execute("SELECT pack, doomed_at FROM doomed_packs").fetchall() == [(1, at(5)), (2, at(6))]
    assert [pack.id for pack in list_doomed(connection, at(6), 9)] == [1]
    assert list_doomed(connection, at(9), -1) == []


def test_forgetting_takes_the_pack_and_its_note(connection: Connection) -> None:
    """Only a doomed pack goes, with its row in both tables."""
    _repo(connection, "repo", 2)
    doom(connection, [1], at(5))
    forget(connection, [PackId(1), PackId(2)])
    assert number(connection, "SELECT id FROM packs", ()) == 2
    assert number(connection, "SELECT count(*) FROM doomed_packs", ()) == 0


async def test_a_span_too_long_for_the_marks_is_done_in_parts(
    catalog: SqliteCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few ids are marked at a time, the same packs are doomed; parts without packs are leapt over."""
    monkeypatch.setattr(sqlite_sweep, "MARKED_IDS_MAX", 8)
    monkeypatch.setattr(sqlite_sweep, "PACKS_A_WRITE", 2)

    def fill(connection: Connection) -> None:
        for name in ("gone", "kept", "gone too", "kept too"):
            _repo(connection, name, 5)
            connection.execute("UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'packs'")
        for name in ("gone", "gone too"):
            _delete(connection, name)

    await catalog._writer.run(fill)
    assert await catalog.doom_unreferenced(at(5)) == 10
    assert [pack.id for pack in await catalog.doomed_packs(at(6), 99)] == [*range(1, 6), *range(2011, 2016)]


async def test_unused_snapshots_are_taken_away(catalog: SqliteCatalog) -> None:
    """A sweep removes what a mistake left over, and its packs are doomed."""

    def leave(connection: Connection) -> None:
        _fold(connection, _repo(connection, "repo", 2))
        connection.execute("UPDATE repos SET snapshot = NULL")

    await catalog._writer.run(leave)
    assert await catalog.doom_unreferenced(at(5)) == 2
    assert await catalog._writer.run(lambda connection: number(connection, "SELECT count(*) FROM snapshots", ())) == 0


async def test_a_list_that_cannot_be_read_stops_the_sweep(catalog: SqliteCatalog) -> None:
    """A damaged snapshot is CorruptStore with its key, and no pack is doomed on its account."""

    def damage(connection: Connection) -> None:
        _fold(connection, _repo(connection, "repo", 2))
        connection.execute("UPDATE snapshots SET packs = x'02'")

    await catalog._writer.run(damage)
    with pytest.raises(CorruptStore, match="snapshot 1 "):
        await catalog.doom_unreferenced(at(5))
    assert await catalog.doomed_packs(at(6), 9) == []
