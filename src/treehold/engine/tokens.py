"""Repo tokens: mint, list, revoke."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from treehold.auth import secrets
from treehold.catalog.base import NewToken, Scope, TokenFilter, TokenRow, TokenState
from treehold.engine.context import Engine
from treehold.engine.gate import check_ready
from treehold.errors import InvalidTtl
from treehold.ids import AccountId, Milliseconds, TokenId, new_id

_DIGEST: Final = re.compile("sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token just made. ``plaintext`` exists here and with its owner only."""

    kept: NewToken
    plaintext: str


def mint(engine: Engine, *, scope: Scope, ttl_seconds: int) -> MintedToken:
    """A fresh token that is not kept yet."""
    now = engine.clock()
    secret = secrets.new_secret(engine.entropy)
    expires_at = Milliseconds(now + ttl_seconds * 1000)
    kept = NewToken(
        id=TokenId(new_id(engine.entropy)),
        digest=secrets.digest(secret.encode("ascii")),
        scope=scope,
        created_at=now,
        expires_at=expires_at,
    )
    return MintedToken(kept=kept, plaintext=secrets.plaintext(secret, expires_at))


def mint_initial(engine: Engine) -> MintedToken:
    """The write token that create, fork and import answer with."""
    return mint(engine, scope="write", ttl_seconds=engine.limits.token_ttl_default)


def check_ttl(engine: Engine, ttl_seconds: int) -> None:
    """Refuse a lifetime out of bounds; raises InvalidTtl."""
    low, high = engine.limits.token_ttl_min, engine.limits.token_ttl_max
    if not low <= ttl_seconds <= high:
        raise InvalidTtl(f"ttl must be {low} to {high} seconds, not {ttl_seconds}", "/ttl")


async def create_token(
    engine: Engine, account: AccountId, namespace: str, repo_name: str, *, scope: Scope, ttl_seconds: int
) -> MintedToken:
    """Give a repo one more token; raises InvalidTtl before it looks for the repo, then NotFound, ImportInProgress."""
    check_ttl(engine, ttl_seconds)
    repo = await engine.catalog.find_repo(account, namespace, repo_name)
    check_ready(repo)
    token = mint(engine, scope=scope, ttl_seconds=ttl_seconds)
    await engine.catalog.create_token(repo.id, token.kept)
    return token


@dataclass(frozen=True, slots=True)
class TokenPage:
    """A page of tokens, each with its state as of ``now``, and how many there are in all."""

    rows: Sequence[TokenRow]
    total: int
    now: Milliseconds


async def list_tokens(
    engine: Engine, account: AccountId, namespace: str, repo_name: str, *, state: TokenFilter, page: tuple[int, int]
) -> TokenPage:
    """A repo's tokens of that state, newest first. ``page`` is (limit, offset); raises NotFound."""
    repo = await engine.catalog.find_repo(account, namespace, repo_name)
    now = engine.clock()
    limit, offset = page
    rows, total = await engine.catalog.list_tokens(repo.id, state=state, now=now, limit=limit, offset=offset)
    return TokenPage(rows=rows, total=total, now=now)


async def revoke_token(engine: Engine, account: AccountId, namespace: str, name: str) -> TokenId:
    """Revoke a token, again if need be, and answer its id; raises NotFound.

    Whoever has the token but not its id names it by the digest of its secret, ``sha256:<64 hex digits>``, which may be
    in URLs and logs where the secret may not.
    """
    digest = _DIGEST.fullmatch(name)
    token = TokenId(name)
    if digest is not None:
        found, _ = await engine.catalog.find_token(bytes.fromhex(digest[1]))
        token = found.id
    await engine.catalog.revoke_token(account, namespace, token, engine.clock())
    return token


def token_state(row: TokenRow, now: Milliseconds) -> TokenState:
    """Active, expired or revoked; revoked wins."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if now >= row.expires_at else "active"
