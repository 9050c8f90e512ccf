"""Migration 1: the first tables."""

from typing import Final

VERSION_1: Final = (
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
