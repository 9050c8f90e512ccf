"""The tables of the SQLite catalog, as numbered migrations; ``PRAGMA user_version`` says how many have run.

A migration that has been released is never edited: the next one changes what it made. What each table holds is told
in docs/formats/catalog.md.
"""

import struct
from collections.abc import Callable
from sqlite3 import Connection
from typing import Final

from treehold.errors import CatalogError

NEVER: Final = -1
"""The last push of a repo that has had none: the oldest of all, and comparable, which NULL is not."""

_VERSION_1: Final = (
    """
    CREATE TABLE accounts(
        id TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE namespaces(
        key INTEGER PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts(id),
        name TEXT NOT NULL COLLATE NOCASE,
        jurisdiction TEXT NOT NULL DEFAULT 'unrestricted',
        repo_count INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        UNIQUE(account, name)
    ) STRICT
    """,
    # AUTOINCREMENT here and in packs: an id that was let go never comes back, so caches by id stay true.
    # The columns which a push reads come before the large blobs, whose pages are then left alone.
    """
    CREATE TABLE snapshots(
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        entries INTEGER NOT NULL,
        peeled BLOB,
        packs BLOB NOT NULL,
        refs BLOB NOT NULL
    ) STRICT
    """,
    # No foreign key on namespace: deleting a namespace would read the whole table for it.
    """
    CREATE TABLE repos(
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        namespace INTEGER NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        description TEXT,
        default_branch TEXT NOT NULL,
        read_only INTEGER NOT NULL,
        source TEXT,
        generation INTEGER NOT NULL,
        exact INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        object_count INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        last_push_at INTEGER NOT NULL,
        snapshot INTEGER REFERENCES snapshots(key),
        overlay INTEGER NOT NULL,
        deleted_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX repos_live_name ON repos(namespace, name) WHERE deleted_at IS NULL",
    "CREATE INDEX repos_deleted_name ON repos(namespace, name) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX repos_created ON repos(namespace, created_at) WHERE deleted_at IS NULL",
    "CREATE INDEX repos_updated ON repos(namespace, updated_at) WHERE deleted_at IS NULL",
    # With the id, because a million forks that were never pushed to are one tie.
    "CREATE INDEX repos_pushed ON repos(namespace, last_push_at, id) WHERE deleted_at IS NULL",
    "CREATE INDEX repos_snapshot ON repos(snapshot) WHERE snapshot IS NOT NULL",
    """
    CREATE TABLE refs(
        repo INTEGER NOT NULL REFERENCES repos(key),
        name BLOB NOT NULL,
        oid BLOB,
        peeled BLOB,
        PRIMARY KEY(repo, name)
    ) STRICT, WITHOUT ROWID
    """,
    # The bytes come last: a reader of the other columns never touches their pages.
    """
    CREATE TABLE packs(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        objects INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        key TEXT,
        idx BLOB,
        data BLOB,
        CHECK((key IS NULL) <> (data IS NULL))
    ) STRICT
    """,
    # No foreign key on pack: the sweep looks through all lists before it takes a pack away.
    """
    CREATE TABLE repo_packs(
        repo INTEGER NOT NULL REFERENCES repos(key),
        generation INTEGER NOT NULL,
        pack INTEGER NOT NULL,
        PRIMARY KEY(repo, generation)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE ref_log(
        repo INTEGER NOT NULL REFERENCES repos(key),
        generation INTEGER NOT NULL,
        position INTEGER NOT NULL,
        name BLOB NOT NULL,
        old BLOB,
        new BLOB,
        old_peeled BLOB,
        token TEXT,
        at INTEGER NOT NULL,
        PRIMARY KEY(repo, generation, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE tokens(
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL UNIQUE,
        repo INTEGER NOT NULL REFERENCES repos(key),
        scope TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT
    """,
    "CREATE INDEX tokens_repo ON tokens(repo, created_at)",
    """
    CREATE TABLE api_tokens(
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL UNIQUE,
        account TEXT NOT NULL REFERENCES accounts(id),
        permission TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT
    """,
    # The first five columns are the catalog's own, the others are those of RepoRow in its order.
    """
    CREATE VIEW live_repos AS
    SELECT repos.key AS key, repos.snapshot AS snapshot, repos.overlay AS overlay, repos.namespace AS namespace_key,
        repos.last_push_at AS pushed_at,
        repos.id AS id, namespaces.account AS account, namespaces.name AS namespace, repos.name AS name,
        repos.description AS description, repos.default_branch AS default_branch, repos.read_only AS read_only,
        repos.source AS source, repos.generation AS generation, repos.exact AS exact,
        repos.size_bytes AS size_bytes, repos.object_count AS object_count,
        repos.created_at AS created_at, repos.updated_at AS updated_at,
        NULLIF(repos.last_push_at, -1) AS last_push_at
    FROM repos JOIN namespaces ON namespaces.key = repos.namespace
    WHERE repos.deleted_at IS NULL
    """,
)

_HEAD = struct.Struct(">BII")
_PACK_BYTES_1: Final = 32


def _packs_1(blob: bytes) -> tuple[int, int] | None:
    """How many packs a packs blob of version 1 lists, and where they begin; None for a damaged one."""
    if len(blob) < _HEAD.size:
        return None
    version, count, text_bytes = _HEAD.unpack_from(blob)
    begin = _HEAD.size + text_bytes
    return (count, begin) if version == 1 and len(blob) == begin + count * _PACK_BYTES_1 else None


def _count_packs(blob: bytes | None) -> int:
    """The packs in a blob of version 1."""
    found = _packs_1(blob) if blob else None
    return found[0] if found else 0


def _widen_packs(blob: bytes) -> bytes:
    """The same list in version 2, each pack with the generation of its push as its first.

    A damaged blob stays as it is: its reader says so, and the other repos are served.
    """
    found = _packs_1(blob)
    if found is None:
        return blob
    starts = range(found[1], len(blob), _PACK_BYTES_1)
    packs = (blob[at : at + _PACK_BYTES_1] + blob[at + 8 : at + 16] for at in starts)
    return b"".join((b"\x02", blob[1 : found[1]], *packs))


def _rewrite_packs(connection: Connection) -> None:
    """Count each repo's packs, then give every snapshot's packs blob its second form."""
    connection.create_function("count_packs", 1, _count_packs, deterministic=True)
    connection.create_function("widen_packs", 1, _widen_packs, deterministic=True)
    connection.execute(
        """
        UPDATE repos SET pack_count = (SELECT count(*) FROM repo_packs WHERE repo = repos.key)
            + count_packs((SELECT packs FROM snapshots WHERE key = repos.snapshot))
        WHERE deleted_at IS NULL
        """
    )
    connection.execute("UPDATE snapshots SET packs = widen_packs(packs)")


_VERSION_2: Final = (
    "ALTER TABLE repos ADD COLUMN pack_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE repos ADD COLUMN packs_replaced_at INTEGER",
    "ALTER TABLE repos ADD COLUMN is_fork INTEGER NOT NULL DEFAULT 0",
    "UPDATE repos SET is_fork = 1 WHERE source LIKE 'artifacts:%'",  # what forks were given as their source
    _rewrite_packs,
    # Made anew rather than altered, for a column that has no default but its neighbour's value.
    """
    CREATE TABLE repo_packs_2(
        repo INTEGER NOT NULL REFERENCES repos(key),
        generation INTEGER NOT NULL,
        first_generation INTEGER NOT NULL,
        pack INTEGER NOT NULL,
        PRIMARY KEY(repo, generation)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO repo_packs_2 SELECT repo, generation, generation, pack FROM repo_packs ORDER BY repo, generation",
    "DROP TABLE repo_packs",
    "ALTER TABLE repo_packs_2 RENAME TO repo_packs",
    # Ordered by key, so that a push which adds a pack leaves it where it is; 8 is PACKS_IN_NEED_MIN.
    """
    CREATE INDEX repos_in_need ON repos(key, pack_count, exact)
    WHERE deleted_at IS NULL AND (pack_count >= 8 OR exact = 0)
    """,
    "CREATE INDEX repos_deleted ON repos(deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX tokens_expiry ON tokens(expires_at)",
    "CREATE INDEX tokens_revoked ON tokens(revoked_at) WHERE revoked_at IS NOT NULL",
    # No foreign key: a pack's row goes before the engine deletes its bytes, and this row goes with it.
    """
    CREATE TABLE doomed_packs(
        pack INTEGER PRIMARY KEY,
        doomed_at INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX doomed_packs_time ON doomed_packs(doomed_at)",
    """
    CREATE TABLE leases(
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # The repo's id and not its key: a job's row may outlive its repo's.
    """
    CREATE TABLE jobs(
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        repo TEXT,
        started_at INTEGER NOT NULL,
        finished_at INTEGER,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX jobs_started ON jobs(started_at, id)",
)

_VERSION_3: Final = (
    "ALTER TABLE repos ADD COLUMN anchor INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE repos ADD COLUMN origin INTEGER NOT NULL DEFAULT 0",
    # What a fork began with was not noted: all that it has now counts as shared, and as what its packs once held.
    "UPDATE repos SET anchor = generation",
    "UPDATE repos SET origin = generation, pack_count = 0 WHERE is_fork = 1",
    "DROP VIEW live_repos",
    # The first five columns are the catalog's own, the others are those of RepoRow in its order.
    """
    CREATE VIEW live_repos AS
    SELECT repos.key AS key, repos.snapshot AS snapshot, repos.overlay AS overlay, repos.namespace AS namespace_key,
        repos.last_push_at AS pushed_at,
        repos.id AS id, namespaces.account AS account, namespaces.name AS namespace, repos.name AS name,
        repos.description AS description, repos.default_branch AS default_branch, repos.read_only AS read_only,
        repos.source AS source, repos.generation AS generation, repos.exact AS exact, repos.anchor AS anchor,
        repos.origin AS origin, repos.size_bytes AS size_bytes, repos.object_count AS object_count,
        repos.created_at AS created_at, repos.updated_at AS updated_at,
        NULLIF(repos.last_push_at, -1) AS last_push_at
    FROM repos JOIN namespaces ON namespaces.key = repos.namespace
    WHERE repos.deleted_at IS NULL
    """,
    "DROP INDEX repos_in_need",
    # A fork that is not exact stays so, and there may be a million: only its own packs make it one in need.
    """
    CREATE INDEX repos_in_need ON repos(key, pack_count, exact, is_fork)
    WHERE deleted_at IS NULL AND (pack_count >= 8 OR (exact = 0 AND is_fork = 0))
    """,
    # For the look whether stored bytes are named by a row.
    "CREATE INDEX packs_key ON packs(key) WHERE key IS NOT NULL",
)

_VERSION_4: Final = (
    # Digests are random, so 10 bytes of each tell a billion of them apart, and the index is two thirds smaller.
    """
    CREATE TABLE tokens_4(
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL,
        repo INTEGER NOT NULL REFERENCES repos(key),
        may_write INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT
    """,
    """
    INSERT INTO tokens_4
    SELECT key, id, digest, repo, scope = 'write', created_at, expires_at, revoked_at FROM tokens ORDER BY key
    """,
    "DROP TABLE tokens",
    "ALTER TABLE tokens_4 RENAME TO tokens",
    "CREATE UNIQUE INDEX tokens_digest ON tokens(substr(digest, 1, 10))",
    "CREATE INDEX tokens_repo ON tokens(repo)",
    "CREATE INDEX tokens_expiry ON tokens(expires_at)",
    "CREATE INDEX tokens_revoked ON tokens(revoked_at) WHERE revoked_at IS NOT NULL",
    # Ties are broken by key, which every index has for nothing, in the place of a long id.
    "DROP INDEX repos_pushed",
    "CREATE INDEX repos_pushed ON repos(namespace, last_push_at) WHERE deleted_at IS NULL",
    # A fork of the same namespace has the rest of its source from there: "/parent".
    """
    UPDATE repos SET source = substr(repos.source, length('artifacts:' || namespaces.name) + 1) FROM namespaces
    WHERE namespaces.key = repos.namespace AND instr(repos.source, 'artifacts:' || namespaces.name || '/') = 1
    """,
    "DROP VIEW live_repos",
    # The first five columns are the catalog's own, the others are those of RepoRow in its order.
    """
    CREATE VIEW live_repos AS
    SELECT repos.key AS key, repos.snapshot AS snapshot, repos.overlay AS overlay, repos.namespace AS namespace_key,
        repos.last_push_at AS pushed_at,
        repos.id AS id, namespaces.account AS account, namespaces.name AS namespace, repos.name AS name,
        repos.description AS description, repos.default_branch AS default_branch, repos.read_only AS read_only,
        iif(substr(repos.source, 1, 1) = '/', 'artifacts:' || namespaces.name || repos.source, repos.source) AS source,
        repos.generation AS generation, repos.exact AS exact, repos.anchor AS anchor,
        repos.origin AS origin, repos.size_bytes AS size_bytes, repos.object_count AS object_count,
        repos.created_at AS created_at, repos.updated_at AS updated_at,
        NULLIF(repos.last_push_at, -1) AS last_push_at
    FROM repos JOIN namespaces ON namespaces.key = repos.namespace
    WHERE repos.deleted_at IS NULL
    """,
    # What it holds is told in sqlite_names.py. Repos lie in it up to the mark, dead or alive, until they are purged.
    """
    CREATE VIRTUAL TABLE repo_names USING
        fts5(name, content = '', columnsize = 0, detail = none, tokenize = 'trigram')
    """,
    "CREATE TABLE repo_names_mark(upto INTEGER NOT NULL) STRICT",
    "INSERT INTO repo_names(rowid, name) SELECT key, name FROM repos ORDER BY key",
    "INSERT INTO repo_names_mark SELECT coalesce(max(key), 0) FROM repos",
    # The mark falls with the highest key, for SQLite gives that key to the next repo.
    """
    CREATE TRIGGER repos_purged AFTER DELETE ON repos BEGIN
        INSERT INTO repo_names(repo_names, rowid, name)
            SELECT 'delete', old.key, old.name FROM repo_names_mark WHERE upto >= old.key;
        UPDATE repo_names_mark SET upto = (SELECT coalesce(max(key), 0) FROM repos)
            WHERE upto > (SELECT coalesce(max(key), 0) FROM repos);
    END
    """,
)

Migration = tuple[str | Callable[[Connection], None], ...]
"""Statements, and steps that a statement alone cannot do."""

MIGRATIONS: Final[tuple[Migration, ...]] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)


def migrate(connection: Connection) -> None:
    """Bring the tables to this version in one transaction. The caller holds the lock between processes.

    Raises CatalogError when a newer Treehold made them, and sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        present = connection.execute("PRAGMA user_version").fetchone()[0]
        if present > len(MIGRATIONS):
            raise CatalogError(
                f"the catalog has schema version {present}, newer than {len(MIGRATIONS)}, the newest this program knows"
            )
        for version, statements in enumerate(MIGRATIONS[present:], present + 1):
            for statement in statements:
                if callable(statement):
                    statement(connection)
                else:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
