"""Catalogs with very many repos, and a Treehold that starts with one."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Final

from bench.servers import Treehold
from treehold.catalog.sqlite import SqliteCatalog
from treehold.catalog.sqlite_connection import DEFAULT_LIMITS, connect
from treehold.catalog.sqlite_names import index_names

_A_TRANSACTION: Final = 1_000_000
_CACHE_KIB: Final = 2 << 20
_TABLES: Final = (
    "INSERT INTO accounts(id, created_at, namespace_count) VALUES ('local', :start, 1)",
    """
    INSERT INTO namespaces(key, account, name, jurisdiction, repo_count, created_at, updated_at)
    VALUES (1, 'local', 'bench', 'unrestricted', :repos, :start, :start)
    """,
)
_NUMBERS: Final = "WITH RECURSIVE numbers(n) AS (VALUES (:first) UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
_REPOS: Final = """
    INSERT INTO repos(key, id, namespace, name, default_branch, read_only, generation, exact, size_bytes, object_count,
        created_at, updated_at, last_push_at, overlay)
    SELECT n, lower(hex(randomblob(8))), 1, printf('repo-%08d', n - 1), 'main', 0, 0, 1, 0, 0,
        :start + n, :start + n, -1, 0
    FROM numbers
"""
_TOKENS: Final = """
    INSERT INTO tokens(key, id, digest, repo, may_write, created_at, expires_at)
    SELECT n, lower(hex(randomblob(8))), digest_of(n - 1), n, 1, :start + n, :start + n + 86400000 FROM numbers
"""


class TreeholdWithMany(Treehold):
    """Treehold with so many empty repos in one namespace."""

    def __init__(self, folder: Path, *, repos: int) -> None:
        super().__init__(folder)
        self._repos = repos

    def start(self) -> None:
        """Fill the catalog, then start."""
        self.data_dir.mkdir(parents=True, mode=0o700)
        fill(self.data_dir / "catalog.sqlite3", self._repos)
        super().start()


def name_of(number: int) -> str:
    """The name of a repo in such a catalog; they are numbered from 0."""
    return f"repo-{number:08}"


def digest_of(number: int) -> bytes:
    """The digest of its token."""
    return hashlib.sha256(number.to_bytes(8)).digest()


def fill(path: Path, repos: int) -> None:
    """A catalog with so many repos in the namespace ``bench``, each with its token.

    The rows and the indexes are those which creations one by one would make, in statements of a million rows each.
    """
    asyncio.run(SqliteCatalog.open(path).close())  # makes the tables
    connection = connect(path, DEFAULT_LIMITS)
    connection.create_function("digest_of", 1, digest_of, deterministic=True)
    for pragma in ("synchronous = OFF", "foreign_keys = OFF", f"cache_size = -{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}")
    values = {"start": time.time_ns() // 1_000_000 - repos, "repos": repos}
    for sql in _TABLES:
        connection.execute(sql, values)
    for first in range(1, repos + 1, _A_TRANSACTION):
        last = min(first + _A_TRANSACTION - 1, repos)
        connection.execute("BEGIN IMMEDIATE")
        for sql in (_REPOS, _TOKENS):
            connection.execute(f"{_NUMBERS} {sql}", {**values, "first": first, "last": last})
        index_names(connection, last)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
