"""Migration 2: what maintenance needs."""

import struct
from sqlite3 import Connection
from typing import Final

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


VERSION_2: Final = (
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
