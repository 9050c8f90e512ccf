"""Repo tokens: the statements, over a connection whose transaction the caller holds."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

from treehold.catalog.base import NewToken, TokenFilter, TokenRow
from treehold.catalog.sqlite_state import Record, number, one
from treehold.errors import NotFound
from treehold.ids import AccountId, Milliseconds, RepoId, TokenId

_SCOPE: Final = "iif(tokens.may_write, 'write', 'read')"
_STATES: Final[dict[TokenFilter, str]] = {
    "active": "revoked_at IS NULL AND expires_at > :now",
    "expired": "revoked_at IS NULL AND expires_at <= :now",
    "revoked": "revoked_at IS NOT NULL",
    "all": "TRUE",
}


def add_token(connection: Connection, repo: int, token: NewToken) -> None:
    """Keep a token of the repo with that key."""
    connection.execute(
        "INSERT INTO tokens(id, digest, repo, may_write, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (token.id, token.digest, repo, token.scope == "write", token.created_at, token.expires_at),
    )


def create_token(connection: Connection, repo: RepoId, token: NewToken) -> None:
    """Keep a token of a live repo; raises NotFound."""
    key = _live_key(connection, repo)
    if key is None:
        raise NotFound(f"no such repo: {repo}")
    add_token(connection, key, token)


def _live_key(connection: Connection, repo: RepoId) -> int | None:
    row = one(connection, "SELECT key FROM repos WHERE id = ? AND deleted_at IS NULL", (repo,))
    return None if row is None else int(row[0])


def find_token(connection: Connection, digest: bytes) -> tuple[TokenRow, Record]:
    """The token with that digest and the row of ``live_repos`` of its repo; raises NotFound."""
    record = one(
        connection,
        f"""
        SELECT tokens.id, live_repos.id, {_SCOPE}, tokens.created_at, tokens.expires_at, tokens.revoked_at,
            live_repos.*
        FROM tokens JOIN live_repos ON live_repos.key = tokens.repo
        WHERE substr(tokens.digest, 1, 10) = substr(:digest, 1, 10) AND tokens.digest = :digest
        """,  # noqa: S608 - put together from constants
        {"digest": digest},
    )
    if record is None:
        raise NotFound("no such token")
    return TokenRow(*record[:6]), record[6:]


def list_tokens(
    connection: Connection, repo: RepoId, state: TokenFilter, now: Milliseconds, stretch: tuple[int, int]
) -> tuple[Sequence[TokenRow], int]:
    """A stretch (limit, offset) of a repo's tokens, newest first, and how many there are of that state."""
    key = _live_key(connection, repo)
    if key is None:
        return (), 0
    parameters = {"repo": key, "now": now, "limit": max(0, stretch[0]), "offset": stretch[1]}
    matching = f"FROM tokens WHERE repo = :repo AND {_STATES[state]}"
    count = number(connection, f"SELECT count(*) {matching}", parameters)
    rows = connection.execute(
        f"SELECT id, {_SCOPE}, created_at, expires_at, revoked_at {matching} "
        "ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset",
        parameters,
    )
    return [TokenRow(TokenId(row[0]), repo, *row[1:]) for row in rows.fetchall()], count


def revoke_token(connection: Connection, account: AccountId, namespace: str, token: TokenId, now: Milliseconds) -> None:
    """Revoke a token of a live repo in that namespace, or leave it revoked; raises NotFound."""
    row = one(
        connection,
        """
        SELECT tokens.key FROM tokens JOIN live_repos ON live_repos.key = tokens.repo
        WHERE tokens.id = ? AND live_repos.account = ? AND live_repos.namespace = ?
        """,
        (token, account, namespace),
    )
    if row is None:
        raise NotFound(f"no such token: {token}")
    connection.execute("UPDATE tokens SET revoked_at = ? WHERE key = ? AND revoked_at IS NULL", (now, row[0]))
