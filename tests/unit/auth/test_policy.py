"""Who may do what."""

import pytest

from treehold.auth import policy
from treehold.errors import PermissionDenied, Unauthenticated
from treehold.ids import AccountId, Milliseconds

NOW = Milliseconds(1_000)
MINE, THEIRS = AccountId("mine"), AccountId("theirs")


def test_a_living_token_is_let_in() -> None:
    """A token that is neither expired nor revoked passes."""
    policy.check_token_alive(expires_at=Milliseconds(1_001), revoked_at=None, now=NOW)


@pytest.mark.parametrize(("expires_at", "revoked_at"), [(1_000, None), (2_000, 5), (1, 1)])
def test_a_dead_token_is_refused(expires_at: int, revoked_at: int | None) -> None:
    """An expired and a revoked token are refused with the same words."""
    revoked = None if revoked_at is None else Milliseconds(revoked_at)
    with pytest.raises(PermissionDenied, match="Invalid or expired token"):
        policy.check_token_alive(expires_at=Milliseconds(expires_at), revoked_at=revoked, now=NOW)


@pytest.mark.parametrize("scope", ["read", "write"])
@pytest.mark.parametrize("read_only", [True, False])
def test_anybody_let_in_may_fetch(scope: str, read_only: bool) -> None:
    """Fetching needs no scope beyond being let in."""
    policy.check_service("git-upload-pack", scope=scope, read_only=read_only)


def test_a_push_needs_the_write_scope_and_a_writable_repo() -> None:
    """A read token lacks permission; a write token meets a read-only repo's refusal."""
    policy.check_service("git-receive-pack", scope="write", read_only=False)
    with pytest.raises(PermissionDenied, match="Insufficient permissions"):
        policy.check_service("git-receive-pack", scope="read", read_only=True)
    with pytest.raises(PermissionDenied, match="Repository is read-only"):
        policy.check_service("git-receive-pack", scope="write", read_only=True)


def test_an_api_token_acts_in_its_account_within_its_permission() -> None:
    """Read reads, edit does both, and neither reaches another account."""
    for action, permission in (("read", "read"), ("read", "edit"), ("edit", "edit")):
        policy.check_api_action("edit" if action == "edit" else "read", permission=permission, owner=MINE, account=MINE)
    with pytest.raises(PermissionDenied, match="edit permission"):
        policy.check_api_action("edit", permission="read", owner=MINE, account=MINE)
    with pytest.raises(PermissionDenied, match="another account"):
        policy.check_api_action("read", permission="edit", owner=THEIRS, account=MINE)


@pytest.mark.parametrize("expires_at", [None, 1_001])
def test_a_living_api_token_is_let_in(expires_at: int | None) -> None:
    """An API token passes until its end, or for ever if it has none."""
    ends = None if expires_at is None else Milliseconds(expires_at)
    policy.check_api_token_alive(expires_at=ends, revoked_at=None, now=NOW)


def test_a_dead_api_token_is_nobody() -> None:
    """A revoked token is refused as an unknown one is, an expired one from its last moment on."""
    with pytest.raises(Unauthenticated, match="not known"):
        policy.check_api_token_alive(expires_at=Milliseconds(1), revoked_at=NOW, now=NOW)
    with pytest.raises(Unauthenticated, match="has expired"):
        policy.check_api_token_alive(expires_at=NOW, revoked_at=None, now=NOW)
