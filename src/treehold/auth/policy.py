"""Who may do what: decisions over facts that somebody else looked up."""

from typing import Final, Literal

from treehold.errors import PermissionDenied, Unauthenticated
from treehold.ids import AccountId, Milliseconds

Service = Literal["git-upload-pack", "git-receive-pack"]
Action = Literal["read", "edit"]

REFUSED: Final = "Invalid or expired token"
"""One sentence for every bad token and every unknown repo, so that nobody learns which repos exist."""

UNKNOWN_API_TOKEN: Final = "Authentication error: the API token is not known"  # noqa: S105 - a sentence


def check_token_alive(*, expires_at: Milliseconds, revoked_at: Milliseconds | None, now: Milliseconds) -> None:
    """Refuse a repo token that is over; raises PermissionDenied."""
    if revoked_at is not None or now >= expires_at:
        raise PermissionDenied(REFUSED)


def check_service(service: Service, *, scope: str, read_only: bool) -> None:
    """Refuse a push with a read token or to a read-only repo; raises PermissionDenied."""
    if service != "git-receive-pack":
        return
    if scope != "write":
        raise PermissionDenied("Insufficient permissions")
    if read_only:
        raise PermissionDenied("Repository is read-only")


def check_api_token_alive(
    *, expires_at: Milliseconds | None, revoked_at: Milliseconds | None, now: Milliseconds
) -> None:
    """Refuse an API token that is over, as an unknown one is; raises Unauthenticated."""
    if revoked_at is not None:
        raise Unauthenticated(UNKNOWN_API_TOKEN)
    if expires_at is not None and now >= expires_at:
        raise Unauthenticated("Authentication error: the API token has expired")


def check_api_action(action: Action, *, permission: str, owner: AccountId, account: AccountId) -> None:
    """Refuse what a good API token does not allow; raises PermissionDenied."""
    if owner != account:
        raise PermissionDenied("Authentication error: the API token belongs to another account")
    if action == "edit" and permission != "edit":
        raise PermissionDenied("Authentication error: this needs an API token with edit permission")
