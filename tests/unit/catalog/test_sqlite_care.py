"""Tests of treehold.catalog.sqlite_care."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token, set_ref
from treehold.catalog import sqlite_care
from treehold.catalog.base import PushCommit
from treehold.catalog.care import PACKS_IN_NEED_MIN, JobRow, PurgedCounts
from treehold.catalog.sqlite_care import (
    acquire_lease,
    find_named_keys,
    find_repos_in_need,
    list_jobs,
    purge_some,
    record_job,
    release_lease,
)
from treehold.catalog.sqlite_history import commit_push
from treehold.catalog.sqlite_repos import create_repo, delete_repo
from treehold.catalog.sqlite_state import number


def _plan(connection: Connection, sql: str) -> str:
    return " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 2)))


def test_repos_in_need_are_found_without_the_others(connection: Connection) -> None:
    """The index holds just those with PACKS_IN_NEED_MIN packs or not exact, and the statement walks it."""
    for count in (PACKS_IN_NEED_MIN - 1, PACKS_IN_NEED_MIN, 20):
        create_repo(connection, new_repo(f"repo-{count}"), new_token())
        connection.execute("UPDATE repos SET pack_count = ? WHERE name = ?", (count, f"repo-{count}"))
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'repos_in_need'").fetchone()
    assert f"pack_count >= {PACKS_IN_NEED_MIN} OR" in sql
    assert [need.packs for need in find_repos_in_need(connection, 0, 9, 0)] == [PACKS_IN_NEED_MIN, 20]
    assert [need.place for need in find_repos_in_need(connection, 9, 9, 0)] == [3]
    assert find_repos_in_need(connection, 9, -1, 0) == []


@pytest.mark.parametrize(
    ("statement", "index"),
    [("_EXPIRED_TOKENS", "tokens_expiry"), ("_REVOKED_TOKENS", "tokens_revoked"), ("_JOBS", "jobs_started")],
)
def test_what_has_ended_is_found_by_an_index(connection: Connection, statement: str, index: str) -> None:
    """A purge reads only what it deletes."""
    assert index in _plan(connection, getattr(sqlite_care, statement))


def test_deleted_repos_are_found_by_an_index(connection: Connection) -> None:
    """So are repos that were deleted long ago."""
    assert "repos_deleted" in _plan(connection, "SELECT key FROM repos WHERE deleted_at < ? LIMIT ?")


def test_a_lease_is_one_row(connection: Connection) -> None:
    """Taking, renewing and taking over write the same row; giving back removes it."""
    assert acquire_lease(connection, "sweep", "a", at(0), at(5))
    assert acquire_lease(connection, "sweep", "a", at(1), at(6))
    assert not acquire_lease(connection, "sweep", "b", at(5), at(9))
    assert acquire_lease(connection, "sweep", "b", at(6), at(9))
    assert connection.execute("SELECT * FROM leases").fetchall() == [("sweep", "b", at(9))]
    release_lease(connection, "sweep", "a")
    assert number(connection, "SELECT count(*) FROM leases", ()) == 1
    release_lease(connection, "sweep", "b")
    assert number(connection, "SELECT count(*) FROM leases", ()) == 0


def test_a_job_reads_as_it_was_recorded(connection: Connection) -> None:
    """All columns come back, and a negative number of jobs is none."""
    job = JobRow("j", "repack", None, at(1), at(2), "skipped", "too busy")
    record_job(connection, job)
    assert list_jobs(connection, 5) == [job]
    assert list_jobs(connection, -1) == []


def test_a_purge_deletes_a_little_at_a_time(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction deletes a few rows of each kind, a long ref log in several goes and its repo last."""
    monkeypatch.setattr(sqlite_care, "ROWS_A_PURGE", 3)
    repo = create_repo(connection, new_repo("long"), new_token())
    changes = tuple(set_ref(b"refs/heads/%d" % name, "a") for name in range(6))
    commit_push(connection, PushCommit(repo.id, 0, changes, None, True, None, at(1)))
    create_repo(connection, new_repo("short"), new_token())
    for name in ("long", "short"):
        delete_repo(connection, ACCOUNT, NAMESPACE, name, at(2))
    create_repo(connection, new_repo("live"), new_token(expires=1))
    steps = []
    while (some := purge_some(connection, at(5))) != PurgedCounts():
        steps.append(some)
    assert steps == [PurgedCounts(tokens=1, log_entries=3), PurgedCounts(log_entries=3), PurgedCounts(repos=2)]
    assert number(connection, "SELECT count(*) FROM repos", ()) == 1


def test_keys_are_looked_up_in_the_index(connection: Connection) -> None:
    """No row of a pack is read to see whether it names a key."""
    sql = "SELECT key FROM packs INDEXED BY packs_key WHERE key IN (?, ?)"
    assert "SEARCH packs USING COVERING INDEX packs_key" in _plan(connection, sql)
    assert list(find_named_keys(connection, ["a", "b"])) == []
