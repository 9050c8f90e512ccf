"""Tests of treehold.catalog.sqlite_history."""

import sqlite3
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import MAIN, at, drop_ref, new_pack, new_repo, new_token, set_ref, stored_pack
from treehold.catalog.base import NewPack, PushCommit, RefChange, RepoRow
from treehold.catalog.sqlite_history import commit_push, find_history, find_inline_pack, find_row, list_ref_log
from treehold.catalog.sqlite_repos import create_repo
from treehold.errors import Conflict, CorruptStore, NotFound
from treehold.ids import RepoId


@pytest.fixture
def repo(connection: Connection) -> RepoRow:
    """An empty repo."""
    return create_repo(connection, new_repo("repo"), new_token())


def _push(repo: RepoId, generation: int, *changes: RefChange, pack: NewPack | None = None) -> PushCommit:
    return PushCommit(repo, generation, changes, pack, True, None, at(1))


def test_a_push_writes_one_row_for_each_change_and_pack(connection: Connection, repo: RepoRow) -> None:
    """Rows of a push: refs, log entries and one pack, and the overlay counts refs and pack."""
    assert commit_push(connection, _push(repo.id, 0, set_ref(MAIN, "a"), pack=new_pack())) == 1
    tables = ("refs", "ref_log", "packs", "repo_packs")
    assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [1, 1, 1, 1]
    assert connection.execute("SELECT overlay FROM repos").fetchone() == (2,)
    row, history = find_history(connection, repo.id)
    assert row == find_row(connection, repo.id)
    assert (list(history.decode().refs), len(history.decode().packs)) == ([MAIN], 1)


def test_a_deleted_ref_leaves_a_row_without_oid(connection: Connection, repo: RepoRow) -> None:
    """The overlay must say that the snapshot's ref is gone."""
    commit_push(connection, _push(repo.id, 0, set_ref(MAIN, "a")))
    commit_push(connection, _push(repo.id, 1, drop_ref(MAIN, "a")))
    assert connection.execute("SELECT name, oid, peeled FROM refs").fetchall() == [(MAIN, None, None)]


def test_a_stale_push_or_one_to_nowhere_is_refused(connection: Connection, repo: RepoRow) -> None:
    """Conflict for another generation, NotFound for another repo."""
    with pytest.raises(Conflict):
        commit_push(connection, _push(repo.id, 1))
    with pytest.raises(NotFound):
        commit_push(connection, _push(RepoId("nobody"), 0))
    with pytest.raises(NotFound):
        find_row(connection, RepoId("nobody"))


def test_the_index_of_a_stored_pack_is_not_kept_in_its_row(connection: Connection, repo: RepoRow) -> None:
    """A stored pack's row has a key and no bytes, an inline one bytes, index and no key."""
    commit_push(connection, _push(repo.id, 0, pack=stored_pack("k")))
    commit_push(connection, _push(repo.id, 1, pack=new_pack("1")))
    rows = connection.execute("SELECT key, idx, data FROM packs ORDER BY id").fetchall()
    assert rows == [("k", None, None), (None, b"index of 1", b"PACK1")]
    assert find_inline_pack(connection, find_history(connection, repo.id)[1].decode().packs[1].id)[0] == b"PACK1"
    with pytest.raises(CorruptStore):
        find_inline_pack(connection, find_history(connection, repo.id)[1].decode().packs[0].id)


def test_a_pack_lies_in_one_place(connection: Connection, repo: RepoRow) -> None:
    """A pack with both bytes and a key, or neither, is refused."""
    for pack in (NewPack(1, 1, b"", data=b"x", key="k"), NewPack(1, 1, b"")):
        with pytest.raises(sqlite3.IntegrityError):
            commit_push(connection, _push(repo.id, 0, pack=pack))


def test_the_log_is_read_from_its_end(connection: Connection, repo: RepoRow) -> None:
    """Newest first, never more than asked for, and a negative number is none."""
    for generation in range(3):
        commit_push(connection, _push(repo.id, generation, set_ref(b"refs/heads/%d" % generation, "a")))
    assert [entry.generation for entry in list_ref_log(connection, repo.id, 2, 0)] == [3, 2]
    assert [entry.generation for entry in list_ref_log(connection, repo.id, 9, 1)] == [3, 2]
    assert list_ref_log(connection, repo.id, -1, 0) == []
