"""Who comes in: the first step of every request."""

import asyncio
from dataclasses import dataclass
from typing import Final

from treehold.auth import policy, secrets
from treehold.auth.names import is_same_name
from treehold.auth.policy import Action, Service
from treehold.catalog.accounts import AccountCatalog, ApiTokenRow
from treehold.catalog.base import RepoRow
from treehold.engine.context import Engine
from treehold.errors import (
    ImportInProgress,
    NotFound,
    PermissionDenied,
    RateLimited,
    TreeholdError,
    Unauthenticated,
    Unavailable,
)
from treehold.ids import AccountId, Milliseconds, TokenId

USE_NOTED_MILLISECONDS: Final = 3_600_000
"""From one note of a token's use to the next: a write an hour, where there may be thousands of uses a second."""


@dataclass(frozen=True, slots=True)
class GitGuest:
    """A Git client that was let in: to which repo, and by which token."""

    repo: RepoRow
    token: TokenId


async def admit_git(
    engine: Engine,
    authorization: bytes | None,
    *,
    account: AccountId,
    namespace: str,
    repo_name: str,
    service: Service,
) -> GitGuest:
    """Let a Git request in to one repo, by its Authorization header.

    Raises Unauthenticated when it shows nothing, PermissionDenied with one and the same sentence for every token that
    is not good for that repo, and with another one for a good token that does not allow this service; RateLimited;
    Unavailable for a repo whose import is not done.
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
    if repo.account != account or not (is_same_name(namespace, repo.namespace) and is_same_name(repo_name, repo.name)):
        raise PermissionDenied(policy.REFUSED)
    policy.check_token_alive(expires_at=token.expires_at, revoked_at=token.revoked_at, now=engine.clock())
    policy.check_service(service, scope=token.scope, read_only=repo.read_only)
    _check_rate(engine, f"git:{account}/{repo.namespace}", most=engine.limits.git_requests_max)
    if repo.status != "ready":
        raise Unavailable("Repository is being imported; try again later")
    return GitGuest(repo=repo, token=token.id)


def check_ready(repo: RepoRow) -> None:
    """Refuse to work on a repo that is still being imported; raises ImportInProgress."""
    if repo.status == "importing":
        raise ImportInProgress(f"repo is being imported: {repo.name}")


async def identify_program(engine: Engine, authorization: str | None) -> ApiTokenRow:
    """The API token that a REST request shows, whatever its account; raises Unauthenticated."""
    shown = secrets.bearer_secret((authorization or "").encode("utf-8", "surrogateescape"))
    if shown is None:
        raise Unauthenticated("Authentication error: show an API token as 'Authorization: Bearer <token>'")
    try:
        token = await engine.catalog.find_api_token(secrets.digest(shown))
    except NotFound:
        raise Unauthenticated(policy.UNKNOWN_API_TOKEN) from None
    policy.check_api_token_alive(expires_at=token.expires_at, revoked_at=token.revoked_at, now=engine.clock())
    return token


async def admit_program(
    engine: Engine, authorization: str | None, *, account: AccountId, action: Action
) -> ApiTokenRow:
    """Let a REST request in to an account; raises Unauthenticated, PermissionDenied, RateLimited."""
    token = await identify_program(engine, authorization)
    policy.check_api_action(action, permission=token.permission, owner=token.account, account=account)
    _check_rate(engine, f"rest:{account}", most=engine.limits.api_requests_max)
    return token


def _check_rate(engine: Engine, caller: str, *, most: int) -> None:
    """Count a request that was let in; raises RateLimited if there have been too many lately."""
    seconds = engine.limits.rate_seconds
    rate = engine.node.rates.take(caller, now=engine.clock(), most=most, seconds=seconds)
    if not rate.is_within:
        raise RateLimited(
            f"more than {most} requests in {seconds} seconds", limit=most, retry_seconds=rate.retry_seconds
        )


class UseNotes:
    """Notes when API tokens are used: at most once an hour each, after the request and never in its way."""

    def __init__(self, catalog: AccountCatalog) -> None:
        self._catalog = catalog
        self._under_way: dict[TokenId, asyncio.Task[None]] = {}

    def note(self, token: ApiTokenRow, now: Milliseconds) -> None:
        """See to it that this use is noted, if the last one was long ago."""
        last = token.last_used_at
        if token.id in self._under_way or (last is not None and now - last < USE_NOTED_MILLISECONDS):
            return
        task = asyncio.create_task(self._write(token.id, now))
        self._under_way[token.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(token.id))

    async def settled(self) -> None:
        """Wait until all that is under way is noted."""
        await asyncio.gather(*self._under_way.values())

    async def _write(self, token: TokenId, now: Milliseconds) -> None:
        try:
            await self._catalog.note_api_token_use(token, now)
        except TreeholdError:
            pass  # only a note: the next request tries again
