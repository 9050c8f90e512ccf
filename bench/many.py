"""A Treehold whose catalog was filled with very many repos before it started."""

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Final

from bench.servers import Treehold
from treehold.catalog import sqlite_repos
from treehold.catalog.base import NewRepo, NewToken
from treehold.catalog.sqlite import SqliteCatalog
from treehold.catalog.sqlite_connection import DEFAULT_LIMITS, connect
from treehold.ids import AccountId, Milliseconds, RepoId, TokenId, new_id

_A_TRANSACTION: Final = 20_000
_DAY: Final = 86_400_000


class TreeholdWithMany(Treehold):
    """Treehold with so many empty repos in one namespace."""

    def __init__(self, folder: Path, *, repos: int) -> None:
        super().__init__(folder)
        self._repos = repos

    def start(self) -> None:
        """Fill the catalog, then start."""
        self.data_dir.mkdir(parents=True, mode=0o700)
        _fill(self.data_dir / "catalog.sqlite3", self._repos)
        super().start()


def _fill(path: Path, repos: int) -> None:
    """The catalog's own statements in long transactions: one repo in each would take minutes for a million."""
    asyncio.run(SqliteCatalog.open(path).close())  # makes the tables
    connection = connect(path, DEFAULT_LIMITS)
    start = time.time_ns() // 1_000_000 - repos
    for first in range(0, repos, _A_TRANSACTION):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(first, min(first + _A_TRANSACTION, repos)):
            sqlite_repos.create_repo(connection, *_row(number, Milliseconds(start + number)))
        connection.execute("COMMIT")
    connection.close()


def _row(number: int, now: Milliseconds) -> tuple[NewRepo, NewToken]:
    repo = NewRepo(
        id=RepoId(new_id(os.urandom)),
        account=AccountId("local"),
        namespace="bench",
        name=f"repo-{number:08}",
        description=None,
        default_branch="main",
        read_only=False,
        source=None,
        now=now,
    )
    digest = hashlib.sha256(number.to_bytes(8)).digest()
    return repo, NewToken(TokenId(new_id(os.urandom)), digest, "write", now, Milliseconds(now + _DAY))
