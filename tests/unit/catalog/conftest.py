"""What the tests of the catalog's statements work on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection

import pytest

from treehold.catalog.sqlite_schema import migrate


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A database with all tables."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("PRAGMA foreign_keys = ON")
        migrate(made)
        yield made
