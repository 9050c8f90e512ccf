"""Accounts and their API tokens: what the operator does, with the catalog alone and while the server runs or not."""

import re
from dataclasses import dataclass, field
from typing import Final

from treehold.auth import secrets
from treehold.catalog.accounts import AccountCatalog, AccountRow, ApiTokenRow, Permission
from treehold.errors import InvalidInput, InvalidTtl, NotFound
from treehold.ids import AccountId, Entropy, Milliseconds, TokenId, new_id

LABEL_MAX: Final = 100
"""Longest label of an API token, in characters: a line on a screen."""
API_TOKEN_TTL_MIN: Final = 60
API_TOKEN_TTL_MAX: Final = 10 * 31_536_000
"""Longest life of an API token that is to end, in seconds: ten years, far within what a date can say."""

_NAME: Final = re.compile("[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class ApiTokenWish:
    """What somebody wants a new API token to be. ``ttl_seconds`` None: until it is revoked."""

    account: AccountId
    permission: Permission
    label: str = ""
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class MintedApiToken:
    """An API token with a new secret, which exists here and with its owner only."""

    row: ApiTokenRow
    secret: str = field(repr=False)


async def create_account(catalog: AccountCatalog, name: str, now: Milliseconds) -> AccountRow:
    """Make an account, whose name may stand in a host name; raises InvalidInput, AlreadyExists."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("an account's name has 1 to 63 of a-z, 0-9 and '-', and begins with no '-'")
    return await catalog.create_account(AccountId(name), now)


async def require_account(catalog: AccountCatalog, account: AccountId) -> None:
    """Refuse an account that nobody made, for it is a slip of the pen; raises NotFound."""
    if account not in {row.id for row in await catalog.list_accounts()}:
        raise NotFound(f"no such account: {account}")


async def keep_api_token(
    catalog: AccountCatalog, wish: ApiTokenWish, secret: str, *, entropy: Entropy, now: Milliseconds
) -> ApiTokenRow:
    """Keep an API token with a given secret; raises InvalidInput, InvalidTtl, AlreadyExists."""
    if len(wish.label) > LABEL_MAX or not wish.label.isprintable():
        raise InvalidInput(f"a label has at most {LABEL_MAX} characters, all of them printable")
    row = ApiTokenRow(
        id=TokenId(new_id(entropy)),
        account=wish.account,
        permission=wish.permission,
        created_at=now,
        revoked_at=None,
        label=wish.label,
        expires_at=_expiry(wish.ttl_seconds, now),
    )
    await catalog.create_api_token(row, secrets.digest(secret.encode()))
    return row


async def create_api_token(
    catalog: AccountCatalog, wish: ApiTokenWish, *, entropy: Entropy, now: Milliseconds
) -> MintedApiToken:
    """Make an API token; raises InvalidInput, InvalidTtl."""
    secret = secrets.new_api_secret(entropy)
    return MintedApiToken(await keep_api_token(catalog, wish, secret, entropy=entropy, now=now), secret)


async def rotate_api_token(
    catalog: AccountCatalog, token: TokenId, *, ttl_seconds: int | None, entropy: Entropy, now: Milliseconds
) -> MintedApiToken:
    """Give an API token a new secret and, if ``ttl_seconds`` is given, a new end; the old secret is dead at once.

    Raises InvalidTtl, and NotFound for an unknown or revoked token.
    """
    secret = secrets.new_api_secret(entropy)
    row = await catalog.rotate_api_token(
        token, secrets.digest(secret.encode()), expires_at=_expiry(ttl_seconds, now), now=now
    )
    return MintedApiToken(row, secret)


def _expiry(ttl_seconds: int | None, now: Milliseconds) -> Milliseconds | None:
    """When a token ends that is to last so long; raises InvalidTtl."""
    if ttl_seconds is None:
        return None
    if not API_TOKEN_TTL_MIN <= ttl_seconds <= API_TOKEN_TTL_MAX:
        raise InvalidTtl(f"an API token lives {API_TOKEN_TTL_MIN} to {API_TOKEN_TTL_MAX} seconds, not {ttl_seconds}")
    return Milliseconds(now + ttl_seconds * 1000)


def api_token_state(row: ApiTokenRow, now: Milliseconds) -> str:
    """Active, expired or revoked; revoked wins."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and now >= row.expires_at else "active"
