"""Tests of treehold.catalog.sqlite_namespaces."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, at
from treehold.catalog.accounts import NamespaceQuery
from treehold.catalog.sqlite_namespaces import (
    create_namespace,
    delete_namespace,
    enter_namespace,
    find_namespace,
    list_namespaces,
)
from treehold.errors import AlreadyExists, NotFound


def test_a_namespace_is_entered_or_made(connection: Connection) -> None:
    """The first repo makes its namespace and account, the next is counted in it."""
    assert enter_namespace(connection, ACCOUNT, "build", at(1)) == enter_namespace(connection, ACCOUNT, "build", at(2))
    assert find_namespace(connection, ACCOUNT, "build").repo_count == 2
    with pytest.raises(AlreadyExists, match="2 repos"):
        delete_namespace(connection, ACCOUNT, "build")
    with pytest.raises(AlreadyExists):
        create_namespace(connection, ACCOUNT, "build", "eu", at(3))


def test_a_key_is_never_used_again(connection: Connection) -> None:
    """A namespace made after another was deleted has a key of its own."""
    create_namespace(connection, ACCOUNT, "build", "eu", at(1))
    (first,) = connection.execute("SELECT key FROM namespaces").fetchone()
    delete_namespace(connection, ACCOUNT, "build")
    with pytest.raises(NotFound):
        delete_namespace(connection, ACCOUNT, "build")
    assert enter_namespace(connection, ACCOUNT, "other", at(2)) > first


def test_a_page_is_read_along_the_index(connection: Connection) -> None:
    """Neither a sort nor a count nor a look at another account's rows is needed for a page."""
    create_namespace(connection, ACCOUNT, "build", "us", at(1))
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    page = list_namespaces(connection, NamespaceQuery(ACCOUNT, 5))
    connection.set_trace_callback(None)
    assert ([row.jurisdiction for row in page.rows], page.total, page.cursor) == (["us"], 1, None)
    plans = [row[3] for sql in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert len(plans) == 2
    assert all(step.startswith("SEARCH") for step in plans)
