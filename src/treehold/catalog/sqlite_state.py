"""How a repo's refs and packs lie in the tables: a snapshot shared between forks, and rows of its own laid over it.

Every push adds a few rows to the overlay. When there are as many as the snapshot has entries they are folded into a
new snapshot, so that writing stays proportional to what is pushed and reading to what there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Final

from treehold.catalog.base import PackRow, Ref
from treehold.catalog.snapshot_codec import decode_packs, decode_refs, encode_packs, encode_refs
from treehold.ids import ObjectId, RefName

FOLD_ROWS_MIN: Final = 64
"""Fewest overlay rows worth a fold: reading that many takes some 50 µs."""

Record = tuple[Any, ...]


def one(connection: Connection, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Record | None:
    """The first row of a query, or None. All rows are taken, for an open cursor would hold its transaction open."""
    rows: list[Record] = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


def number(connection: Connection, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> int:
    """The one number that a query always answers, such as a count."""
    return int(connection.execute(sql, parameters).fetchall()[0][0])


def insert(connection: Connection, sql: str, parameters: Sequence[Any]) -> int:
    """Insert a row and answer its integer key."""
    return int(connection.execute(sql, parameters).lastrowid or 0)


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """A repo's refs and packs as they lie in the tables, not yet decoded."""

    snapshot: tuple[bytes, bytes | None, bytes] | None  # refs, peeled, packs
    refs: Sequence[Record]  # name, oid or None for a deleted ref, peeled
    packs: Sequence[Record]  # as PackRow

    @property
    def snapshot_bytes(self) -> int:
        """How much there is to decode."""
        return sum(len(blob or b"") for blob in self.snapshot or ())

    def decode_refs(self) -> dict[RefName, Ref]:
        """The refs: the snapshot's with the overlay laid over; raises CorruptStore."""
        refs = _snapshot_refs(*self.snapshot[:2]) if self.snapshot else {}
        for name, oid, peeled in self.refs:
            if oid is None:
                refs.pop(name, None)
            else:
                refs[name] = Ref(oid, peeled)
        return refs

    def decode_packs(self) -> list[PackRow]:
        """The packs, oldest first; raises CorruptStore."""
        packs = decode_packs(self.snapshot[2]) if self.snapshot else []
        packs.extend(PackRow(*record) for record in self.packs)
        return packs


def _snapshot_refs(oids: bytes, peeled: bytes | None) -> dict[RefName, Ref]:
    """The refs of a snapshot."""
    refs = {name: Ref(oid) for name, oid in decode_refs(oids).items()}
    for name, target in decode_refs(peeled).items() if peeled else ():
        refs[name] = Ref(refs[name].oid, target)
    return refs


def load_history(connection: Connection, repo: int, snapshot: int | None, overlay: int) -> StoredHistory:
    """Read a repo's refs and packs, within the transaction in which its row was read."""
    blobs = (
        one(connection, "SELECT refs, peeled, packs FROM snapshots WHERE key = ?", (snapshot,)) if snapshot else None
    )
    if not overlay:
        return StoredHistory(_three(blobs), (), ())
    refs = connection.execute("SELECT name, oid, peeled FROM refs WHERE repo = ?", (repo,)).fetchall()
    packs = connection.execute(
        """
        SELECT packs.id, repo_packs.generation, packs.objects, packs.size_bytes, packs.key
        FROM repo_packs JOIN packs ON packs.id = repo_packs.pack
        WHERE repo_packs.repo = ? ORDER BY repo_packs.generation
        """,
        (repo,),
    ).fetchall()
    return StoredHistory(_three(blobs), refs, packs)


def _three(blobs: Record | None) -> tuple[bytes, bytes | None, bytes] | None:
    return None if blobs is None else (blobs[0], blobs[1], blobs[2])


def save_snapshot(connection: Connection, refs: Mapping[RefName, Ref], packs: Sequence[PackRow]) -> int:
    """Keep a snapshot and answer its key."""
    peeled = {name: ref.peeled for name, ref in refs.items() if ref.peeled is not None}
    return insert(
        connection,
        "INSERT INTO snapshots(entries, peeled, packs, refs) VALUES (?, ?, ?, ?)",
        (
            len(refs) + len(packs),
            encode_refs(peeled) if peeled else None,
            encode_packs(packs),
            encode_refs({name: ref.oid for name, ref in refs.items()}),
        ),
    )


def release_snapshot(connection: Connection, snapshot: int | None) -> None:
    """Take a snapshot away that its repo has just let go of, unless another repo starts from it."""
    connection.execute(
        "DELETE FROM snapshots WHERE key = :key AND NOT EXISTS (SELECT 1 FROM repos WHERE snapshot = :key)",
        {"key": snapshot},
    )


def clear_overlay(connection: Connection, repo: int) -> None:
    """Take away the rows that lie over a repo's snapshot."""
    connection.execute("DELETE FROM refs WHERE repo = ?", (repo,))
    connection.execute("DELETE FROM repo_packs WHERE repo = ?", (repo,))


def fold(connection: Connection, repo: int, snapshot: int | None, overlay: int) -> int | None:
    """Turn a repo's overlay into a new snapshot, which no reader can tell, and answer the repo's snapshot."""
    if not overlay:
        return snapshot
    history = load_history(connection, repo, snapshot, overlay)
    folded = save_snapshot(connection, history.decode_refs(), history.decode_packs())
    clear_overlay(connection, repo)
    connection.execute("UPDATE repos SET snapshot = ?, overlay = 0 WHERE key = ?", (folded, repo))
    release_snapshot(connection, snapshot)
    return folded


def fold_if_due(connection: Connection, repo: int, snapshot: int | None, overlay: int) -> None:
    """Fold when the overlay has grown to the size of the snapshot."""
    if overlay < FOLD_ROWS_MIN:
        return
    entries = one(connection, "SELECT entries FROM snapshots WHERE key = ?", (snapshot,))
    if entries is None or overlay >= entries[0]:
        fold(connection, repo, snapshot, overlay)


def peeled_before(
    connection: Connection, repo: int, snapshot: int | None, names: Sequence[RefName]
) -> dict[RefName, ObjectId]:
    """What those of the named refs peel to at present that are annotated tags."""
    found: dict[RefName, ObjectId] = {}
    elsewhere = []
    for name in names:
        row = one(connection, "SELECT peeled FROM refs WHERE repo = ? AND name = ?", (repo, name))
        if row is None:
            elsewhere.append(name)
        elif row[0] is not None:
            found[name] = row[0]
    if elsewhere and snapshot is not None:
        blob = one(connection, "SELECT peeled FROM snapshots WHERE key = ?", (snapshot,))
        table = decode_refs(blob[0]) if blob and blob[0] else {}
        found.update({name: table[name] for name in elsewhere if name in table})
    return found
