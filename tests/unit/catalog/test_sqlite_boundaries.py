"""Tests of treehold.catalog.sqlite_boundaries."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, new_repo, new_token, oid_of
from treehold.catalog.sqlite_boundaries import load_boundary, release_boundary, save_boundary
from treehold.catalog.sqlite_repos import create_repo, delete_repo, fork_repo
from treehold.catalog.sqlite_state import number
from treehold.errors import CorruptStore

BOUNDARY = "SELECT coalesce(max(boundary), 0) FROM repos"


def test_a_boundary_is_shared_by_forks_and_goes_with_the_last_of_them(connection: Connection) -> None:
    """A fork has the commits that its parent has; deleted are they when neither is there."""
    parent = create_repo(connection, new_repo("parent"), new_token("p"))
    save_boundary(connection, 1, {oid_of("b"), oid_of("a")})
    fork_repo(connection, parent.id, new_repo("fork"), new_token("f"), None)
    key = number(connection, BOUNDARY, ())
    delete_repo(connection, ACCOUNT, NAMESPACE, "parent", at(1))
    assert load_boundary(connection, key) == {oid_of("a"), oid_of("b")}
    release_boundary(connection, key)
    delete_repo(connection, ACCOUNT, NAMESPACE, "fork", at(2))
    assert number(connection, "SELECT count(*) FROM boundaries", ()) == 0


def test_a_boundary_that_cannot_be_read_is_told(connection: Connection) -> None:
    """One that is not there or was cut is damage, not an empty boundary."""
    create_repo(connection, new_repo("repo"), new_token())
    save_boundary(connection, 1, {oid_of("a")})
    key = number(connection, BOUNDARY, ())
    connection.execute("UPDATE boundaries SET oids = x'0011'")
    for damaged in (key, key + 1):
        with pytest.raises(CorruptStore, match="boundary"):
            load_boundary(connection, damaged)
