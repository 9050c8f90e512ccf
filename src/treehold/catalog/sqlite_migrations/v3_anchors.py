"""Migration 3: anchors and origins, so that a fork tells its own packs from those that it began with."""

from typing import Final

VERSION_3: Final = (
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
