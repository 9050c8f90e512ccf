"""Twin of treehold.api.rows."""

import dataclasses

import pytest

from tests.unit.api.told_catalog import API_TOKEN, REPO, TOKEN
from treehold.api import rows
from treehold.catalog.accounts import NamespaceRow
from treehold.catalog.base import NewToken
from treehold.engine.fork import ForkedRepo
from treehold.engine.repos import CreatedRepo
from treehold.engine.tokens import MintedToken
from treehold.ids import Milliseconds, TokenId


def test_a_repo_is_shown() -> None:
    """A row's times become ISO text, null stays null, and what is internal is not shown."""
    assert rows.repo_info(REPO, "https://r").model_dump(mode="json") == {
        "id": "0123456789abcdef",
        "name": "starter-repo",
        "description": None,
        "default_branch": "main",
        "created_at": "1970-01-01T00:00:00.001Z",
        "updated_at": "1970-01-01T00:00:00.002Z",
        "last_push_at": "1970-01-01T00:00:00.003Z",
        "source": None,
        "read_only": False,
        "remote": "https://r",
        "status": "ready",
        "size_bytes": 42,
    }
    unpushed = dataclasses.replace(REPO, last_push_at=None, source="artifacts:default/other")
    shown = rows.repo_info(unpushed, "https://r")
    assert (shown.last_push_at, shown.source) == (None, "artifacts:default/other")


def test_a_repo_is_shown_in_its_status() -> None:
    """A repo that is being imported says so."""
    assert rows.repo_info(dataclasses.replace(REPO, status="importing"), "https://r").status == "importing"


def test_a_namespace_is_shown() -> None:
    """A namespace has its name and its times as text, and no account."""
    row = NamespaceRow(REPO.account, "agents", "eu", 3, Milliseconds(1), Milliseconds(2))
    assert rows.namespace_info(row).model_dump(mode="json") == {
        "namespace": "agents",
        "jurisdiction": "eu",
        "repo_count": 3,
        "created_at": "1970-01-01T00:00:00.001Z",
        "updated_at": "1970-01-01T00:00:00.002Z",
    }


def test_the_holder_of_a_token_is_shown() -> None:
    """Account, membership and the token itself, with its end if it has one."""
    account = {"id": "acme", "name": "acme"}
    assert rows.account_info(API_TOKEN).model_dump() == account
    assert rows.membership(API_TOKEN).model_dump() == {
        "id": API_TOKEN.id,
        "status": "accepted",
        "account": account,
        "roles": ["Artifacts Edit"],
    }
    for expires_at, shown in ((None, None), (Milliseconds(60_000), "1970-01-01T00:01:00.000Z")):
        token = dataclasses.replace(API_TOKEN, expires_at=expires_at)
        assert rows.verified_token(token).model_dump(mode="json") == {
            "id": API_TOKEN.id,
            "status": "active",
            "not_before": "1970-01-01T00:00:00.000Z",
            "expires_on": shown,
        }


def test_a_new_repo_is_shown_with_its_token() -> None:
    """What was just made has its token, and a fork its objects last."""
    created = CreatedRepo(row=REPO, token="art_v1_x?expires=1")
    shown = rows.created_repo(created, "https://r").model_dump()
    assert shown == {
        "id": "0123456789abcdef",
        "name": "starter-repo",
        "description": None,
        "default_branch": "main",
        "remote": "https://r",
        "token": "art_v1_x?expires=1",
    }
    forked = rows.forked_repo(ForkedRepo(created=created, objects=3), "https://r").model_dump()
    assert list(forked.items()) == [*shown.items(), ("objects", 3)]


@pytest.mark.parametrize(
    ("now", "revoked_at", "state"), [(4999, None, "active"), (5000, None, "expired"), (5000, 10, "revoked")]
)
def test_a_token_is_shown_in_its_state(now: int, revoked_at: int | None, state: str) -> None:
    """A token is active until the moment of its expiry, and revoked wins."""
    row = dataclasses.replace(TOKEN, revoked_at=None if revoked_at is None else Milliseconds(revoked_at))
    shown = rows.token_info(row, Milliseconds(now)).model_dump(mode="json")
    assert shown == {
        "id": "token00000000000",
        "scope": "write",
        "state": state,
        "created_at": "1970-01-01T00:00:00.001Z",
        "expires_at": "1970-01-01T00:00:05.000Z",
    }


def test_a_new_token_is_shown_in_plaintext() -> None:
    """A token just made is shown with its plaintext and without its digest."""
    kept = NewToken(TokenId("t"), b"digest", "read", Milliseconds(1), Milliseconds(60_001))
    shown = rows.created_token(MintedToken(kept=kept, plaintext="art_v1_x?expires=60")).model_dump(mode="json")
    assert shown == {
        "id": "t",
        "plaintext": "art_v1_x?expires=60",
        "scope": "read",
        "expires_at": "1970-01-01T00:01:00.001Z",
    }
