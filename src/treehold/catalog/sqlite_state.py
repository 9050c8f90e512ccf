"""How a repo's refs and packs lie in the tables: a snapshot shared between forks, and rows of its own laid over it.

Every push adds a few rows to the overlay. When there are as many as the snapshot has entries they are folded into a
new snapshot, so that writing stays proportional to what is pushed and reading to what there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Final

from treehold.catalog.base import NewPack, PackRow, Ref
from treehold.catalog.snapshot_cache import EMPTY, Snapshot, SnapshotCache
from treehold.catalog.snapshot_codec import decode_packs, decode_refs, encode_packs, encode_refs
from treehold.errors import Conflict, NotFound
from treehold.ids import ObjectId, PackId, RefName, RepoId

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


def find_live(connection: Connection, repo: RepoId, expected: int | None) -> tuple[int, int, int | None, int]:
    """A live repo's key, generation, snapshot and overlay; raises NotFound, and Conflict unless it is as expected."""
    row = one(
        connection,
        "SELECT key, generation, snapshot, overlay FROM repos WHERE id = ? AND deleted_at IS NULL",
        (repo,),
    )
    if row is None:
        raise NotFound(f"no such repo: {repo}")
    key, present, snapshot, overlay = row
    if expected is not None and expected != present:
        raise Conflict(f"the repo is at generation {present}, not {expected}")
    return key, present, snapshot, overlay


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as it lies in its row."""

    key: int
    refs: bytes
    peeled: bytes | None
    packs: bytes

    @property
    def size_bytes(self) -> int:
        """The bytes of its blobs."""
        return len(self.refs) + len(self.peeled or b"") + len(self.packs)

    def decode(self) -> Snapshot:
        """What the blobs say; raises CorruptStore."""
        refs = {name: Ref(oid) for name, oid in decode_refs(self.refs).items()}
        for name, target in decode_refs(self.peeled).items() if self.peeled else ():
            refs[name] = Ref(refs[name].oid, target)
        return Snapshot(refs, tuple(decode_packs(self.packs)))


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """A repo's refs and packs as they were read: what it starts from, decoded or not yet, and what lies over it."""

    base: StoredSnapshot | Snapshot
    refs: Sequence[Record]  # name, oid or None for a deleted ref, peeled
    packs: Sequence[Record]  # as PackRow
    shallow: frozenset[ObjectId] = frozenset()

    @property
    def rows(self) -> int:
        """How many rows lie over the snapshot."""
        return len(self.refs) + len(self.packs)

    def decode_base(self) -> Snapshot:
        """What the repo starts from; raises CorruptStore."""
        return self.base.decode() if isinstance(self.base, StoredSnapshot) else self.base

    def lay_over(self, base: Snapshot) -> tuple[dict[RefName, Ref], tuple[PackRow, ...]]:
        """The repo's refs, in a dict of their own, and its packs, oldest first."""
        refs = dict(base.refs)
        for name, oid, peeled in self.refs:
            if oid is None:
                refs.pop(name, None)
            else:
                refs[name] = Ref(oid, peeled)
        return refs, (*base.packs, *(PackRow(*record) for record in self.packs))

    def decode(self) -> Snapshot:
        """Both together; raises CorruptStore."""
        return Snapshot(*self.lay_over(self.decode_base()))


def load_history(
    connection: Connection, repo: int, snapshot: int | None, overlay: int, known: SnapshotCache | None = None
) -> StoredHistory:
    """Read a repo's refs and packs, within the transaction in which its row was read."""
    base = _load_base(connection, snapshot, known)
    if not overlay:
        return StoredHistory(base, (), ())
    refs = connection.execute("SELECT name, oid, peeled FROM refs WHERE repo = ?", (repo,)).fetchall()
    return StoredHistory(base, refs, overlay_packs(connection, repo))


def _load_base(connection: Connection, key: int | None, known: SnapshotCache | None) -> StoredSnapshot | Snapshot:
    """What a repo with that snapshot starts from."""
    if key is None:
        return EMPTY
    found = known.get(key) if known else None
    if found is not None:
        return found
    blobs = one(connection, "SELECT refs, peeled, packs FROM snapshots WHERE key = ?", (key,))
    return StoredSnapshot(key, *blobs) if blobs else EMPTY


def overlay_packs(connection: Connection, repo: int) -> list[Record]:
    """The packs that lie over a repo's snapshot, as PackRow, oldest first."""
    return connection.execute(
        """
        SELECT packs.id, repo_packs.generation, packs.objects, packs.size_bytes, packs.key, repo_packs.first_generation
        FROM repo_packs JOIN packs ON packs.id = repo_packs.pack
        WHERE repo_packs.repo = ? ORDER BY repo_packs.generation
        """,
        (repo,),
    ).fetchall()


def keep_pack(connection: Connection, pack: NewPack, repo: int) -> PackId:
    """Keep a pack that was made for a repo, whose account it counts for, and answer its id."""
    sql = "SELECT account FROM namespaces WHERE key = (SELECT namespace FROM repos WHERE key = ?)"
    (account,) = one(connection, sql, (repo,)) or (None,)
    index = pack.index if pack.key is None else None
    number = insert(
        connection,
        "INSERT INTO packs(objects, size_bytes, key, idx, data, account) VALUES (?, ?, ?, ?, ?, ?)",
        (pack.objects, pack.size_bytes, pack.key, index, pack.data, account),
    )
    connection.execute("UPDATE accounts SET stored_bytes = stored_bytes + ? WHERE id = ?", (pack.size_bytes, account))
    return PackId(number)


def list_pack(connection: Connection, repo: int, pack: PackId, generation: int, first_generation: int) -> None:
    """Lay a kept pack over the repo's snapshot."""
    connection.execute(
        "INSERT INTO repo_packs(repo, generation, first_generation, pack) VALUES (?, ?, ?, ?)",
        (repo, generation, first_generation, pack),
    )


def save_snapshot(connection: Connection, snapshot: Snapshot) -> int:
    """Keep a snapshot and answer its key."""
    refs, packs = snapshot.refs, snapshot.packs
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
    return move_to(connection, repo, snapshot, load_history(connection, repo, snapshot, overlay).decode())


def move_to(connection: Connection, repo: int, snapshot: int | None, present: Snapshot) -> int:
    """Let a repo start from a new snapshot instead of its old one and its overlay, and answer its key."""
    saved = save_snapshot(connection, present)
    clear_overlay(connection, repo)
    connection.execute("UPDATE repos SET snapshot = ?, overlay = 0 WHERE key = ?", (saved, repo))
    release_snapshot(connection, snapshot)
    return saved


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
