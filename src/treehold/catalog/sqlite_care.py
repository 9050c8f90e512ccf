"""Repos in need, leases, jobs and what has ended: the statements, in a transaction that the caller holds."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

from treehold.catalog.care import JOB_DETAIL_CHARACTERS_MAX, JobRow, PurgedCounts, RepoNeed
from treehold.catalog.sqlite_state import one
from treehold.ids import Milliseconds

ROWS_A_PURGE: Final = 500
"""Rows of a kind that one transaction deletes: some 5 ms, for which pushes wait."""

KEYS_LOOKED_UP_AT_ONCE: Final = 500

_EXPIRED_TOKENS: Final = "DELETE FROM tokens WHERE key IN (SELECT key FROM tokens WHERE expires_at < ? LIMIT ?)"
_REVOKED_TOKENS: Final = "DELETE FROM tokens WHERE key IN (SELECT key FROM tokens WHERE revoked_at < ? LIMIT ?)"
_LEASES: Final = "DELETE FROM leases WHERE name IN (SELECT name FROM leases WHERE expires_at < ? LIMIT ?)"
_JOBS: Final = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE started_at < ? LIMIT ?)"


def find_repos_in_need(connection: Connection, packs_min: int, limit: int, after: int) -> Sequence[RepoNeed]:
    """A stretch of the live repos that have so many packs of their own, or are neither exact nor forks.

    The index names no others; its condition, with the 8 of PACKS_IN_NEED_MIN, must be repeated word for word. Whether
    a repo has enough packs is seen in the index as well, without a look at the repo.
    """
    rows = connection.execute(
        """
        SELECT id, pack_count, exact, is_fork, size_bytes, packs_replaced_at, key FROM repos INDEXED BY repos_in_need
        WHERE key > ? AND deleted_at IS NULL AND (pack_count >= 8 OR (exact = 0 AND is_fork = 0))
            AND (pack_count >= ? OR (exact = 0 AND is_fork = 0))
        ORDER BY key LIMIT ?
        """,
        (after, packs_min, max(0, limit)),
    ).fetchall()
    return [RepoNeed(repo, packs, exact != 0, is_fork != 0, *others) for repo, packs, exact, is_fork, *others in rows]


def find_named_keys(connection: Connection, keys: Sequence[str]) -> Sequence[str]:
    """Those keys that the row of a pack names; the index holds none but those of stored packs."""
    marks = ",".join("?" * len(keys))
    rows = connection.execute(f"SELECT key FROM packs INDEXED BY packs_key WHERE key IN ({marks})", keys).fetchall()  # noqa: S608 - marks only
    return [key for (key,) in rows]


def acquire_lease(connection: Connection, name: str, holder: str, now: Milliseconds, until: Milliseconds) -> bool:
    """Whether the holder has the lease now."""
    row = one(
        connection,
        """
        INSERT INTO leases(name, holder, expires_at) VALUES (:name, :holder, :until)
        ON CONFLICT(name) DO UPDATE SET holder = :holder, expires_at = :until
            WHERE holder = :holder OR expires_at <= :now
        RETURNING 1
        """,
        {"name": name, "holder": holder, "now": now, "until": until},
    )
    return row is not None


def release_lease(connection: Connection, name: str, holder: str) -> None:
    """Give a lease back."""
    connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))


def record_job(connection: Connection, job: JobRow) -> None:
    """Keep a job, in the place of what was kept under its id."""
    connection.execute(
        """
        INSERT OR REPLACE INTO jobs(id, kind, repo, started_at, finished_at, outcome, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
        (
            *(job.id, job.kind, job.repo, job.started_at, job.finished_at, job.outcome),
            job.detail[:JOB_DETAIL_CHARACTERS_MAX],
        ),
    )


def list_jobs(connection: Connection, limit: int) -> Sequence[JobRow]:
    """The jobs begun last, newest first."""
    rows = connection.execute(
        """
        SELECT id, kind, repo, started_at, finished_at, outcome, detail FROM jobs
        ORDER BY started_at DESC, id DESC LIMIT ?
        """,
        (max(0, limit),),
    ).fetchall()
    return [JobRow(*row) for row in rows]


def purge_some(connection: Connection, before: Milliseconds) -> PurgedCounts:
    """Delete some of what ended earlier than that; nothing when there is no more."""
    repos, log_entries = _purge_repos(connection, before)
    return PurgedCounts(
        tokens=_delete(connection, _EXPIRED_TOKENS, before) + _delete(connection, _REVOKED_TOKENS, before),
        repos=repos,
        log_entries=log_entries,
        leases=_delete(connection, _LEASES, before),
        jobs=_delete(connection, _JOBS, before),
    )


def _delete(connection: Connection, sql: str, before: Milliseconds) -> int:
    """Delete some rows and answer how many."""
    return connection.execute(sql, (before, ROWS_A_PURGE)).rowcount


def _purge_repos(connection: Connection, before: Milliseconds) -> tuple[int, int]:
    """Delete some deleted repos with their ref logs, a long log in several goes; answer how many of each."""
    rows = connection.execute("SELECT key FROM repos WHERE deleted_at < ? LIMIT ?", (before, ROWS_A_PURGE)).fetchall()
    repos = log_entries = 0
    for (repo,) in rows:
        room = ROWS_A_PURGE - repos - log_entries
        entries = connection.execute(
            """
            DELETE FROM ref_log WHERE repo = :repo AND (generation, position) IN
                (SELECT generation, position FROM ref_log WHERE repo = :repo LIMIT :room)
            """,
            {"repo": repo, "room": room},
        ).rowcount
        log_entries += entries
        if entries == room:
            break
        connection.execute("DELETE FROM repos WHERE key = ?", (repo,))
        repos += 1
    return repos, log_entries
