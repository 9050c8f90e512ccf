"""Accounts and API tokens: the statements, over a connection whose transaction the caller holds."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

from treehold.catalog.accounts import AccountRow, ApiTokenRow
from treehold.catalog.sqlite_state import number, one
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, Milliseconds, TokenId

_COLUMNS: Final = (  # of ApiTokenRow
    "id, account, permission, created_at, revoked_at, label, expires_at, last_used_at, rotated_at"
)


def enter_account(connection: Connection, account: AccountId, now: Milliseconds) -> None:
    """Make an account unless it is there."""
    connection.execute("INSERT OR IGNORE INTO accounts(id, created_at) VALUES (?, ?)", (account, now))


def create_account(connection: Connection, account: AccountId, now: Milliseconds) -> AccountRow:
    """Make an account; raises AlreadyExists."""
    if one(connection, "SELECT 1 FROM accounts WHERE id = ?", (account,)) is not None:
        raise AlreadyExists(f"account already exists: {account}")
    enter_account(connection, account, now)
    return AccountRow(account, now)


def list_accounts(connection: Connection) -> Sequence[AccountRow]:
    """All accounts by id."""
    return [
        AccountRow(*row) for row in connection.execute("SELECT id, created_at FROM accounts ORDER BY id").fetchall()
    ]


def stored_bytes(connection: Connection, account: AccountId) -> int:
    """The bytes of the packs that an account keeps, 0 for an unknown one."""
    return number(connection, "SELECT coalesce(sum(stored_bytes), 0) FROM accounts WHERE id = ?", (account,))


def create_api_token(connection: Connection, token: ApiTokenRow, digest: bytes) -> None:
    """Keep an API token, and its account if it is new; raises AlreadyExists."""
    _refuse_kept(connection, digest)
    enter_account(connection, token.account, token.created_at)
    connection.execute(
        f"INSERT INTO api_tokens({_COLUMNS}, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            *(token.id, token.account, token.permission, token.created_at, token.revoked_at),
            *(token.label, token.expires_at, token.last_used_at, token.rotated_at, digest),
        ),
    )


def _refuse_kept(connection: Connection, digest: bytes) -> None:
    if one(connection, "SELECT 1 FROM api_tokens WHERE digest = ?", (digest,)) is not None:
        raise AlreadyExists("that API token is kept already")


def find_api_token(connection: Connection, digest: bytes) -> ApiTokenRow:
    """The API token with that digest, whatever its state; raises NotFound."""
    row = one(connection, f"SELECT {_COLUMNS} FROM api_tokens WHERE digest = ?", (digest,))  # noqa: S608
    if row is None:
        raise NotFound("no such API token")
    return ApiTokenRow(*row)


def list_api_tokens(connection: Connection, account: AccountId | None = None) -> Sequence[ApiTokenRow]:
    """All API tokens, or those of one account, oldest first."""
    sql = f"SELECT {_COLUMNS} FROM api_tokens WHERE account = coalesce(?, account) ORDER BY created_at, id"  # noqa: S608
    rows = connection.execute(sql, (account,))
    return [ApiTokenRow(*row) for row in rows.fetchall()]


def rotate_api_token(
    connection: Connection, token: TokenId, digest: bytes, expires_at: Milliseconds | None, now: Milliseconds
) -> ApiTokenRow:
    """Give a token that is not revoked another secret; raises NotFound, AlreadyExists."""
    _refuse_kept(connection, digest)
    row = one(
        connection,
        f"""
        UPDATE api_tokens SET digest = ?, expires_at = coalesce(?, expires_at), rotated_at = ?
        WHERE id = ? AND revoked_at IS NULL RETURNING {_COLUMNS}
        """,  # noqa: S608
        (digest, expires_at, now, token),
    )
    if row is None:
        raise NotFound(f"no such API token: {token}")
    return ApiTokenRow(*row)


def note_api_token_use(connection: Connection, token: TokenId, now: Milliseconds) -> None:
    """Note that an API token was used then, unless a later use is noted."""
    connection.execute(
        "UPDATE api_tokens SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?", (now, token)
    )


def revoke_api_token(connection: Connection, token: TokenId, now: Milliseconds) -> None:
    """Revoke an API token, or leave it revoked; raises NotFound."""
    row = one(
        connection,
        "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING key",
        (now, token),
    )
    if row is None:
        raise NotFound(f"no such API token: {token}")
