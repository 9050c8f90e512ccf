"""Migration 4: smaller rows and indexes, and the index of names."""

from typing import Final

VERSION_4: Final = (
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
