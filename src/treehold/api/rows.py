"""The engine's values as REST shows them."""

from treehold.catalog.accounts import ApiTokenRow, NamespaceRow
from treehold.catalog.base import RepoRow, TokenRow
from treehold.engine.fork import ForkedRepo
from treehold.engine.repos import CreatedRepo
from treehold.engine.tokens import MintedToken, token_state
from treehold.ids import Milliseconds
from treehold.schema.fields import from_milliseconds
from treehold.schema.rows import (
    AccountInfo,
    CreateRepoResult,
    CreateTokenResult,
    ForkRepoResult,
    Membership,
    NamespaceInfo,
    RepoInfo,
    TokenInfo,
    VerifiedToken,
)


def namespace_info(row: NamespaceRow) -> NamespaceInfo:
    """A namespace."""
    return NamespaceInfo(
        namespace=row.name,
        jurisdiction=row.jurisdiction,
        repo_count=row.repo_count,
        created_at=from_milliseconds(row.created_at),
        updated_at=from_milliseconds(row.updated_at),
    )


def repo_info(row: RepoRow, remote: str) -> RepoInfo:
    """A repo."""
    return RepoInfo(
        id=row.id,
        name=row.name,
        description=row.description,
        default_branch=row.default_branch,
        created_at=from_milliseconds(row.created_at),
        updated_at=from_milliseconds(row.updated_at),
        last_push_at=None if row.last_push_at is None else from_milliseconds(row.last_push_at),
        source=row.source,
        read_only=row.read_only,
        remote=remote,
        status=row.status,
        size_bytes=row.size_bytes,
    )


def created_repo(created: CreatedRepo, remote: str) -> CreateRepoResult:
    """A repo just made."""
    row = created.row
    return CreateRepoResult(
        id=row.id,
        name=row.name,
        description=row.description,
        default_branch=row.default_branch,
        remote=remote,
        token=created.token,
    )


def forked_repo(forked: ForkedRepo, remote: str) -> ForkRepoResult:
    """A fork just made."""
    return ForkRepoResult(**dict(created_repo(forked.created, remote)), objects=forked.objects)


def token_info(row: TokenRow, now: Milliseconds) -> TokenInfo:
    """A token as listed, with its state at that time."""
    return TokenInfo(
        id=row.id,
        scope=row.scope,
        state=token_state(row, now),
        created_at=from_milliseconds(row.created_at),
        expires_at=from_milliseconds(row.expires_at),
    )


def created_token(minted: MintedToken) -> CreateTokenResult:
    """A token just made, in plaintext."""
    kept = minted.kept
    return CreateTokenResult(
        id=kept.id, plaintext=minted.plaintext, scope=kept.scope, expires_at=from_milliseconds(kept.expires_at)
    )


def account_info(token: ApiTokenRow) -> AccountInfo:
    """The account that an API token belongs to."""
    return AccountInfo(id=token.account, name=token.account)


def membership(token: ApiTokenRow) -> Membership:
    """What an API token may do in its account."""
    return Membership(id=token.id, account=account_info(token), roles=[f"Artifacts {token.permission.capitalize()}"])


def verified_token(token: ApiTokenRow) -> VerifiedToken:
    """An API token that was let in."""
    return VerifiedToken(
        id=token.id,
        not_before=from_milliseconds(token.created_at),
        expires_on=None if token.expires_at is None else from_milliseconds(token.expires_at),
    )
