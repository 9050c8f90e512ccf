"""AsyncArtifacts and its repos: the verbs of blocking.py, each to be awaited."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self

from treehold.client import calls
from treehold.client.calls import PAGE_ROWS, Listing
from treehold.client.git import git_environment, url_with_token
from treehold.client.profile import find_profile
from treehold.client.rows import (
    KEEP,
    Commit,
    CreatedRepo,
    CreatedToken,
    Direction,
    ForkedRepo,
    Keep,
    RepoInfo,
    RepoPage,
    Scope,
    Sort,
    TokenPage,
    TokenState,
    TreeEntry,
)
from treehold.client.tries import not_ready, poll_pauses

if TYPE_CHECKING:
    from treehold.client.transport import AsyncLink


class AsyncArtifacts:
    """One namespace of a server, as Artifacts, for one event loop: calls may run beside each other.

    >>> import asyncio
    >>> from treehold.client import AsyncArtifacts
    >>> async def give_each_agent_a_fork():
    ...     async with AsyncArtifacts() as artifacts:
    ...         await artifacts.create("baseline")
    ...         baseline = await artifacts.get("baseline")
    ...         return await asyncio.gather(*(baseline.fork(f"agent-{n}") for n in range(3)))
    >>> [fork.name for fork in asyncio.run(give_each_agent_a_fork())]
    ['agent-0', 'agent-1', 'agent-2']
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        account_id: str | None = None,
        namespace: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        from treehold.client.transport import AsyncLink  # noqa: PLC0415 - httpx is slow to load

        self.profile = find_profile(base_url, account_id, namespace, token)
        self._link = AsyncLink(self.profile.api, self.profile.token, timeout=timeout, retries=retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        """Where it works; not as whom."""
        return f"AsyncArtifacts({self.profile!r})"

    async def close(self) -> None:
        """End all connections; ``async with`` does it by itself."""
        await self._link.close()

    async def create(
        self, name: str, *, description: str | None = None, read_only: bool = False, default_branch: str | None = None
    ) -> CreatedRepo:
        """Create an empty repo, with a write token for a day; raises AlreadyExists, InvalidInput."""
        call = calls.create(name, description=description, read_only=read_only, default_branch=default_branch)
        return await self._link.run(call)

    async def get(self, name: str) -> "AsyncRepo":
        """A handle on a repo; raises NotFound."""
        return AsyncRepo.at(self._link, await self._link.run(calls.get(name)))

    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        search: str | None = None,
        sort: Sort | None = None,
        direction: Direction | None = None,
    ) -> "RepoPage[AsyncRepo]":
        """Some repos, the newest first unless told otherwise; ``cursor`` is the page's before."""
        return await self._page(Listing(limit=limit, cursor=cursor, search=search, sort=sort, direction=direction))

    async def iterate(
        self, *, search: str | None = None, sort: Sort | None = None, direction: Direction | None = None
    ) -> "AsyncIterator[AsyncRepo]":
        """All repos, asked for page by page as they are used.

        >>> import asyncio
        >>> from treehold.client import AsyncArtifacts
        >>> async def names():
        ...     async with AsyncArtifacts() as artifacts:
        ...         await artifacts.create("run-1")
        ...         return [repo.name async for repo in artifacts.iterate()]
        >>> asyncio.run(names())
        ['run-1']
        """
        cursor = None
        while True:
            asked = Listing(limit=PAGE_ROWS, cursor=cursor, search=search, sort=sort, direction=direction)
            page = await self._page(asked)
            for repo in page.repos:
                yield repo
            cursor = page.cursor
            if cursor is None:
                return

    async def import_(
        self,
        url: str,
        *,
        name: str,
        branch: str | None = None,
        depth: int | None = None,
        description: str | None = None,
        read_only: bool = False,
    ) -> CreatedRepo:
        """Begin to import a repo from another server: see Artifacts.import_."""
        call = calls.import_repo(
            url, name=name, branch=branch, depth=depth, description=description, read_only=read_only
        )
        return await self._link.run(call)

    async def delete(self, name: str) -> bool:
        """Delete a repo and its tokens; False if there never was one."""
        return await self._link.run(calls.delete(name))

    async def _page(self, asked: Listing) -> "RepoPage[AsyncRepo]":
        page = await self._link.run(calls.list_repos(asked))
        return RepoPage(tuple(AsyncRepo.at(self._link, info) for info in page.repos), page.total, page.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncRepo(RepoInfo):
    """A repo as it was when it was asked for, and what can be done with it, as Repo."""

    _link: "AsyncLink" = field(repr=False, compare=False)

    @classmethod
    def at(cls, link: "AsyncLink", info: RepoInfo) -> Self:
        """The handle on a repo that was just looked at."""
        return cls(_link=link, **{known.name: getattr(info, known.name) for known in fields(RepoInfo)})

    async def info(self) -> "AsyncRepo":
        """The repo as it is now; raises NotFound."""
        return AsyncRepo.at(self._link, await self._link.run(calls.get(self.name)))

    async def wait_until_ready(self, timeout: float = 600.0) -> "AsyncRepo":  # noqa: ASYNC109 - as its blocking twin
        """Look again until the repo can be used: see Repo.wait_until_ready."""
        now: AsyncRepo = self
        for pause in poll_pauses(timeout):
            now = await self.info()
            if now.status == "ready":
                return now
            await self._link.sleep(pause)
        raise not_ready(self.name, now.status, timeout)

    async def update(
        self,
        *,
        description: str | Keep | None = KEEP,
        default_branch: str | None = None,
        read_only: bool | None = None,
    ) -> "AsyncRepo":
        """Change what is given, and answer the repo as it is then; None takes a description away."""
        call = calls.update(self.name, description=description, default_branch=default_branch, read_only=read_only)
        return AsyncRepo.at(self._link, await self._link.run(call))

    async def fork(
        self, name: str, *, description: str | None = None, read_only: bool = False, default_branch_only: bool = False
    ) -> ForkedRepo:
        """Make an independent copy, with a write token for a day; raises AlreadyExists."""
        call = calls.fork(
            self.name,
            name,
            description=description,
            read_only=read_only,
            default_branch_only=default_branch_only,
        )
        return await self._link.run(call)

    async def create_token(self, scope: Scope = "write", ttl: int = 86_400) -> CreatedToken:
        """Make a token for Git clients; ``ttl`` is in seconds, 60 to 31,536,000."""
        return await self._link.run(calls.create_token(self.name, scope, ttl))

    async def list_tokens(
        self, *, state: TokenState | None = "active", page: int = 1, per_page: int = 100
    ) -> TokenPage:
        """The repo's tokens of that state, the newest first; None is for all states."""
        return await self._link.run(calls.list_tokens(self.name, state=state, page=page, per_page=per_page))

    async def revoke_token(self, token_or_id: str) -> bool:
        """Revoke a token of the namespace, given itself or by its id; False if there is none such."""
        return await self._link.run(calls.revoke_token(token_or_id))

    async def log(
        self, *, ref: str | None = None, path: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Commit, ...]:
        """Commits along the first parents, the newest first; none for an unknown ref. ``path``: that change it."""
        return await self._link.run(calls.log(self.name, ref=ref, path=path, limit=limit, offset=offset))

    async def read_commit(self, commit: str) -> Commit | None:
        """The commit with that hash; None if no ref reaches one."""
        return await self._link.run(calls.read_commit(self.name, commit))

    async def read_tree(self, tree: str) -> tuple[TreeEntry, ...] | None:
        """What the tree with that hash holds, in Git's order; None if no ref reaches one."""
        return await self._link.run(calls.read_tree(self.name, tree))

    async def read_blob(self, blob: str) -> bytes | None:
        """The bytes of the blob with that hash; None if no ref reaches one."""
        return await self._link.run(calls.read_blob(self.name, blob))

    async def read_file(self, path: str, *, ref: str | None = None) -> bytes | None:
        """The bytes of a file at a ref (default: HEAD); None if there is none."""
        return await self._link.run(calls.read_file(self.name, path, ref))

    def stream_file(self, path: str, *, ref: str | None = None) -> AsyncIterator[bytes]:
        """The bytes of a file in pieces, never all in memory; raises NotFound before the first."""
        return self._link.stream(calls.read_file(self.name, path, ref))

    async def git_env(
        self, *, scope: Scope = "write", ttl: int = 3600, onto: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """``onto`` and the variables with which git reaches this repo: see Repo.git_env."""
        token = await self.create_token(scope, ttl)
        return git_environment(self.remote, token.plaintext, onto)

    async def authenticated_remote(self, ttl: int = 3600, *, scope: Scope = "write") -> str:
        """The remote with a new token in it, which whoever sees it can use: see Repo.authenticated_remote."""
        token = await self.create_token(scope, ttl)
        return url_with_token(self.remote, token.plaintext)
