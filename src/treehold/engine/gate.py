"""Who comes in: the first step of every request."""

from dataclasses import dataclass

from treehold.auth import policy, secrets
from treehold.auth.policy import Action, Service
from treehold.catalog.base import ApiTokenRow, RepoRow
from treehold.engine.context import Engine
from treehold.errors import NotFound, PermissionDenied, Unauthenticated
from treehold.ids import AccountId, TokenId


@dataclass(frozen=True, slots=True)
class GitGuest:
    """A Git client that was let in: to which repo, and by which token."""

    repo: RepoRow
    token: TokenId


async def admit_git(
    engine: Engine, authorization: bytes | None, *, namespace: str, repo_name: str, service: Service
) -> GitGuest:
    """Let a Git request in to one repo, by its Authorization header.

    Raises Unauthenticated when it shows nothing, PermissionDenied with one and the same sentence for every token that
    is not good for that repo, and with another one for a good token that does not allow this service.
    """
    if authorization is None:
        raise Unauthenticated("Authentication required")
    secret = secrets.git_secret(authorization)
    if secret is None:
        raise PermissionDenied(policy.REFUSED)
    try:
        token, repo = await engine.catalog.find_token(secrets.digest(secret))
    except NotFound:
        raise PermissionDenied(policy.REFUSED) from None
    if (repo.account, repo.namespace, repo.name) != (engine.default_account, namespace, repo_name):
        raise PermissionDenied(policy.REFUSED)
    policy.check_token_alive(expires_at=token.expires_at, revoked_at=token.revoked_at, now=engine.clock())
    policy.check_service(service, scope=token.scope, read_only=repo.read_only)
    return GitGuest(repo=repo, token=token.id)


async def admit_program(
    engine: Engine, authorization: str | None, *, account: AccountId, action: Action
) -> ApiTokenRow:
    """Let a REST request in to an account; raises Unauthenticated or PermissionDenied."""
    shown = secrets.bearer_secret((authorization or "").encode("utf-8", "surrogateescape"))
    if shown is None:
        raise Unauthenticated("Authentication error: show an API token as 'Authorization: Bearer <token>'")
    try:
        token = await engine.catalog.find_api_token(secrets.digest(shown))
    except NotFound:
        raise Unauthenticated("Authentication error: the API token is not known") from None
    policy.check_api_action(
        action, permission=token.permission, revoked_at=token.revoked_at, owner=token.account, account=account
    )
    return token
