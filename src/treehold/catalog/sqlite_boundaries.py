"""Which commits stand in a repo without their parents: the statements, over a connection whose transaction the caller
holds."""

from collections.abc import Set as AbstractSet
from sqlite3 import Connection

from treehold.catalog.sqlite_state import insert, one
from treehold.errors import CorruptStore
from treehold.ids import OID_BYTES, ObjectId


def save_boundary(connection: Connection, repo: int, oids: AbstractSet[ObjectId]) -> None:
    """Give a repo the commits that stand in it without their parents, for good."""
    key = insert(connection, "INSERT INTO boundaries(oids) VALUES (?)", (b"".join(sorted(oids)),))
    connection.execute("UPDATE repos SET boundary = ? WHERE key = ?", (key, repo))


def load_boundary(connection: Connection, key: int) -> frozenset[ObjectId]:
    """The commits of a boundary; raises CorruptStore."""
    row = one(connection, "SELECT oids FROM boundaries WHERE key = ?", (key,))
    if row is None or len(row[0]) % OID_BYTES:
        raise CorruptStore(f"the catalog does not tell the commits of boundary {key}")
    return frozenset(ObjectId(row[0][at : at + OID_BYTES]) for at in range(0, len(row[0]), OID_BYTES))


def release_boundary(connection: Connection, key: int | None) -> None:
    """Take a boundary away that its repo has just let go of, unless another repo has it too."""
    connection.execute(
        "DELETE FROM boundaries WHERE key = :key AND NOT EXISTS (SELECT 1 FROM repos WHERE boundary = :key)",
        {"key": key},
    )
