"""Migration 6: repos without all of their history, what an account keeps, and first answers to what is asked again."""

from typing import Final

VERSION_6: Final = (
    # Never changed once written, so forks share it.
    "CREATE TABLE boundaries(key INTEGER PRIMARY KEY, oids BLOB NOT NULL) STRICT",
    "ALTER TABLE repos ADD COLUMN boundary INTEGER",  # NULL: nothing is missing
    "CREATE INDEX repos_boundary ON repos(boundary) WHERE boundary IS NOT NULL",
    "DROP VIEW live_repos",
    # The first six columns are the catalog's own, the others are those of RepoRow in its order.
    """
    CREATE VIEW live_repos AS
    SELECT repos.key AS key, repos.snapshot AS snapshot, repos.overlay AS overlay, repos.namespace AS namespace_key,
        repos.last_push_at AS pushed_at, repos.boundary AS boundary,
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
    # What was kept before this migration belongs to nobody: it is never counted, nor ever taken off.
    "ALTER TABLE accounts ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE packs ADD COLUMN account TEXT",
    # By the API token that asked, whose secret opens the answer. A status of NULL: the first one is under way.
    """
    CREATE TABLE first_answers(
        token TEXT NOT NULL,
        digest BLOB NOT NULL,
        request BLOB NOT NULL,
        status INTEGER,
        answer BLOB,
        created_at INTEGER NOT NULL,
        PRIMARY KEY(token, digest)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX first_answers_created ON first_answers(created_at)",
)
