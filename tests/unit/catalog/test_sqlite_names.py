"""Tests of treehold.catalog.sqlite_names."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token
from treehold.catalog.sqlite_care import purge_some
from treehold.catalog.sqlite_names import NAMES_AT_ONCE, find_candidates, index_names
from treehold.catalog.sqlite_repos import create_repo, delete_repo
from treehold.catalog.sqlite_schema import migrate


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A database with three repos, two of them in the index of names."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        for name in ("agent-007", "agent-77"):
            create_repo(made, new_repo(name), new_token())
        index_names(made, 2)
        create_repo(made, new_repo("docs-site"), new_token())
        yield made


def _mark(connection: Connection) -> int:
    return int(connection.execute("SELECT upto FROM repo_names_mark").fetchone()[0])


@pytest.mark.parametrize(
    ("search", "keys"),
    [
        ("agent", [1, 2, 3]),
        ("AGENT-7", [2, 3]),
        ("-007", [1, 3]),
        ("agent-007", [1, 3]),
        ("docs", [3]),
        ("nobody", [3]),
        ('a"b" OR c', [3]),
        ("t-", None),
        ("é", None),
        ("ÉÉÉ", [3]),
    ],
)
def test_candidates_hold_the_search_or_are_not_indexed_yet(
    connection: Connection, search: str, keys: list[int] | None
) -> None:
    """The index names who has the trigrams, whatever their case; who is above the mark always comes along."""
    assert find_candidates(connection, search, 9) == keys


def test_too_many_candidates_are_none(connection: Connection) -> None:
    """Where more may match than are wanted, the index does not answer."""
    assert find_candidates(connection, "agent", 1) is None
    assert find_candidates(connection, "agent", 2) == [1, 2, 3]


def test_every_thousandth_repo_moves_the_mark(connection: Connection) -> None:
    """Names come into the index many at a time, with the transaction of one creation."""
    connection.execute("BEGIN")
    for number in range(4, NAMES_AT_ONCE):
        create_repo(connection, new_repo(f"repo-{number}"), new_token())
    assert _mark(connection) == 2
    create_repo(connection, new_repo("thousandth"), new_token())
    connection.execute("COMMIT")
    assert _mark(connection) == NAMES_AT_ONCE
    assert find_candidates(connection, "thousandth", 9) == [NAMES_AT_ONCE]


def test_a_purged_repo_leaves_the_index(connection: Connection) -> None:
    """Deleted repos stay in the index until their rows go."""
    delete_repo(connection, ACCOUNT, NAMESPACE, "agent-007", at(1))
    assert find_candidates(connection, "agent-007", 9) == [1, 3]
    assert purge_some(connection, at(2)).repos == 1
    assert find_candidates(connection, "agent-007", 9) == [3]
    assert _mark(connection) == 2


def test_a_key_that_comes_again_is_indexed_again(connection: Connection) -> None:
    """When the highest keys are purged the mark falls with them, for new repos are given the same keys."""
    for name in ("agent-77", "docs-site"):
        delete_repo(connection, ACCOUNT, NAMESPACE, name, at(1))
    assert purge_some(connection, at(2)).repos == 2
    assert _mark(connection) == 1
    create_repo(connection, new_repo("again"), new_token())
    assert find_candidates(connection, "again", 9) == [2]
    index_names(connection, 2)
    assert find_candidates(connection, "again", 9) == [2]
    assert find_candidates(connection, "agent-77", 9) == []
