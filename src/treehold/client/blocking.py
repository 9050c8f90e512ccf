"""Artifacts and its repos, each verb of which waits for the answer."""

from collections.abc import Iterator, Mapping
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
    from treehold.client.transport import BlockingLink


class Artifacts:
    """One namespace of a server.

    What is not given comes from ``TREEHOLD_URL``, ``TREEHOLD_ACCOUNT_ID``, ``TREEHOLD_NAMESPACE`` and
    ``TREEHOLD_TOKEN`` (an API token; only this one has no default). ``timeout`` is in seconds, for connecting and for
    each wait for bytes; ``retries`` says how often a call is repeated that met a busy server or a broken connection.
    Every verb raises ArtifactsError.

    >>> from treehold.client import Artifacts
    >>> with Artifacts() as artifacts:
    ...     created = artifacts.create("starter-repo", description="For the docs")
    ...     repo = artifacts.get("starter-repo")
    >>> repo.description
    'For the docs'
    >>> repo.remote == created.remote
    True

    The examples of the verbs go on with such ``artifacts``.
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
        from treehold.client.transport import BlockingLink  # noqa: PLC0415 - httpx is slow to load

        self.profile = find_profile(base_url, account_id, namespace, token)
        self._link = BlockingLink(self.profile.api, self.profile.token, timeout=timeout, retries=retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Where it works; not as whom."""
        return f"Artifacts({self.profile!r})"

    def close(self) -> None:
        """End all connections; ``with`` does it by itself."""
        self._link.close()

    def create(
        self, name: str, *, description: str | None = None, read_only: bool = False, default_branch: str | None = None
    ) -> CreatedRepo:
        """Create an empty repo, with a write token for a day; raises AlreadyExists, InvalidInput.

        >>> from treehold.client import AlreadyExists
        >>> artifacts.create("agent-007", default_branch="trunk").default_branch
        'trunk'
        >>> try:
        ...     artifacts.create("agent-007")
        ... except AlreadyExists as error:
        ...     print(error.code, error.numeric_code)
        ALREADY_EXISTS 10201
        """
        call = calls.create(name, description=description, read_only=read_only, default_branch=default_branch)
        return self._link.run(call)

    def get(self, name: str) -> "Repo":
        """A handle on a repo; raises NotFound.

        >>> from treehold.client import NotFound
        >>> try:
        ...     artifacts.get("never-made")
        ... except NotFound as error:
        ...     print(error.code)
        NOT_FOUND
        """
        return Repo.at(self._link, self._link.run(calls.get(name)))

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        search: str | None = None,
        sort: Sort | None = None,
        direction: Direction | None = None,
    ) -> "RepoPage[Repo]":
        """Some repos, the newest first unless told otherwise; ``cursor`` is the page's before.

        >>> for name in ("one", "two", "three"):
        ...     created = artifacts.create(name)
        >>> page = artifacts.list(limit=2)
        >>> [repo.name for repo in page.repos], page.total
        (['three', 'two'], 3)
        >>> [repo.name for repo in artifacts.list(limit=2, cursor=page.cursor).repos]
        ['one']
        """
        return self._page(Listing(limit=limit, cursor=cursor, search=search, sort=sort, direction=direction))

    def iterate(
        self, *, search: str | None = None, sort: Sort | None = None, direction: Direction | None = None
    ) -> "Iterator[Repo]":
        """All repos, asked for page by page as they are used.

        >>> for name in ("run-1", "run-2", "other"):
        ...     created = artifacts.create(name)
        >>> [repo.name for repo in artifacts.iterate(search="run-", sort="name", direction="asc")]
        ['run-1', 'run-2']
        """
        cursor = None
        while True:
            asked = Listing(limit=PAGE_ROWS, cursor=cursor, search=search, sort=sort, direction=direction)
            page = self._page(asked)
            yield from page.repos
            cursor = page.cursor
            if cursor is None:
                return

    def import_(
        self,
        url: str,
        *,
        name: str,
        branch: str | None = None,
        depth: int | None = None,
        description: str | None = None,
        read_only: bool = False,
    ) -> CreatedRepo:
        """Begin to import a repo from another server; ``get(name).wait_until_ready()`` waits for the end.

        Raises InvalidInput, AlreadyExists, NotFound and Unavailable (of the remote), and ArtifactsError with the code
        ``REMOTE_AUTH_REQUIRED``.
        """
        call = calls.import_repo(
            url, name=name, branch=branch, depth=depth, description=description, read_only=read_only
        )
        return self._link.run(call)

    def delete(self, name: str) -> bool:
        """Delete a repo and its tokens; False if there never was one.

        >>> created = artifacts.create("short-lived")
        >>> artifacts.delete("short-lived"), artifacts.delete("never-made")
        (True, False)
        """
        return self._link.run(calls.delete(name))

    def _page(self, asked: Listing) -> "RepoPage[Repo]":
        page = self._link.run(calls.list_repos(asked))
        return RepoPage(tuple(Repo.at(self._link, info) for info in page.repos), page.total, page.cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo(RepoInfo):
    """A repo as it was when it was asked for, and what can be done with it.

    >>> created = artifacts.create("baseline")
    >>> repo = artifacts.get("baseline")
    >>> repo.name, repo.default_branch, repo.last_push_at, repo.status
    ('baseline', 'main', None, 'ready')
    """

    _link: "BlockingLink" = field(repr=False, compare=False)

    @classmethod
    def at(cls, link: "BlockingLink", info: RepoInfo) -> Self:
        """The handle on a repo that was just looked at."""
        return cls(_link=link, **{known.name: getattr(info, known.name) for known in fields(RepoInfo)})

    def info(self) -> "Repo":
        """The repo as it is now; raises NotFound."""
        return Repo.at(self._link, self._link.run(calls.get(self.name)))

    def wait_until_ready(self, timeout: float = 600.0) -> "Repo":
        """Look again until the repo can be used, and answer it as it is then.

        ``timeout`` is in seconds. Raises InProgress after them, and NotFound when an import failed: its repo is gone.
        """
        now: Repo = self
        for pause in poll_pauses(timeout):
            now = self.info()
            if now.status == "ready":
                return now
            self._link.sleep(pause)
        raise not_ready(self.name, now.status, timeout)

    def update(
        self,
        *,
        description: str | Keep | None = KEEP,
        default_branch: str | None = None,
        read_only: bool | None = None,
    ) -> "Repo":
        """Change what is given, and answer the repo as it is then; None takes a description away.

        >>> created = artifacts.create("notes", description="Old")
        >>> artifacts.get("notes").update(description=None, read_only=True).read_only
        True
        """
        call = calls.update(self.name, description=description, default_branch=default_branch, read_only=read_only)
        return Repo.at(self._link, self._link.run(call))

    def fork(
        self, name: str, *, description: str | None = None, read_only: bool = False, default_branch_only: bool = False
    ) -> ForkedRepo:
        """Make an independent copy, with a write token for a day; raises AlreadyExists.

        >>> created = artifacts.create("baseline")
        >>> fork = artifacts.get("baseline").fork("agent-1", description="Its own copy")
        >>> artifacts.get("agent-1").source.endswith("/baseline")
        True
        """
        call = calls.fork(
            self.name,
            name,
            description=description,
            read_only=read_only,
            default_branch_only=default_branch_only,
        )
        return self._link.run(call)

    def create_token(self, scope: Scope = "write", ttl: int = 86_400) -> CreatedToken:
        """Make a token for Git clients; ``ttl`` is in seconds, 60 to 31,536,000.

        >>> created = artifacts.create("shared")
        >>> repo = artifacts.get("shared")
        >>> token = repo.create_token("read", ttl=3600)
        >>> token.plaintext.startswith("art_v1_")
        True
        >>> repo.revoke_token(token.id)
        True
        """
        return self._link.run(calls.create_token(self.name, scope, ttl))

    def list_tokens(self, *, state: TokenState | None = "active", page: int = 1, per_page: int = 100) -> TokenPage:
        """The repo's tokens of that state, the newest first; None is for all states."""
        return self._link.run(calls.list_tokens(self.name, state=state, page=page, per_page=per_page))

    def revoke_token(self, token_or_id: str) -> bool:
        """Revoke a token of the namespace, given itself or by its id; False if there is none such."""
        return self._link.run(calls.revoke_token(token_or_id))

    def log(
        self, *, ref: str | None = None, path: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Commit, ...]:
        """Commits along the first parents, the newest first; none for an unknown ref. ``path``: that change it."""
        return self._link.run(calls.log(self.name, ref=ref, path=path, limit=limit, offset=offset))

    def read_commit(self, commit: str) -> Commit | None:
        """The commit with that hash; None if no ref reaches one."""
        return self._link.run(calls.read_commit(self.name, commit))

    def read_tree(self, tree: str) -> tuple[TreeEntry, ...] | None:
        """What the tree with that hash holds, in Git's order; None if no ref reaches one."""
        return self._link.run(calls.read_tree(self.name, tree))

    def read_blob(self, blob: str) -> bytes | None:
        """The bytes of the blob with that hash; None if no ref reaches one."""
        return self._link.run(calls.read_blob(self.name, blob))

    def read_file(self, path: str, *, ref: str | None = None) -> bytes | None:
        """The bytes of a file at a ref (default: HEAD); None if there is none.

        >>> created = artifacts.create("empty")
        >>> print(artifacts.get("empty").read_file("README.md"))
        None
        """
        return self._link.run(calls.read_file(self.name, path, ref))

    def stream_file(self, path: str, *, ref: str | None = None) -> Iterator[bytes]:
        """The bytes of a file in pieces, never all in memory; raises NotFound before the first."""
        return self._link.stream(calls.read_file(self.name, path, ref))

    def git_env(
        self, *, scope: Scope = "write", ttl: int = 3600, onto: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """``onto`` and the variables with which git reaches this repo, by a new token of ``ttl`` seconds.

        The token is neither on a command line nor on disk, git sends it to this repo's URL alone, and never prompts.

        >>> import os, subprocess
        >>> created = artifacts.create("worked-on")
        >>> repo = artifacts.get("worked-on")
        >>> env = repo.git_env(ttl=600, onto=os.environ)
        >>> subprocess.run(["git", "ls-remote", repo.remote], env=env, check=True).returncode
        0
        """
        return git_environment(self.remote, self.create_token(scope, ttl).plaintext, onto)

    def authenticated_remote(self, ttl: int = 3600, *, scope: Scope = "write") -> str:
        """The remote with a new token of ``ttl`` seconds in it, for clients that take nothing but a URL.

        Whoever sees the URL can use it: git keeps the one it cloned from in ``.git/config`` and shows it in messages,
        and command lines are open to all users of a machine. Prefer ``git_env``.
        """
        return url_with_token(self.remote, self.create_token(scope, ttl).plaintext)
