"""The tables of the SQLite catalog, as numbered migrations; ``PRAGMA user_version`` says how many have run.

A migration that has been released is never edited: the next one changes what it made. What each table holds is told
in docs/formats/catalog.md.
"""

from collections.abc import Callable
from sqlite3 import Connection
from typing import Final

from treehold.catalog.sqlite_migrations.v1_tables import VERSION_1
from treehold.catalog.sqlite_migrations.v2_maintenance import VERSION_2
from treehold.catalog.sqlite_migrations.v3_anchors import VERSION_3
from treehold.catalog.sqlite_migrations.v4_names import VERSION_4
from treehold.catalog.sqlite_migrations.v5_accounts import VERSION_5
from treehold.catalog.sqlite_migrations.v6_limits import VERSION_6
from treehold.errors import CatalogError

NEVER: Final = -1
"""The last push of a repo that has had none: the oldest of all, and comparable, which NULL is not."""

Migration = tuple[str | Callable[[Connection], None], ...]
"""Statements, and steps that a statement alone cannot do."""

MIGRATIONS: Final[tuple[Migration, ...]] = (VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6)


def migrate(connection: Connection) -> None:
    """Bring the tables to this version in one transaction. The caller holds the lock between processes.

    Raises CatalogError when a newer Treehold made them, and sqlite3.Error.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        present = connection.execute("PRAGMA user_version").fetchone()[0]
        if present > len(MIGRATIONS):
            raise CatalogError(
                f"the catalog has schema version {present}, newer than {len(MIGRATIONS)}, the newest this program knows"
            )
        for version, statements in enumerate(MIGRATIONS[present:], present + 1):
            for statement in statements:
                if callable(statement):
                    statement(connection)
                else:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
