"""What the catalog keeps of those whom it serves: accounts, their namespaces, and the API tokens that programs show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NewType, Protocol

from treehold.ids import AccountId, Milliseconds, TokenId

Permission = Literal["read", "edit"]
Jurisdiction = Literal["unrestricted", "eu", "us"]
Cursor = NewType("Cursor", str)
"""Where a list goes on; only the catalog that made it can tell."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account: what is another's is not there for it."""

    id: AccountId
    created_at: Milliseconds


@dataclass(frozen=True, slots=True)
class NamespaceRow:
    """One namespace. ``repo_count`` counts its live repos; ``updated_at`` moves when one comes or goes."""

    account: AccountId
    name: str
    jurisdiction: Jurisdiction
    repo_count: int
    created_at: Milliseconds
    updated_at: Milliseconds


@dataclass(frozen=True, slots=True)
class NamespaceQuery:
    """A stretch of an account's namespaces. ``cursor`` goes on after a page; else ``offset`` rows are skipped."""

    account: AccountId
    limit: int
    cursor: Cursor | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class NamespacePage:
    """A stretch of the list. ``cursor`` is set exactly when more rows follow; ``total`` counts all."""

    rows: tuple[NamespaceRow, ...]
    total: int
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class ApiTokenRow:
    """An API token as listed; its secret is nowhere. One without ``expires_at`` lasts until it is revoked."""

    id: TokenId
    account: AccountId
    permission: Permission
    created_at: Milliseconds
    revoked_at: Milliseconds | None
    label: str = ""
    expires_at: Milliseconds | None = None
    last_used_at: Milliseconds | None = None
    rotated_at: Milliseconds | None = None


class NamespaceCatalog(Protocol):
    """Namespaces, which also come to be with their first repo."""

    async def create_namespace(
        self, account: AccountId, name: str, *, jurisdiction: Jurisdiction, now: Milliseconds
    ) -> NamespaceRow:
        """Make a namespace, and its account if it is new; raises AlreadyExists."""
        ...

    async def find_namespace(self, account: AccountId, name: str) -> NamespaceRow:
        """The namespace of that name; raises NotFound."""
        ...

    async def list_namespaces(self, query: NamespaceQuery) -> NamespacePage:
        """An account's namespaces by name.

        A cursor stays good when rows come or go meanwhile; raises InvalidInput (pointer ``/cursor``) for a foreign one.
        """
        ...

    async def delete_namespace(self, account: AccountId, name: str) -> None:
        """Take a namespace away and forget the repos that once were in it.

        Raises NotFound, and AlreadyExists while there are live repos in it.
        """
        ...


class AccountCatalog(Protocol):
    """Accounts and their API tokens."""

    async def create_account(self, account: AccountId, now: Milliseconds) -> AccountRow:
        """Make an account; raises AlreadyExists."""
        ...

    async def list_accounts(self) -> Sequence[AccountRow]:
        """All accounts by id."""
        ...

    async def stored_bytes(self, account: AccountId) -> int:
        """The bytes of all packs that were pushed to an account's repos, a shared one once; 0 for an unknown account.

        A pack counts until the sweep finds that no repo names it any more.
        """
        ...

    async def create_api_token(self, token: ApiTokenRow, digest: bytes) -> None:
        """Keep an API token, and its account if it is new; raises AlreadyExists when the digest is kept already."""
        ...

    async def find_api_token(self, digest: bytes) -> ApiTokenRow:
        """The token with that digest, whatever its state; raises NotFound."""
        ...

    async def list_api_tokens(self, account: AccountId | None = None) -> Sequence[ApiTokenRow]:
        """All API tokens, or those of one account, oldest first."""
        ...

    async def rotate_api_token(
        self, token: TokenId, digest: bytes, *, expires_at: Milliseconds | None, now: Milliseconds
    ) -> ApiTokenRow:
        """Give a token that is not revoked another secret, the old one being dead at once, and answer its row.

        ``expires_at`` None: as it is. Raises NotFound, and AlreadyExists when the digest is kept already.
        """
        ...

    async def note_api_token_use(self, token: TokenId, now: Milliseconds) -> None:
        """Note that a token was used then, unless a later use is noted; does nothing for an unknown one."""
        ...

    async def revoke_api_token(self, token: TokenId, now: Milliseconds) -> None:
        """Revoke it, or leave it revoked; raises NotFound."""
        ...
