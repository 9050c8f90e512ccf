"""Import: a repo that begins as a copy of one on another server.

The remote is looked up, checked and asked for its refs before anything is made, so whoever asks hears at once what is
wrong. Then the repo is there, with its first token, and is being imported: nobody may use it. In the background C Git
fetches into a folder of its own, what came is taken in as a push is, and the repo is ready. Whatever goes wrong takes
the repo away again, and the job log tells why. An import holds the repo's lease from before the repo is there: one that
is being imported and whose lease is free was left behind by a process that died.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from treehold.catalog.base import NewRepo, PushCommit, RepoChanges, RepoRow
from treehold.engine import tokens
from treehold.engine.care import Job, run_job
from treehold.engine.context import Engine
from treehold.engine.gate import GitGuest, check_ready
from treehold.engine.native import GitPlace
from treehold.engine.push import receive_push
from treehold.engine.remote import Remote, Resolve, look_up, parse_remote_url, pin_remote
from treehold.engine.remote_git import FetchedPack, RemoteGit
from treehold.engine.remote_refs import RemoteRefs
from treehold.engine.repos import CreatedRepo, RepoWish, new_repo
from treehold.engine.room import check_any_room
from treehold.engine.tokens import MintedToken
from treehold.errors import (
    AlreadyExists,
    LimitExceeded,
    NotFound,
    RejectedPack,
    RemoteTimeout,
    RemoteUnavailable,
    TreeholdError,
    Unavailable,
)
from treehold.ids import ZERO_OID, AccountId, ObjectId, RepoId
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.receive_pack import PushRequest, RefCommand

log = structlog.get_logger(__name__)

JOB_KIND: Final = "import"
_WATCH_SECONDS: Final = 1.0
_WATCHES_A_LINE: Final = 10
"""How often progress is logged."""


@dataclass(frozen=True, slots=True)
class ImportWish:
    """What somebody wants to import: the branch alone, or all branches and tags. ``url`` may hold a password.

    With a ``depth`` only so many commits deep, and HEAD's branch alone unless another one is named.
    """

    name: str
    url: str
    branch: str | None = None
    depth: int | None = None
    read_only: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """An import that is going to happen. ``found`` is what the remote had when it was asked."""

    repo: NewRepo
    token: MintedToken
    remote: Remote
    branch: str | None
    depth: int | None
    found: RemoteRefs


class Imports:
    """The imports of one process: begins them, keeps them going, ends them with it."""

    def __init__(self, engine: Engine, *, resolve: Resolve = look_up) -> None:
        self._engine = engine
        self._resolve = resolve
        self._running: set[asyncio.Task[None]] = set()
        self._recovering: asyncio.Task[None] | None = None
        self._git = RemoteGit(engine)

    def start(self) -> None:
        """Begin to look for what processes that died have left behind."""
        self._recovering = asyncio.create_task(self._recover_for_ever())

    async def stop(self) -> None:
        """End all imports: their repos go, as they do when an import fails."""
        ending = [*self._running, *([self._recovering] if self._recovering else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def begin(self, account: AccountId, namespace: str, wish: ImportWish) -> CreatedRepo:
        """Check a wish and the remote, make the repo, and go on in the background.

        Raises InvalidInput (as NotARepository, if that is what is wrong), RemoteAuthRequired, NotFound when the remote
        has no such repository, RemoteUnavailable, RemoteTimeout, AlreadyExists, ImportInProgress, LimitExceeded,
        Unavailable.
        """
        engine = self._engine
        url = parse_remote_url(wish.url)
        repo_wish = RepoWish(wish.name, wish.description, read_only=wish.read_only)
        new_repo(engine, account, namespace, repo_wish, source=url.source)
        await self._check_free(account, namespace, wish.name)
        await check_any_room(engine, account)
        if len(self._running) >= engine.limits.import_queue:
            raise Unavailable("too many imports are under way, try again later")
        remote = await pin_remote(url, engine.limits, self._resolve)
        found = await self._probe(remote, wish)
        chosen = replace(repo_wish, default_branch=found.default_branch())
        repo = replace(new_repo(engine, account, namespace, chosen, source=url.source), status="importing")
        return await self._launch(_Plan(repo, tokens.mint_initial(engine), remote, wish.branch, wish.depth, found))

    async def recover(self) -> None:
        """Take away the repos that processes left half imported when they died; raises CatalogError."""
        for row in await self._engine.catalog.importing_repos():
            job = Job("import-recovery", row.id, partial(self._bury, row.id))
            await run_job(self._engine, job, patient=False)

    async def _recover_for_ever(self) -> None:
        while True:
            try:
                await self.recover()
            except TreeholdError as error:
                log.error("import_recovery_failed", error=repr(error))
            await asyncio.sleep(max(1, self._engine.limits.lease_seconds))

    async def _bury(self, repo: RepoId) -> str:
        row = await self._engine.catalog.repo_row(repo)
        if row.status == "ready":
            return "it was imported meanwhile"
        await self._remove(repo)
        return "removed what a process that died had half imported"

    async def _check_free(self, account: AccountId, namespace: str, name: str) -> None:
        """Say that the name is taken before anybody waits for a remote; the commit would say it too."""
        with contextlib.suppress(NotFound):
            check_ready(await self._engine.catalog.find_repo(account, namespace, name))
            raise AlreadyExists(f"repo already exists: {name}")

    async def _probe(self, remote: Remote, wish: "ImportWish | _Plan") -> RemoteRefs:
        """What the remote has of what is wanted."""
        found = await self._git.list_refs(remote)
        if wish.branch is not None:
            return found.only(wish.branch)
        return found if wish.depth is None else found.only_head()

    async def _launch(self, plan: _Plan) -> CreatedRepo:
        made: asyncio.Future[RepoRow] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._carry_out(plan, made))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return CreatedRepo(row=await made, token=plan.token.plaintext)

    async def _carry_out(self, plan: _Plan, made: "asyncio.Future[RepoRow]") -> None:
        """The import as a job; ``made`` is told when the repo is there, or why it is not."""
        failure: TreeholdError = Unavailable("the server is stopping")
        try:
            await run_job(self._engine, Job(JOB_KIND, plan.repo.id, partial(self._import, plan, made)), patient=False)
        except TreeholdError as error:
            log.error("import_job_failed", repo=plan.repo.id, error=repr(error))
            failure = error
        finally:
            if not made.done():
                made.set_exception(failure)

    async def _import(self, plan: _Plan, made: "asyncio.Future[RepoRow]") -> str:
        try:
            row = await self._engine.catalog.create_repo(plan.repo, plan.token.kept)
        except TreeholdError as error:
            if not made.done():
                made.set_exception(error)
            raise
        if not made.done():
            made.set_result(row)
        self._engine.failpoint("import.created")
        try:
            did = await self._within_time(plan, row)
            self._engine.failpoint("import.committed")
            await self._engine.catalog.update_repo(row.id, RepoChanges(status="ready"), self._engine.clock())
        except BaseException:
            await self._remove(row.id)
            raise
        return did

    async def _remove(self, repo: RepoId) -> None:
        with contextlib.suppress(NotFound):
            row = await self._engine.catalog.repo_row(repo)
            now = self._engine.clock()
            await self._engine.catalog.delete_repo(row.account, row.namespace, row.name, now, only=repo)

    async def _within_time(self, plan: _Plan, row: RepoRow) -> str:
        seconds = self._engine.limits.import_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._try_and_try_again(plan, row)
        except TimeoutError:
            raise RemoteTimeout(f"the import took over {seconds} s") from None

    async def _try_and_try_again(self, plan: _Plan, row: RepoRow) -> str:
        found, limits = plan.found, self._engine.limits
        for attempt in range(limits.import_attempts):
            try:
                found = found if attempt == 0 else await self._probe(plan.remote, plan)
                return await self._bring_in(plan, row, found)
            except RemoteUnavailable as error:
                if attempt + 1 == limits.import_attempts:
                    raise
                log.info("import_tried", repo=row.id, error=str(error))
            await asyncio.sleep(limits.import_retry_seconds << attempt)
        raise AssertionError("there is one attempt at least")

    async def _bring_in(self, plan: _Plan, row: RepoRow, found: RemoteRefs) -> str:
        """Fetch what was found and push it into the repo."""
        if not found.refs:
            return "the remote is empty"
        async with self._git.place(plan.remote) as place:
            await self._watched(row.id, place, self._git.fetch(place, plan.remote, found, depth=plan.depth))
            await self._bound(row, await self._git.boundary(place))
            pack = await self._git.fetched(place, found)
            await self._watched(row.id, place, self._take_in(plan, row, found, pack))
            return f"{len(found.refs)} refs and {pack.size_bytes} bytes"

    async def _bound(self, row: RepoRow, boundary: frozenset[ObjectId]) -> None:
        """Note where the repo's history will end, before what came is weighed by it as any push to this repo is."""
        if boundary:
            bounded = PushCommit(
                repo=row.id,
                expected_generation=row.generation,
                changes=(),
                pack=None,
                preserves=True,
                token=None,
                now=self._engine.clock(),
                shallow=boundary,
            )
            await self._engine.catalog.commit_push(bounded)

    async def _watched(self, repo: RepoId, place: GitPlace, deed: Awaitable[None]) -> None:
        """Carry out a deed while the repo is there and the folder no larger than it may be."""
        doing = asyncio.ensure_future(deed)
        watches = 0
        try:
            while not (await asyncio.wait({doing}, timeout=_WATCH_SECONDS))[0]:
                await self._engine.catalog.repo_row(repo)
                size_bytes = await self._check_size(place)
                watches += 1
                if watches % _WATCHES_A_LINE == 0:
                    log.info("import_progress", repo=repo, size_bytes=size_bytes)
            await doing
            await self._check_size(place)
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)

    async def _check_size(self, place: GitPlace) -> int:
        size_bytes = await asyncio.to_thread(_folder_bytes, place.objects)
        if size_bytes > self._engine.limits.import_bytes_max:
            raise LimitExceeded(f"the remote repository is larger than {self._engine.limits.import_bytes_max} bytes")
        return size_bytes

    async def _take_in(self, plan: _Plan, row: RepoRow, found: RemoteRefs, pack: FetchedPack) -> None:
        commands = tuple(RefCommand(name, ZERO_OID, oid) for name, oid in found.refs.items())
        request = PushRequest(commands=commands, capabilities=Capabilities((b"atomic",)))
        report = await receive_push(self._engine, GitGuest(repo=row, token=plan.token.kept.id), request, pack)
        if report.failure is not None:
            raise RejectedPack(report.failure)


def _folder_bytes(folder: Path) -> int:
    """Size of all files below a folder, those that vanish meanwhile left out."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
