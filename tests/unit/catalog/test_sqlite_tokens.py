"""Tests of treehold.catalog.sqlite_tokens."""

import sqlite3
from dataclasses import replace
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, digest_of, new_repo, new_token
from treehold.catalog.base import RepoRow
from treehold.catalog.sqlite_repos import create_repo, repo_row_of
from treehold.catalog.sqlite_tokens import (
    create_token,
    find_token,
    list_tokens,
    revoke_token,
)
from treehold.errors import NotFound
from treehold.ids import RepoId, TokenId


@pytest.fixture
def repo(connection: Connection) -> RepoRow:
    """A repo with one token."""
    return create_repo(connection, new_repo("repo"), new_token("first", created=1))


def test_a_token_is_found_with_its_repo(connection: Connection, repo: RepoRow) -> None:
    """The repo's row comes with the token in one look-up."""
    token, record = find_token(connection, digest_of("first"))
    assert (token.id, token.repo, repo_row_of(record)) == ("first", repo.id, repo)
    with pytest.raises(NotFound):
        find_token(connection, digest_of("second"))


def test_a_token_look_up_reads_no_table_through(connection: Connection) -> None:
    """Token, repo and namespace are each found by a key."""
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    with pytest.raises(NotFound):
        find_token(connection, digest_of("nobody"))
    connection.set_trace_callback(None)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert len(plan) == 3
    assert all(step.startswith("SEARCH") for step in plan)
    assert "USING INDEX tokens_digest" in plan[0]


def test_tokens_are_kept_for_live_repos_only(connection: Connection, repo: RepoRow) -> None:
    """A second token is listed before the first; for an unknown repo there is NotFound and an empty list."""
    create_token(connection, repo.id, new_token("second", created=2))
    tokens, total = list_tokens(connection, repo.id, "all", at(0), (1, 0))
    assert ([token.id for token in tokens], total) == (["second"], 2)
    assert list_tokens(connection, repo.id, "all", at(0), (-1, 0)) == ([], 2)
    with pytest.raises(NotFound):
        create_token(connection, RepoId("nobody"), new_token())
    assert list_tokens(connection, RepoId("nobody"), "all", at(0), (9, 0)) == ((), 0)


def test_a_digest_is_kept_once(connection: Connection, repo: RepoRow) -> None:
    """The same secret cannot open two repos."""
    with pytest.raises(sqlite3.IntegrityError):
        create_token(connection, repo.id, replace(new_token("other"), digest=digest_of("first")))


def test_a_token_has_its_scope(connection: Connection, repo: RepoRow) -> None:
    """What is kept as a flag comes back as a word."""
    create_token(connection, repo.id, new_token("reader", scope="read", created=2))
    assert [token.scope for token in list_tokens(connection, repo.id, "all", at(0), (9, 0))[0]] == ["read", "write"]
    assert find_token(connection, digest_of("reader"))[0].scope == "read"


def test_a_token_is_revoked_once(connection: Connection, repo: RepoRow) -> None:
    """The first revocation stays; an unknown token is NotFound."""
    for time in (3, 4):
        revoke_token(connection, ACCOUNT, NAMESPACE, TokenId("first"), at(time))
    assert find_token(connection, digest_of("first"))[0].revoked_at == at(3)
    with pytest.raises(NotFound):
        revoke_token(connection, ACCOUNT, "other", TokenId("first"), at(5))
