"""Migration 5: repos under way, namespaces of their own, accounts, and the lives of API tokens."""

from typing import Final

VERSION_5: Final = (
    "ALTER TABLE repos ADD COLUMN status INTEGER NOT NULL DEFAULT 0",  # 0 ready, 1 importing
    "CREATE INDEX repos_importing ON repos(key) WHERE status = 1 AND deleted_at IS NULL",
    "DROP VIEW live_repos",
    # With AUTOINCREMENT: the deleted repos of a deleted namespace must not turn up in another one.
    """
    CREATE TABLE namespaces_5(
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL REFERENCES accounts(id),
        name TEXT NOT NULL COLLATE NOCASE,
        jurisdiction TEXT NOT NULL,
        repo_count INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        UNIQUE(account, name)
    ) STRICT
    """,
    """
    INSERT INTO namespaces_5
    SELECT key, account, name, jurisdiction, repo_count, created_at, updated_at FROM namespaces ORDER BY key
    """,
    "DROP TABLE namespaces",
    "ALTER TABLE namespaces_5 RENAME TO namespaces",
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
        NULLIF(repos.last_push_at, -1) AS last_push_at, iif(repos.status = 1, 'importing', 'ready') AS status
    FROM repos JOIN namespaces ON namespaces.key = repos.namespace
    WHERE repos.deleted_at IS NULL
    """,
    # Counting a million namespaces for each page of them would take 40 ms.
    "ALTER TABLE accounts ADD COLUMN namespace_count INTEGER NOT NULL DEFAULT 0",
    "UPDATE accounts SET namespace_count = (SELECT count(*) FROM namespaces WHERE account = accounts.id)",
    "ALTER TABLE api_tokens ADD COLUMN label TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE api_tokens ADD COLUMN expires_at INTEGER",
    "ALTER TABLE api_tokens ADD COLUMN last_used_at INTEGER",
    "ALTER TABLE api_tokens ADD COLUMN rotated_at INTEGER",
)
