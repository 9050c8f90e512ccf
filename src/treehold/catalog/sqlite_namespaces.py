"""Namespaces: the statements, over a connection whose transaction the caller holds."""

from sqlite3 import Connection
from typing import Final

from treehold.catalog.accounts import Jurisdiction, NamespacePage, NamespaceQuery, NamespaceRow
from treehold.catalog.cursors import Position, decode_cursor, encode_cursor
from treehold.catalog.sqlite_accounts import enter_account
from treehold.catalog.sqlite_state import insert, one
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, Milliseconds

_COLUMNS: Final = "account, name, jurisdiction, repo_count, created_at, updated_at"  # of NamespaceRow


def create_namespace(
    connection: Connection, account: AccountId, name: str, jurisdiction: Jurisdiction, now: Milliseconds
) -> NamespaceRow:
    """Make a namespace, and its account if it is new; raises AlreadyExists."""
    if one(connection, "SELECT 1 FROM namespaces WHERE account = ? AND name = ?", (account, name)) is not None:
        raise AlreadyExists(f"namespace already exists: {name}")
    _insert(connection, NamespaceRow(account, name, jurisdiction, 0, now, now))
    return find_namespace(connection, account, name)


def _insert(connection: Connection, row: NamespaceRow) -> int:
    """Write a namespace and answer its key."""
    enter_account(connection, row.account, row.created_at)
    connection.execute("UPDATE accounts SET namespace_count = namespace_count + 1 WHERE id = ?", (row.account,))
    return insert(
        connection,
        f"INSERT INTO namespaces({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
        (row.account, row.name, row.jurisdiction, row.repo_count, row.created_at, row.updated_at),
    )


def enter_namespace(connection: Connection, account: AccountId, name: str, now: Milliseconds) -> int:
    """Count one more repo in a namespace, which is made if need be, and answer its key."""
    row = one(
        connection,
        """
        UPDATE namespaces SET repo_count = repo_count + 1, updated_at = ? WHERE account = ? AND name = ? RETURNING key
        """,
        (now, account, name),
    )
    return _insert(connection, NamespaceRow(account, name, "unrestricted", 1, now, now)) if row is None else int(row[0])


def find_namespace(connection: Connection, account: AccountId, name: str) -> NamespaceRow:
    """The namespace of that name; raises NotFound."""
    sql = f"SELECT {_COLUMNS} FROM namespaces WHERE account = ? AND name = ?"  # noqa: S608
    row = one(connection, sql, (account, name))
    if row is None:
        raise NotFound(f"no such namespace: {name}")
    return NamespaceRow(*row)


def list_namespaces(connection: Connection, query: NamespaceQuery) -> NamespacePage:
    """A page of an account's namespaces by name; raises InvalidInput for a foreign cursor."""
    last = "" if query.cursor is None else decode_cursor(query.cursor, "name", "asc").value
    account = one(connection, "SELECT namespace_count FROM accounts WHERE id = ?", (query.account,))
    records = connection.execute(
        f"SELECT {_COLUMNS} FROM namespaces WHERE account = ? AND name > ? ORDER BY name LIMIT ? OFFSET ?",  # noqa: S608
        (query.account, last, query.limit + 1, 0 if query.cursor else query.offset),
    ).fetchall()
    rows = tuple(NamespaceRow(*record) for record in records[: query.limit])
    more = len(records) > query.limit
    cursor = encode_cursor("name", "asc", Position(rows[-1].name, rows[-1].name)) if more else None
    return NamespacePage(rows, account[0] if account else 0, cursor)


def delete_namespace(connection: Connection, account: AccountId, name: str) -> None:
    """Take a namespace away; raises NotFound, and AlreadyExists while there are live repos in it.

    Rows of deleted repos stay until they are purged: no namespace ever has the key again that they name.
    """
    repos = find_namespace(connection, account, name).repo_count
    if repos:
        raise AlreadyExists(f"namespace is not empty: {name} has {repos} repo{'s' if repos > 1 else ''}")
    connection.execute("DELETE FROM namespaces WHERE account = ? AND name = ?", (account, name))
    connection.execute("UPDATE accounts SET namespace_count = namespace_count - 1 WHERE id = ?", (account,))
