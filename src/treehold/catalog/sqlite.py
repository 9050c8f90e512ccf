"""The SQLite catalog: one file, shared by the processes of one machine.

Reads are answered in line on a connection of their own, or in a thread where they may be long; writes go through the
group-commit writer. The statements are in the modules beside this one; SQLite's log lets readers and the writer go on
without waiting for each other.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self

from treehold.catalog import sqlite_history, sqlite_listing, sqlite_repos, sqlite_tokens
from treehold.catalog.base import (
    ApiTokenRow,
    Catalog,
    NewRepo,
    NewToken,
    PushCommit,
    RefLogEntry,
    RepoPage,
    RepoQuery,
    RepoRow,
    RepoState,
    TokenFilter,
    TokenRow,
)
from treehold.catalog.sqlite_connection import (
    DEFAULT_LIMITS,
    ProcessLock,
    Reader,
    SqliteLimits,
    connect,
    make_private,
)
from treehold.catalog.sqlite_schema import migrate
from treehold.catalog.sqlite_state import StoredHistory
from treehold.catalog.sqlite_writer import GroupCommitWriter
from treehold.errors import CatalogError
from treehold.ids import AccountId, Milliseconds, PackId, RefName, RepoId, TokenId

INLINE_DECODE_BYTES_MAX: Final = 128 << 10
"""Largest snapshot decoded in the event loop's own thread: some 3,000 refs, which take about 4 ms."""


class SqliteCatalog(Catalog):
    """The catalog in a SQLite file. Make one with :meth:`open` in each process, after it was started."""

    def __init__(self, reader: Reader, slow_reader: Reader, writer: GroupCommitWriter) -> None:
        self._reader = reader
        self._slow_reader = slow_reader
        self._writer = writer

    @classmethod
    def open(cls, path: Path, *, limits: SqliteLimits = DEFAULT_LIMITS) -> Self:
        """Open the catalog in that file, making or migrating it as need be, and start its writer.

        Beside the file lie its ``-wal`` and ``-shm`` and a ``.lock``. It must be on a local file system. Raises
        CatalogError when it cannot be opened, or when a newer version made it.
        """
        try:
            with ExitStack() as undo:
                make_private(path)
                lock = ProcessLock(path.with_name(path.name + ".lock"))
                undo.callback(lock.close)
                with lock.held():
                    connection = connect(path, limits)
                    undo.callback(connection.close)
                    migrate(connection)
                reader = Reader(connect(path, limits))
                undo.callback(reader.close)
                slow_reader = Reader(connect(path, limits))
                undo.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise CatalogError(f"the catalog {path} cannot be opened: {error}") from error
        return cls(reader, slow_reader, GroupCommitWriter(connection, lock, limits))

    async def close(self) -> None:
        """Finish the writes under way and let go of the file."""
        await self._writer.close()
        self._reader.close()
        self._slow_reader.close()

    # Repos by name

    async def create_repo(self, repo: NewRepo, token: NewToken) -> RepoRow:
        """Make an empty repo with its first token."""
        return await self._writer.run(partial(sqlite_repos.create_repo, repo=repo, token=token))

    async def fork_repo(
        self, parent: RepoId, repo: NewRepo, token: NewToken, *, only: frozenset[RefName] | None = None
    ) -> RepoRow:
        """Make a repo that starts from the parent's refs and packs."""
        return await self._writer.run(
            partial(sqlite_repos.fork_repo, parent=parent, repo=repo, token=token, only=only),
        )

    async def find_repo(self, account: AccountId, namespace: str, name: str) -> RepoRow:
        """The live repo of that name."""
        return self._reader.read(sqlite_repos.find_repo, account, namespace, name)

    async def list_repos(self, query: RepoQuery) -> RepoPage:
        """A page of the live repos that match; long searches are done in a thread."""
        if sqlite_listing.is_slow(query):
            return await asyncio.to_thread(self._slow_reader.read_moment, sqlite_listing.list_repos, query)
        return self._reader.read_moment(sqlite_listing.list_repos, query)

    async def delete_repo(self, account: AccountId, namespace: str, name: str, now: Milliseconds) -> RepoId:
        """Take a repo away."""
        return await self._writer.run(
            partial(sqlite_repos.delete_repo, account=account, namespace=namespace, name=name, now=now),
        )

    # Refs, packs and the ref log

    async def repo_row(self, repo: RepoId) -> RepoRow:
        """The live repo of that id."""
        return self._reader.read(sqlite_history.find_row, repo)

    async def repo_state(self, repo: RepoId) -> RepoState:
        """Row, refs and packs of one generation; large ones are decoded in a thread."""
        row, history = self._reader.read_moment(sqlite_history.find_history, repo)
        if history.snapshot_bytes > INLINE_DECODE_BYTES_MAX:
            return await asyncio.to_thread(_decode_state, row, history)
        return _decode_state(row, history)

    async def inline_pack(self, pack: PackId) -> tuple[bytes, bytes]:
        """Bytes and index of an inline pack."""
        return self._reader.read(sqlite_history.find_inline_pack, pack)

    async def commit_push(self, push: PushCommit) -> int:
        """Make a push true."""
        return await self._writer.run(partial(sqlite_history.commit_push, push=push))

    async def ref_log(self, repo: RepoId, *, newest: int) -> Sequence[RefLogEntry]:
        """The newest entries of the ref log, newest first."""
        return self._reader.read(sqlite_history.list_ref_log, repo, newest)

    # Repo tokens

    async def create_token(self, repo: RepoId, token: NewToken) -> None:
        """Keep a token of a live repo."""
        await self._writer.run(partial(sqlite_tokens.create_token, repo=repo, token=token))

    async def find_token(self, digest: bytes) -> tuple[TokenRow, RepoRow]:
        """The token with that digest and its live repo."""
        token, record = self._reader.read(sqlite_tokens.find_token, digest)
        return token, sqlite_repos.repo_row_of(record)

    async def list_tokens(
        self, repo: RepoId, *, state: TokenFilter, now: Milliseconds, limit: int, offset: int
    ) -> tuple[Sequence[TokenRow], int]:
        """Tokens of that state, newest first, and how many there are."""
        return self._reader.read_moment(sqlite_tokens.list_tokens, repo, state, now, (limit, offset))

    async def revoke_token(self, account: AccountId, namespace: str, token: TokenId, now: Milliseconds) -> None:
        """Revoke a token of a live repo in that namespace."""
        await self._writer.run(
            partial(sqlite_tokens.revoke_token, account=account, namespace=namespace, token=token, now=now),
        )

    # API tokens

    async def create_api_token(self, token: ApiTokenRow, digest: bytes) -> None:
        """Keep an API token."""
        await self._writer.run(partial(sqlite_tokens.create_api_token, token=token, digest=digest))

    async def find_api_token(self, digest: bytes) -> ApiTokenRow:
        """The API token with that digest."""
        return self._reader.read(sqlite_tokens.find_api_token, digest)

    async def list_api_tokens(self) -> Sequence[ApiTokenRow]:
        """All API tokens, oldest first."""
        return self._reader.read(sqlite_tokens.list_api_tokens)

    async def revoke_api_token(self, token: TokenId, now: Milliseconds) -> None:
        """Revoke an API token."""
        await self._writer.run(partial(sqlite_tokens.revoke_api_token, token=token, now=now))


def _decode_state(row: RepoRow, history: StoredHistory) -> RepoState:
    """The state of a repo from what was read; raises CorruptStore."""
    return RepoState(row, history.decode_refs(), tuple(history.decode_packs()))
