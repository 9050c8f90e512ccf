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

from treehold.catalog import (
    sqlite_accounts,
    sqlite_answers,
    sqlite_care,
    sqlite_history,
    sqlite_listing,
    sqlite_namespaces,
    sqlite_replace,
    sqlite_repos,
    sqlite_sweep,
    sqlite_tokens,
)
from treehold.catalog.accounts import (
    AccountRow,
    ApiTokenRow,
    Jurisdiction,
    NamespacePage,
    NamespaceQuery,
    NamespaceRow,
)
from treehold.catalog.answers import FirstAnswer, KeyedRequest
from treehold.catalog.base import (
    Catalog,
    NewRepo,
    NewToken,
    PackReplacement,
    PushCommit,
    RefLogEntry,
    RepoChanges,
    RepoPage,
    RepoQuery,
    RepoRow,
    RepoState,
    TokenFilter,
    TokenRow,
)
from treehold.catalog.care import DoomedPack, JobRow, PurgedCounts, RepoNeed
from treehold.catalog.snapshot_cache import Snapshot, SnapshotCache
from treehold.catalog.sqlite_connection import (
    DEFAULT_LIMITS,
    ProcessLock,
    Reader,
    SqliteLimits,
    connect,
    make_private,
)
from treehold.catalog.sqlite_schema import migrate
from treehold.catalog.sqlite_state import StoredSnapshot
from treehold.catalog.sqlite_writer import GroupCommitWriter
from treehold.errors import CatalogError
from treehold.ids import AccountId, Milliseconds, PackId, RefName, RepoId, TokenId

INLINE_DECODE_BYTES_MAX: Final = 128 << 10
"""Largest snapshot decoded in the event loop's own thread: some 3,000 refs, which take about 4 ms."""
INLINE_ROWS_MAX: Final = 3_000
"""Most rows over a snapshot that are laid there in the event loop's own thread."""
PACKS_FORGOTTEN_AT_ONCE: Final = 200
"""Packs that one transaction deletes: at most 13 MB of inline bytes."""


class SqliteCatalog(Catalog):
    """The catalog in a SQLite file. Make one with :meth:`open` in each process, after it was started."""

    def __init__(
        self, reader: Reader, slow_reader: Reader, writer: GroupCommitWriter, snapshots: SnapshotCache
    ) -> None:
        self._reader = reader
        self._slow_reader = slow_reader
        self._writer = writer
        self._snapshots = snapshots
        self._sweep = sqlite_sweep.Sweep(slow_reader, writer)

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
        writer = GroupCommitWriter(connection, lock, limits)
        return cls(reader, slow_reader, writer, SnapshotCache(limits.snapshots_bytes_max))

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

    async def update_repo(self, repo: RepoId, changes: RepoChanges, now: Milliseconds) -> RepoRow:
        """Change a live repo's row."""
        return await self._writer.run(partial(sqlite_repos.update_repo, repo=repo, changes=changes, now=now))

    async def importing_repos(self) -> Sequence[RepoRow]:
        """All live repos whose import is not done, oldest first."""
        return self._reader.read_moment(sqlite_repos.list_importing)

    async def delete_repo(
        self, account: AccountId, namespace: str, name: str, now: Milliseconds, *, only: RepoId | None = None
    ) -> RepoId:
        """Take a repo away."""
        return await self._writer.run(
            partial(sqlite_repos.delete_repo, account=account, namespace=namespace, name=name, now=now, only=only),
        )

    # Refs, packs and the ref log

    async def repo_row(self, repo: RepoId) -> RepoRow:
        """The live repo of that id."""
        return self._reader.read(sqlite_history.find_row, repo)

    async def repo_state(self, repo: RepoId, *, seen: RepoRow | None = None) -> RepoState:
        """Row, refs and packs of one generation; large ones are decoded in a thread."""
        row = seen or self._reader.read(sqlite_history.find_row, repo)
        found = self._snapshots.get((repo, row.generation))
        if found is None:
            row, found = await self._read_state(repo)
        return RepoState(row, dict(found.refs), found.packs, found.shallow)

    async def _read_state(self, repo: RepoId) -> tuple[RepoRow, Snapshot]:
        """A repo's row and what it then holds, which is kept under its generation."""
        row, history = self._reader.read_moment(sqlite_history.find_history, repo, self._snapshots)
        base = await self._decode(history.base) if isinstance(history.base, StoredSnapshot) else history.base
        is_large = history.rows > INLINE_ROWS_MAX
        refs, packs = await asyncio.to_thread(history.lay_over, base) if is_large else history.lay_over(base)
        state = Snapshot(refs, packs, history.shallow)
        self._snapshots.keep((repo, row.generation), state, sum(map(len, state.refs)))
        return row, state

    async def _decode(self, stored: StoredSnapshot) -> Snapshot:
        """What a snapshot's blobs say, which is kept; raises CorruptStore."""
        is_large = stored.size_bytes > INLINE_DECODE_BYTES_MAX
        snapshot = await asyncio.to_thread(stored.decode) if is_large else stored.decode()
        self._snapshots.keep(stored.key, snapshot, stored.size_bytes)
        return snapshot

    async def inline_pack(self, pack: PackId) -> tuple[bytes, bytes]:
        """Bytes and index of an inline pack."""
        return self._reader.read(sqlite_history.find_inline_pack, pack)

    async def commit_push(self, push: PushCommit) -> int:
        """Make a push true."""
        return await self._writer.run(partial(sqlite_history.commit_push, push=push))

    async def replace_packs(self, replacement: PackReplacement) -> int:
        """Put a pack in the place of others."""
        return await self._writer.run(partial(sqlite_replace.replace_packs, replacement=replacement))

    async def ref_log(self, repo: RepoId, *, newest: int, after: int = 0) -> Sequence[RefLogEntry]:
        """The newest entries of the ref log, newest first; many are read in a thread."""
        if newest > INLINE_ROWS_MAX:
            return await asyncio.to_thread(self._slow_reader.read, sqlite_history.list_ref_log, repo, newest, after)
        return self._reader.read(sqlite_history.list_ref_log, repo, newest, after)

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

    # Namespaces

    async def create_namespace(
        self, account: AccountId, name: str, *, jurisdiction: Jurisdiction, now: Milliseconds
    ) -> NamespaceRow:
        """Make a namespace."""
        return await self._writer.run(
            partial(sqlite_namespaces.create_namespace, account=account, name=name, jurisdiction=jurisdiction, now=now),
        )

    async def find_namespace(self, account: AccountId, name: str) -> NamespaceRow:
        """The namespace of that name."""
        return self._reader.read(sqlite_namespaces.find_namespace, account, name)

    async def list_namespaces(self, query: NamespaceQuery) -> NamespacePage:
        """A page of an account's namespaces; far ones are found in a thread."""
        if query.offset > sqlite_listing.INLINE_OFFSET_MAX:
            return await asyncio.to_thread(self._slow_reader.read_moment, sqlite_namespaces.list_namespaces, query)
        return self._reader.read_moment(sqlite_namespaces.list_namespaces, query)

    async def delete_namespace(self, account: AccountId, name: str) -> None:
        """Take an empty namespace away."""
        await self._writer.run(partial(sqlite_namespaces.delete_namespace, account=account, name=name))

    # Accounts and API tokens

    async def create_account(self, account: AccountId, now: Milliseconds) -> AccountRow:
        """Make an account."""
        return await self._writer.run(partial(sqlite_accounts.create_account, account=account, now=now))

    async def list_accounts(self) -> Sequence[AccountRow]:
        """All accounts by id."""
        return self._reader.read(sqlite_accounts.list_accounts)

    async def stored_bytes(self, account: AccountId) -> int:
        """The bytes of what an account keeps."""
        return self._reader.read(sqlite_accounts.stored_bytes, account)

    async def create_api_token(self, token: ApiTokenRow, digest: bytes) -> None:
        """Keep an API token."""
        await self._writer.run(partial(sqlite_accounts.create_api_token, token=token, digest=digest))

    async def find_api_token(self, digest: bytes) -> ApiTokenRow:
        """The API token with that digest."""
        return self._reader.read(sqlite_accounts.find_api_token, digest)

    async def list_api_tokens(self, account: AccountId | None = None) -> Sequence[ApiTokenRow]:
        """All API tokens, or those of one account, oldest first."""
        return self._reader.read(sqlite_accounts.list_api_tokens, account)

    async def rotate_api_token(
        self, token: TokenId, digest: bytes, *, expires_at: Milliseconds | None, now: Milliseconds
    ) -> ApiTokenRow:
        """Give an API token another secret."""
        return await self._writer.run(
            partial(sqlite_accounts.rotate_api_token, token=token, digest=digest, expires_at=expires_at, now=now),
        )

    async def note_api_token_use(self, token: TokenId, now: Milliseconds) -> None:
        """Note that an API token was used then."""
        await self._writer.run(partial(sqlite_accounts.note_api_token_use, token=token, now=now))

    async def revoke_api_token(self, token: TokenId, now: Milliseconds) -> None:
        """Revoke an API token."""
        await self._writer.run(partial(sqlite_accounts.revoke_api_token, token=token, now=now))

    # First answers

    async def claim_answer(
        self,
        asked: KeyedRequest,
        claim: bytes,
        *,
        now: Milliseconds,
        forgotten_before: Milliseconds,
        abandoned_before: Milliseconds,
    ) -> FirstAnswer | None:
        """Take the key, or answer what is there under it."""
        times = (now, forgotten_before, abandoned_before)
        return await self._writer.run(partial(sqlite_answers.claim_answer, asked=asked, claim=claim, times=times))

    async def renew_claim(self, asked: KeyedRequest, claim: bytes, now: Milliseconds) -> None:
        """Say that the request is still under way."""
        await self._writer.run(partial(sqlite_answers.renew_claim, asked=asked, claim=claim, now=now))

    async def keep_answer(
        self, asked: KeyedRequest, claim: bytes, *, status: int, answer: bytes, now: Milliseconds
    ) -> None:
        """Put the answer in the claim's place."""
        kept = partial(sqlite_answers.keep_answer, asked=asked, claim=claim, status=status, answer=answer, now=now)
        await self._writer.run(kept)

    async def release_claim(self, asked: KeyedRequest, claim: bytes) -> None:
        """Give the key back."""
        await self._writer.run(partial(sqlite_answers.release_claim, asked=asked, claim=claim))

    async def purge_answers(self, before: Milliseconds) -> int:
        """Delete old answers, in small transactions."""
        purge, total = partial(sqlite_answers.purge_some, before=before), 0
        while some := await self._writer.run(purge):
            total += some
        return total

    # Maintenance

    async def doom_unreferenced(self, now: Milliseconds) -> int:
        """Note the time against every pack that no repo has in its list; in small steps, in threads."""
        return await self._sweep.doom_unreferenced(now)

    async def doomed_packs(self, before: Milliseconds, limit: int) -> Sequence[DoomedPack]:
        """Packs that were found unreferenced earlier than that, longest ago first."""
        return await asyncio.to_thread(self._slow_reader.read, sqlite_sweep.list_doomed, before, limit)

    async def forget_packs(self, packs: Sequence[PackId]) -> None:
        """Delete the rows of doomed packs."""
        for begin in range(0, len(packs), PACKS_FORGOTTEN_AT_ONCE):
            some = packs[begin : begin + PACKS_FORGOTTEN_AT_ONCE]
            await self._writer.run(partial(sqlite_sweep.forget, packs=some))

    async def named_keys(self, keys: Sequence[str]) -> frozenset[str]:
        """Those keys that the row of a pack names; in small steps, in threads."""
        named: set[str] = set()
        for begin in range(0, len(keys), sqlite_care.KEYS_LOOKED_UP_AT_ONCE):
            some = keys[begin : begin + sqlite_care.KEYS_LOOKED_UP_AT_ONCE]
            named.update(await asyncio.to_thread(self._slow_reader.read, sqlite_care.find_named_keys, some))
        return frozenset(named)

    async def purge(self, before: Milliseconds) -> PurgedCounts:
        """Delete what ended earlier than that, in small transactions."""
        total = PurgedCounts()
        while (some := await self._writer.run(partial(sqlite_care.purge_some, before=before))) != PurgedCounts():
            total += some
        return total

    async def repos_in_need(self, *, packs_min: int, limit: int, after: int = 0) -> Sequence[RepoNeed]:
        """Live repos that have many packs of their own, or are neither exact nor forks."""
        return await asyncio.to_thread(self._slow_reader.read, sqlite_care.find_repos_in_need, packs_min, limit, after)

    async def acquire_lease(self, name: str, holder: str, *, now: Milliseconds, until: Milliseconds) -> bool:
        """Whether the holder has the lease until then."""
        return await self._writer.run(
            partial(sqlite_care.acquire_lease, name=name, holder=holder, now=now, until=until),
        )

    async def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back."""
        await self._writer.run(partial(sqlite_care.release_lease, name=name, holder=holder))

    async def record_job(self, job: JobRow) -> None:
        """Keep a job."""
        await self._writer.run(partial(sqlite_care.record_job, job=job))

    async def recent_jobs(self, limit: int) -> Sequence[JobRow]:
        """The jobs begun last, newest first."""
        return self._reader.read(sqlite_care.list_jobs, limit)
