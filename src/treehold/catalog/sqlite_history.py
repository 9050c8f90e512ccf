"""Refs, packs and the ref log of a repo: the statements, over a connection whose transaction the caller holds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from sqlite3 import Connection

from treehold.catalog.base import PushCommit, RefLogEntry, RepoRow
from treehold.catalog.snapshot_cache import SnapshotCache
from treehold.catalog.sqlite_boundaries import load_boundary, save_boundary
from treehold.catalog.sqlite_repos import BOUNDARY_AT, repo_record, repo_row_of
from treehold.catalog.sqlite_state import (
    Record,
    StoredHistory,
    find_live,
    fold_if_due,
    keep_pack,
    list_pack,
    load_history,
    one,
    peeled_before,
)
from treehold.errors import CorruptStore
from treehold.ids import PackId, RepoId


def find_row(connection: Connection, repo: RepoId) -> RepoRow:
    """The live repo of that id; raises NotFound."""
    return repo_row_of(repo_record(connection, repo))


def find_history(
    connection: Connection, repo: RepoId, known: SnapshotCache | None = None
) -> tuple[RepoRow, StoredHistory]:
    """The live repo of that id with its refs and packs, whose snapshot may be a known one; raises NotFound."""
    record = repo_record(connection, repo)
    key, snapshot, overlay = record[:3]
    history = load_history(connection, key, snapshot, overlay, known)
    if record[BOUNDARY_AT] is not None:
        history = replace(history, shallow=load_boundary(connection, record[BOUNDARY_AT]))
    return repo_row_of(record), history


def find_inline_pack(connection: Connection, pack: PackId) -> tuple[bytes, bytes]:
    """Bytes and index of an inline pack; raises CorruptStore."""
    record = one(connection, "SELECT data, idx FROM packs WHERE id = ?", (pack,))
    if record is None or record[0] is None:
        raise CorruptStore(f"the catalog holds no bytes of pack {pack}")
    return record[0], record[1]


def list_ref_log(connection: Connection, repo: RepoId, newest: int, after: int) -> Sequence[RefLogEntry]:
    """The newest entries of the ref log beyond that generation, newest first."""
    rows = connection.execute(
        """
        SELECT generation, name, old, new, old_peeled, token, at FROM ref_log
        WHERE repo = (SELECT key FROM repos WHERE id = ?) AND generation > ?
        ORDER BY generation DESC, position DESC LIMIT ?
        """,
        (repo, after, max(0, newest)),
    )
    return [RefLogEntry(*row) for row in rows.fetchall()]


def commit_push(connection: Connection, push: PushCommit) -> int:
    """Make a push true and answer the new generation; raises NotFound, Conflict."""
    repo, present, snapshot, overlay = find_live(connection, push.repo, push.expected_generation)
    generation = present + 1
    _log_changes(connection, push, repo, snapshot, generation)
    _write_refs(connection, push, repo)
    if push.pack is not None:
        list_pack(connection, repo, keep_pack(connection, push.pack, repo), generation, generation)
    if push.shallow:
        save_boundary(connection, repo, push.shallow)
    overlay += len(push.changes) + (push.pack is not None)
    _move_repo(connection, push, repo, generation, overlay)
    fold_if_due(connection, repo, snapshot, overlay)
    return generation


def _log_changes(connection: Connection, push: PushCommit, repo: int, snapshot: int | None, generation: int) -> None:
    """Write the ref log, before the refs change: it tells what the old values peeled to."""
    replaced = [change.name for change in push.changes if change.old is not None]
    peeled = peeled_before(connection, repo, snapshot, replaced)
    connection.executemany(
        """
        INSERT INTO ref_log(repo, generation, position, name, old, new, old_peeled, token, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (
                *(repo, generation, position, change.name, change.old),
                *(change.new and change.new.oid, change.old and peeled.get(change.name), push.token, push.now),
            )
            for position, change in enumerate(push.changes)
        ),
    )


def _write_refs(connection: Connection, push: PushCommit, repo: int) -> None:
    """Lay the new values over the snapshot's; a deleted ref leaves a row without an oid."""
    rows: Iterable[Record] = (
        (repo, change.name, change.new and change.new.oid, change.new and change.new.peeled) for change in push.changes
    )
    connection.executemany("INSERT OR REPLACE INTO refs(repo, name, oid, peeled) VALUES (?, ?, ?, ?)", rows)


def _move_repo(connection: Connection, push: PushCommit, repo: int, generation: int, overlay: int) -> None:
    """Move the repo's own row on."""
    connection.execute(
        """
        UPDATE repos SET generation = :generation, overlay = :overlay, exact = exact AND :preserves,
            anchor = iif(:preserves, anchor, :generation), size_bytes = size_bytes + :bytes,
            object_count = object_count + :objects, pack_count = pack_count + :packs, updated_at = :now,
            last_push_at = :now
        WHERE key = :repo
        """,
        {
            "repo": repo,
            "generation": generation,
            "overlay": overlay,
            "preserves": push.preserves,
            "bytes": push.pack.size_bytes if push.pack else 0,
            "objects": push.pack.objects if push.pack else 0,
            "packs": push.pack is not None,
            "now": push.now,
        },
    )
