"""Tests of treehold.catalog.sqlite_schema."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    at,
    digest_of,
    new_pack,
    oid_of,
    push,
    replace_packs,
)
from treehold.catalog import sqlite_schema
from treehold.catalog.accounts import NamespaceQuery
from treehold.catalog.base import PackRow, Ref
from treehold.catalog.snapshot_codec import encode_refs
from treehold.catalog.sqlite import SqliteCatalog
from treehold.catalog.sqlite_names import find_candidates
from treehold.catalog.sqlite_schema import MIGRATIONS, migrate
from treehold.errors import CatalogError, CorruptStore
from treehold.ids import PackId, RepoId


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
    assert {"snapshots", "tokens", "api_tokens", "doomed_packs", "leases", "jobs"} <= _tables(connection)


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


PACKS_1 = (
    bytes.fromhex("01 00000002 00000008")
    + b"\nab/cd-1"
    + bytes.fromhex("0000000000000001 0000000000000003 000000000000000c 0000000000000190")
    + bytes.fromhex("0000000000000002 0000000000000004 0000000000002328 0000000200000000")
)
"""The example of the first version of docs/formats/catalog.md, with the ids of packs that are there."""


def _fill_version_1(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file as the first version did: a parent and its fork on one snapshot, pushes over it, and others."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old, monkeypatch.context() as patch:
        patch.setattr(sqlite_schema, "MIGRATIONS", MIGRATIONS[:1])
        old.execute("PRAGMA foreign_keys = ON")
        migrate(old)
        assert _version(old) == 1
        old.execute("INSERT INTO accounts VALUES (?, 0)", (ACCOUNT,))
        old.execute("INSERT INTO namespaces VALUES (1, ?, ?, 'unrestricted', 4, 0, 0)", (ACCOUNT, NAMESPACE))
        for pack in range(1, 13):
            row = (9000, 2**33, "ab/cd-1", None, None) if pack == 2 else (12, 400, None, b"index", b"PACK%d" % pack)
            old.execute("INSERT INTO packs VALUES (?, ?, ?, ?, ?, ?)", (pack, *row))
        refs = encode_refs({MAIN: oid_of("a")})
        for key, packs in ((1, PACKS_1), (2, b"\x01")):
            old.execute("INSERT INTO snapshots VALUES (?, 3, NULL, ?, ?)", (key, packs, refs))
        repos = (
            (1, "parent", 12, 1, 8, None),
            (2, "fork", 4, 1, 0, None),
            (3, "empty", 0, None, 0, None),
            (4, "damaged", 4, 2, 0, None),
            (5, "deleted", 4, None, 0, at(3)),
        )
        for key, name, generation, snapshot, overlay, deleted_at in repos:
            values = (key, name, name, generation, 1, at(1), at(2), snapshot, overlay, deleted_at)
            old.execute(
                "INSERT INTO repos VALUES (?, ?, 1, ?, NULL, 'main', 0, NULL, ?, ?, 400, 12, ?, ?, -1, ?, ?, ?)", values
            )
        old.execute("UPDATE repos SET source = 'artifacts:agents/parent' WHERE name = 'fork'")
        old.executemany("INSERT INTO repo_packs VALUES (1, ?, ?)", ((pack + 2, pack) for pack in range(3, 11)))
        old.execute("INSERT INTO tokens VALUES (1, 't', ?, 1, 'write', 0, 9, NULL)", (digest_of("t"),))


async def test_a_file_of_version_1_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All repos of an old file read as before, with the first generation of each pack, and go on from there."""
    path = tmp_path / "catalog.db"
    _fill_version_1(path, monkeypatch)
    catalog = SqliteCatalog.open(path)
    in_snapshot = (PackRow(PackId(1), 3, 12, 400, None, 3), PackRow(PackId(2), 4, 9000, 2**33, "ab/cd-1", 4))
    over_it = tuple(PackRow(PackId(pack), pack + 2, 12, 400, None, pack + 2) for pack in range(3, 11))
    parent, fork = await catalog.repo_state(RepoId("parent")), await catalog.repo_state(RepoId("fork"))
    assert (fork.repo.source, parent.repo.source) == ("artifacts:agents/parent", None)
    tokens, _ = await catalog.list_tokens(parent.repo.id, state="all", now=at(0), limit=9, offset=0)
    assert [(token.id, token.scope, token.expires_at) for token in tokens] == [("t", "write", 9)]
    assert parent.packs == (*in_snapshot, *over_it)
    assert (fork.packs, fork.refs) == (in_snapshot, {MAIN: Ref(oid_of("a"))})
    assert (await catalog.repo_state(RepoId("empty"))).packs == ()
    assert (await catalog.find_token(digest_of("t")))[1] == parent.repo
    needs = await catalog.repos_in_need(packs_min=8, limit=9)
    assert [(need.repo, need.packs, need.replaced_at) for need in needs] == [("parent", 10, None)]
    assert (fork.repo.origin, fork.repo.anchor, fork.repo.status) == (4, 4, "ready")
    namespaces = await catalog.list_namespaces(NamespaceQuery(ACCOUNT, 9))
    assert ([row.name for row in namespaces.rows], namespaces.total) == ([NAMESPACE], 1)
    for generation in range(4, 12):
        await push(catalog, fork.repo, generation, pack=new_pack(f"new-{generation}"), preserves=False)
    needs = await catalog.repos_in_need(packs_min=8, limit=9)
    assert [(need.packs, need.is_fork) for need in needs] == [(10, False), (8, True)]
    await replace_packs(catalog, parent.repo, parent.packs[1:4], new_pack("roll"), now=60)
    spans = [(pack.first_generation, pack.generation) for pack in (await catalog.repo_state(RepoId("parent"))).packs]
    assert spans[:3] == [(3, 3), (4, 6), (7, 7)]
    await catalog.close()


async def test_a_damaged_list_stops_no_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its repo is CorruptStore as before, and so is the sweep, which must not take its packs for unreferenced."""
    path = tmp_path / "catalog.db"
    _fill_version_1(path, monkeypatch)
    catalog = SqliteCatalog.open(path)
    with pytest.raises(CorruptStore):
        await catalog.repo_state(RepoId("damaged"))
    with pytest.raises(CorruptStore):
        await catalog.doom_unreferenced(at(5))
    await catalog.delete_repo(ACCOUNT, NAMESPACE, "damaged", at(6))
    assert await catalog.doom_unreferenced(at(7)) == 2
    assert [pack.id for pack in await catalog.doomed_packs(at(8), 9)] == [11, 12]
    await catalog.close()


async def test_the_names_of_an_old_file_are_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repos that were there before the index of names are found by it."""
    path = tmp_path / "catalog.db"
    _fill_version_1(path, monkeypatch)
    await SqliteCatalog.open(path).close()
    with closing(sqlite3.connect(path)) as made:
        assert find_candidates(made, "parent", 9) == [1]
        assert find_candidates(made, "deleted", 9) == [5]


def test_an_old_file_ends_as_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating from version 1 leaves the same tables and indexes as starting today, and no dangling reference."""
    _fill_version_1(tmp_path / "old.db", monkeypatch)
    schemas = []
    for name in ("old.db", "new.db"):
        with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as made:
            made.execute("PRAGMA foreign_keys = ON")
            migrate(made)
            schemas.append(made.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall())
            assert made.execute("PRAGMA foreign_key_check").fetchall() == []
            assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert _version(made) == len(MIGRATIONS)
    assert schemas[0] == schemas[1]
