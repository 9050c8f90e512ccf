"""Tests of treehold.catalog.sqlite_listing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, new_repo, new_token
from treehold.catalog import sqlite_listing
from treehold.catalog.accounts import Cursor
from treehold.catalog.base import Direction, RepoPage, RepoQuery, RepoSort
from treehold.catalog.cursors import Position, encode_cursor
from treehold.catalog.sqlite_listing import INLINE_OFFSET_MAX, _page_sql, is_slow, list_repos
from treehold.catalog.sqlite_names import index_names
from treehold.catalog.sqlite_repos import create_repo
from treehold.catalog.sqlite_schema import migrate
from treehold.errors import InvalidInput

QUERY = RepoQuery(ACCOUNT, NAMESPACE, 2)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A database with five repos."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        for number in range(5):
            create_repo(made, new_repo(f"repo-{number}", now=number), new_token())
        yield made


@pytest.mark.parametrize("cursor", [None, Cursor("x")])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["created_at", "updated_at", "last_push_at", "name"])
def test_every_order_is_served_by_an_index(
    connection: Connection, sort: RepoSort, direction: Direction, cursor: Cursor | None
) -> None:
    """No listing sorts its namespace: each walks an index, and beyond a cursor begins where it ended."""
    parameters = {"namespace": 1, "value": 1, "key": 1, "limit": 3, "offset": 0}
    index = {"created_at": "created", "updated_at": "updated", "last_push_at": "pushed", "name": "live_name"}[sort]
    plans = []
    for sql in _page_sql(replace(QUERY, sort=sort, direction=direction, cursor=cursor)):
        plans.append([row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql, parameters)])
        assert any(f"USING INDEX repos_{index}" in step for step in plans[-1])
        assert "USE TEMP B-TREE FOR ORDER BY" not in plans[-1]
    if cursor is not None:
        assert any("rowid>?" in step or "rowid<?" in step for step in plans[0])


def test_a_page_goes_on_where_the_last_one_ended(connection: Connection) -> None:
    """A cursor overrides an offset, and the last page has none."""
    first = list_repos(connection, QUERY)
    second = list_repos(connection, replace(QUERY, cursor=first.cursor, offset=4))
    third = list_repos(connection, replace(QUERY, cursor=second.cursor))
    names = [[row.name for row in page.rows] for page in (first, second, third)]
    assert names == [["repo-4", "repo-3"], ["repo-2", "repo-1"], ["repo-0"]]
    assert third.cursor is None


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_has_no_cursor(connection: Connection, limit: int) -> None:
    """A limit of nothing answers the total alone."""
    assert list_repos(connection, replace(QUERY, limit=limit)) == RepoPage((), 5, None)


def test_a_cursor_without_a_key_is_refused(connection: Connection) -> None:
    """The last row is named by its key, and a cursor that names something else is none of this catalog's."""
    for text in ("x", "", "-1", "1" * 19):
        cursor = encode_cursor("created_at", "desc", Position(1, text))
        with pytest.raises(InvalidInput):
            list_repos(connection, replace(QUERY, cursor=cursor))


def test_equal_times_go_by_the_order_of_creation(connection: Connection) -> None:
    """Rows of one time follow each other as they were made, and backwards in descending lists."""
    connection.execute("UPDATE repos SET created_at = 1")
    page = list_repos(connection, replace(QUERY, limit=9))
    assert [row.name for row in page.rows] == [f"repo-{number}" for number in (4, 3, 2, 1, 0)]


NAMES = [f"agent-{number}" if number % 60 else f"other{number}" for number in range(120)]


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("search", ["AGENT-1", "t-1", "-11", "1", "agent", "1-x", "%", ""])
@pytest.mark.parametrize(("scanned", "most"), [(0, 1000), (1000, 1000), (0, 10), (1000, 10), (0, 0)])
def test_all_ways_of_searching_find_the_same(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, scanned: int, most: int, search: str, direction: Direction
) -> None:
    """By the index of names, by looking at all of them, and by walking the order: one result, in pages."""
    for number, name in enumerate(NAMES):
        create_repo(connection, new_repo(name, namespace="many", now=number // 3), new_token())
        create_repo(connection, new_repo(name, now=number), new_token())
        if number == 100:
            index_names(connection, 5 + 2 * 101)
    monkeypatch.setattr(sqlite_listing, "SCANNED_REPOS_MAX", scanned)
    monkeypatch.setattr(sqlite_listing, "MATCHES_MAX", most)
    query = replace(QUERY, namespace="many", search=search, direction=direction, limit=50)
    pages = [list_repos(connection, query)]
    while pages[-1].cursor is not None:
        pages.append(list_repos(connection, replace(query, cursor=pages[-1].cursor)))
    found = [name for name in NAMES if search.lower() in name]
    assert [row.name for page in pages for row in page.rows] == (found if direction == "asc" else found[::-1])
    assert {page.total for page in pages} == {len(found)}


def test_an_unknown_namespace_is_an_empty_page(connection: Connection) -> None:
    """There is nothing in a namespace that is not there."""
    assert list_repos(connection, replace(QUERY, namespace="other")) == RepoPage((), 0, None)


def test_a_search_without_matches_is_an_empty_page(connection: Connection) -> None:
    """Nothing found, nothing counted."""
    assert list_repos(connection, replace(QUERY, search="other")) == RepoPage((), 0, None)
    assert list_repos(connection, replace(QUERY, search="REPO-3")).total == 1


def test_searches_and_deep_offsets_are_slow() -> None:
    """They belong in a thread; a plain page does not."""
    assert not is_slow(QUERY)
    assert not is_slow(replace(QUERY, offset=INLINE_OFFSET_MAX))
    assert is_slow(replace(QUERY, offset=INLINE_OFFSET_MAX + 1))
    assert is_slow(replace(QUERY, search=""))
