"""Tests of treehold.catalog.sqlite_repos."""

import sqlite3
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, MAIN, NAMESPACE, at, new_repo, new_token, set_ref
from treehold.catalog.base import PushCommit
from treehold.catalog.sqlite_history import commit_push
from treehold.catalog.sqlite_repos import create_repo, delete_repo, find_repo, fork_repo, repo_record, repo_row_of
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, RefName


def _namespaces(connection: Connection) -> list[tuple[object, ...]]:
    sql = "SELECT account, name, jurisdiction, repo_count, created_at, updated_at FROM namespaces ORDER BY key"
    return connection.execute(sql).fetchall()


def test_a_namespace_is_made_with_its_first_repo_and_counts_them(connection: Connection) -> None:
    """Account and namespace come to be on demand; the count follows creations, forks and deletions."""
    first = create_repo(connection, new_repo("one", now=1), new_token())
    assert _namespaces(connection) == [(ACCOUNT, NAMESPACE, "unrestricted", 1, at(1), at(1))]
    create_repo(connection, new_repo("two", now=2), new_token())
    fork_repo(connection, first.id, new_repo("three", now=3), new_token(), None)
    assert _namespaces(connection) == [(ACCOUNT, NAMESPACE, "unrestricted", 3, at(1), at(3))]
    delete_repo(connection, ACCOUNT, NAMESPACE, "one", at(4))
    delete_repo(connection, ACCOUNT, NAMESPACE, "one", at(5))
    assert _namespaces(connection) == [(ACCOUNT, NAMESPACE, "unrestricted", 2, at(1), at(4))]
    create_repo(connection, new_repo("one", account=AccountId("b"), now=6), new_token())
    assert connection.execute("SELECT id, created_at FROM accounts ORDER BY id").fetchall() == [
        (ACCOUNT, at(1)),
        ("b", at(6)),
    ]


def test_a_row_has_booleans_and_no_marker_of_never(connection: Connection) -> None:
    """What SQLite keeps as numbers comes back as the types of RepoRow."""
    row = create_repo(connection, new_repo("one", read_only=True), new_token())
    assert (row.read_only, row.exact, row.last_push_at) == (True, True, None)
    assert type(row.read_only) is bool
    assert type(row.exact) is bool
    assert repo_row_of(repo_record(connection, row.id)) == row == find_repo(connection, ACCOUNT, NAMESPACE, "ONE")


def test_a_live_name_is_taken_and_a_dead_one_free(connection: Connection) -> None:
    """AlreadyExists while the repo lives, no longer when it is deleted."""
    create_repo(connection, new_repo("one"), new_token())
    with pytest.raises(AlreadyExists, match="repo already exists: One"):
        create_repo(connection, new_repo("One"), new_token())
    delete_repo(connection, ACCOUNT, NAMESPACE, "one", at(1))
    create_repo(connection, new_repo("One"), new_token())


def test_the_index_of_names_stands_behind_the_check(connection: Connection) -> None:
    """Two live rows of one name cannot be written at all."""
    create_repo(connection, new_repo("one"), new_token())
    create_repo(connection, new_repo("two"), new_token())
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE repos SET name = 'ONE' WHERE name = 'two'")


def test_a_partial_fork_is_exact_when_it_lacks_nothing(connection: Connection) -> None:
    """A fork with some of the refs has a snapshot of its own and is not exact; one with all of them is."""
    parent = create_repo(connection, new_repo("parent"), new_token())
    changes = set_ref(MAIN, "a"), set_ref(b"refs/heads/b", "b")
    commit_push(connection, PushCommit(parent.id, 0, changes, None, True, None, at(1)))
    for name, only, exact in (("some", {MAIN}, False), ("all", {MAIN, RefName(b"refs/heads/b")}, True)):
        assert fork_repo(connection, parent.id, new_repo(name), new_token(), only).exact is exact
    assert connection.execute("SELECT entries FROM snapshots ORDER BY key").fetchall() == [(1,), (2,)]


def test_a_deleted_repo_leaves_its_row_alone(connection: Connection) -> None:
    """Tokens go with the repo; the row stays for those who delete again."""
    row = create_repo(connection, new_repo("one"), new_token())
    assert delete_repo(connection, ACCOUNT, NAMESPACE, "one", at(3)) == row.id
    assert connection.execute("SELECT count(*) FROM tokens").fetchone() == (0,)
    assert connection.execute("SELECT id, deleted_at, snapshot FROM repos").fetchall() == [(row.id, at(3), None)]
    assert delete_repo(connection, ACCOUNT, NAMESPACE, "one", at(4)) == row.id
    with pytest.raises(NotFound):
        delete_repo(connection, ACCOUNT, NAMESPACE, "two", at(5))
    with pytest.raises(NotFound):
        find_repo(connection, ACCOUNT, NAMESPACE, "one")


def test_a_source_in_the_own_namespace_is_kept_short(connection: Connection) -> None:
    """What the namespace's row tells is not told again in the row of each fork, and every source comes back whole."""
    sources = {"a": "artifacts:agents/parent", "b": "artifacts:agents2/parent", "c": "git:https://x/y.git", "d": None}
    for name, source in sources.items():
        assert create_repo(connection, new_repo(name, source=source), new_token()).source == source
    kept = [source for (source,) in connection.execute("SELECT source FROM repos ORDER BY name")]
    assert kept == ["/parent", "artifacts:agents2/parent", "git:https://x/y.git", None]
