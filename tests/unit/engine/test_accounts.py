"""Tests of treehold.engine.accounts."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from treehold.auth import secrets
from treehold.catalog.base import Catalog
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.accounts import (
    API_TOKEN_TTL_MAX,
    LABEL_MAX,
    ApiTokenWish,
    api_token_state,
    create_account,
    create_api_token,
    keep_api_token,
    require_account,
    rotate_api_token,
)
from treehold.errors import AlreadyExists, InvalidInput, InvalidTtl, NotFound
from treehold.ids import AccountId, Milliseconds, TokenId

NOW = Milliseconds(1_000_000)
ACME = AccountId("acme")


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """An empty catalog."""
    made = SqliteCatalog.open(tmp_path / "catalog.db")
    yield made
    await made.close()


@pytest.mark.parametrize("name", ["a", "0", "team-7", "a" * 63, "a-"])
async def test_a_legal_account_is_made(catalog: Catalog, name: str) -> None:
    """A name that may stand in a host name is taken, once."""
    assert (await create_account(catalog, name, NOW)).id == name
    await require_account(catalog, AccountId(name))
    with pytest.raises(AlreadyExists):
        await create_account(catalog, name, NOW)


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a.b", "a/b", "a" * 64, "é", "a\n"])
async def test_an_illegal_account_is_refused(catalog: Catalog, name: str) -> None:
    """A name that could not stand in a host name or a path is refused, and nothing is made."""
    with pytest.raises(InvalidInput):
        await create_account(catalog, name, NOW)
    with pytest.raises(NotFound):
        await require_account(catalog, AccountId(name))


async def test_a_token_is_as_wished(catalog: Catalog) -> None:
    """A made token is found by its secret, with label and end, and its secret is not in its text."""
    minted = await create_api_token(catalog, ApiTokenWish(ACME, "read", "ci", 60), entropy=os.urandom, now=NOW)
    assert minted.secret.startswith("thd_")
    assert minted.secret not in repr(minted)
    row = await catalog.find_api_token(secrets.digest(minted.secret.encode()))
    assert row == minted.row
    assert (row.account, row.permission, row.label, row.expires_at) == (ACME, "read", "ci", NOW + 60_000)


async def test_a_given_secret_is_kept_once(catalog: Catalog) -> None:
    """A secret of the operator's own is kept without an end, and not twice."""
    wish = ApiTokenWish(ACME, "edit")
    row = await keep_api_token(catalog, wish, "a-secret-of-mine", entropy=os.urandom, now=NOW)
    assert row.expires_at is None
    with pytest.raises(AlreadyExists):
        await keep_api_token(catalog, wish, "a-secret-of-mine", entropy=os.urandom, now=NOW)


@pytest.mark.parametrize("label", ["x" * (LABEL_MAX + 1), "two\nlines", "\x1b[31m"])
async def test_a_label_is_one_short_line(catalog: Catalog, label: str) -> None:
    """A label that is too long or would disturb a terminal is refused."""
    with pytest.raises(InvalidInput):
        await create_api_token(catalog, ApiTokenWish(ACME, "read", label), entropy=os.urandom, now=NOW)


@pytest.mark.parametrize("ttl", [0, 59, -1, API_TOKEN_TTL_MAX + 1])
async def test_a_life_has_bounds(catalog: Catalog, ttl: int) -> None:
    """A life that is too short or too long is refused at making and at rotating."""
    with pytest.raises(InvalidTtl):
        await create_api_token(catalog, ApiTokenWish(ACME, "read", "", ttl), entropy=os.urandom, now=NOW)
    minted = await create_api_token(catalog, ApiTokenWish(ACME, "read"), entropy=os.urandom, now=NOW)
    with pytest.raises(InvalidTtl):
        await rotate_api_token(catalog, minted.row.id, ttl_seconds=ttl, entropy=os.urandom, now=NOW)


async def test_a_rotation_changes_secret_and_end(catalog: Catalog) -> None:
    """The row keeps its id, the new secret finds it, and an unknown id is NotFound."""
    old = await create_api_token(catalog, ApiTokenWish(ACME, "edit", "ci", 60), entropy=os.urandom, now=NOW)
    new = await rotate_api_token(catalog, old.row.id, ttl_seconds=120, entropy=os.urandom, now=NOW)
    assert (new.row.id, new.row.expires_at, new.row.rotated_at) == (old.row.id, NOW + 120_000, NOW)
    assert new.secret != old.secret
    with pytest.raises(NotFound):
        await rotate_api_token(catalog, TokenId("nobody"), ttl_seconds=None, entropy=os.urandom, now=NOW)


async def test_a_token_has_a_state(catalog: Catalog) -> None:
    """Active until its end, expired from then on, and revoked above all."""
    minted = await create_api_token(catalog, ApiTokenWish(ACME, "edit", "", 60), entropy=os.urandom, now=NOW)
    end = Milliseconds(NOW + 60_000)
    assert [api_token_state(minted.row, time) for time in (NOW, end)] == ["active", "expired"]
    await catalog.revoke_api_token(minted.row.id, NOW)
    (row,) = await catalog.list_api_tokens(ACME)
    assert api_token_state(row, end) == "revoked"
