"""Tests of treehold.catalog.sqlite_accounts."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, api_token, at, digest_of
from treehold.catalog.sqlite_accounts import (
    create_account,
    create_api_token,
    find_api_token,
    list_accounts,
    list_api_tokens,
    note_api_token_use,
    revoke_api_token,
    rotate_api_token,
)
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, TokenId


def test_api_tokens_are_kept_found_listed_and_revoked(connection: Connection) -> None:
    """An API token brings its account and goes through its life."""
    create_api_token(connection, api_token("a"), digest_of("a"))
    create_api_token(connection, api_token("b", permission="read"), digest_of("b"))
    assert connection.execute("SELECT id FROM accounts").fetchall() == [(ACCOUNT,)]
    assert find_api_token(connection, digest_of("b")) == api_token("b", permission="read")
    with pytest.raises(AlreadyExists):
        create_api_token(connection, api_token("c"), digest_of("a"))
    revoke_api_token(connection, TokenId("a"), at(3))
    revoke_api_token(connection, TokenId("a"), at(4))
    assert [token.revoked_at for token in list_api_tokens(connection)] == [at(3), None]
    with pytest.raises(NotFound):
        find_api_token(connection, digest_of("c"))
    with pytest.raises(NotFound):
        revoke_api_token(connection, TokenId("c"), at(5))


def test_accounts_are_made_once(connection: Connection) -> None:
    """A made account is listed and not made again."""
    row = create_account(connection, AccountId("rival"), at(1))
    with pytest.raises(AlreadyExists):
        create_account(connection, AccountId("rival"), at(2))
    assert list_accounts(connection) == [row]


def test_a_rotated_token_is_found_by_its_new_digest(connection: Connection) -> None:
    """Rotating moves the row to another digest, and a use is noted on it as before."""
    create_api_token(connection, api_token("a"), digest_of("old"))
    rotate_api_token(connection, TokenId("a"), digest_of("new"), at(50), at(2))
    note_api_token_use(connection, TokenId("a"), at(3))
    found = find_api_token(connection, digest_of("new"))
    assert (found.rotated_at, found.last_used_at, found.expires_at) == (at(2), at(3), at(50))
    with pytest.raises(NotFound):
        find_api_token(connection, digest_of("old"))
    with pytest.raises(NotFound):
        rotate_api_token(connection, TokenId("b"), digest_of("newer"), None, at(4))


def test_an_api_token_look_up_reads_no_table_through(connection: Connection) -> None:
    """A token is found by the index of digests."""
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    with pytest.raises(NotFound):
        find_api_token(connection, digest_of("nobody"))
    connection.set_trace_callback(None)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH")
