"""Tests of treehold.catalog.sqlite_schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection

import pytest

from treehold.catalog import sqlite_schema
from treehold.catalog.sqlite_schema import MIGRATIONS, migrate
from treehold.errors import CatalogError


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def _version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_an_empty_database_gets_all_tables(connection: Connection) -> None:
    """Migrating makes the tables and notes the version."""
    migrate(connection)
    assert _version(connection) == len(MIGRATIONS)
    assert {"accounts", "namespaces", "repos", "refs", "packs", "repo_packs", "ref_log"} <= _tables(connection)
    assert {"snapshots", "tokens", "api_tokens"} <= _tables(connection)


def test_migrating_again_changes_nothing(connection: Connection) -> None:
    """A database of this version is left as it is."""
    migrate(connection)
    before = connection.execute("SELECT * FROM sqlite_schema").fetchall()
    migrate(connection)
    assert connection.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_only_the_missing_migrations_run(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of an older version gets what came since."""
    migrate(connection)
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE later(a)",)))
    migrate(connection)
    assert _version(connection) == len(MIGRATIONS) + 1
    assert "later" in _tables(connection)


def test_a_newer_database_is_refused(connection: Connection) -> None:
    """A schema of a later program is CatalogError, says so, and is left alone."""
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(CatalogError, match="version 99, newer than"):
        migrate(connection)
    assert not connection.in_transaction
    assert _tables(connection) == set()


def test_a_migration_that_fails_leaves_nothing(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """All migrations are one transaction."""
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE later(a)", "nonsense")))
    with pytest.raises(sqlite3.Error):
        migrate(connection)
    assert (_version(connection), _tables(connection)) == (0, set())
