"""One value for each thing that the client can ask: what is sent, and how the answer reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from treehold.client import answers, rows
from treehold.client.answers import Answer
from treehold.client.errors import NotFound
from treehold.client.git import secret_digest
from treehold.client.profile import path_segment
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

T = TypeVar("T")
PAGE_ROWS: Final = 200
"""How many repos are asked for at once to go through all of them: the most that a server lists."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and what its answer becomes; ``path`` goes on from the namespace and has its query in it.

    ``read`` raises ArtifactsError. ``body`` is sent as JSON, and is in no ``repr``: a URL in it may hold a password.
    """

    method: str
    path: str
    read: Callable[[Answer], T] = field(repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which repos are listed, and in which order. ``search`` is a part of the name."""

    limit: int = 50
    cursor: str | None = None
    search: str | None = None
    sort: Sort | None = None
    direction: Direction | None = None


def create(
    name: str, *, description: str | None = None, read_only: bool = False, default_branch: str | None = None
) -> Call[CreatedRepo]:
    """Create an empty repo."""
    body = _given(name=name, description=description, read_only=read_only, default_branch=default_branch)
    return Call("POST", "/repos", _reader(rows.created_repo), body)


def get(name: str) -> Call[RepoInfo]:
    """Look at a repo."""
    return Call("GET", _repo(name), _reader(rows.repo_info))


def list_repos(asked: Listing) -> Call[RepoPage[RepoInfo]]:
    """List repos."""

    def read(answer: Answer) -> RepoPage[RepoInfo]:
        found, info = answers.read_listing(answer)
        repos = tuple(rows.repo_info(row) for row in found)
        return RepoPage(repos, info.whole("total_count"), info.text_or_none("cursor") or None)

    path = "/repos" + _query(
        limit=asked.limit, cursor=asked.cursor, search=asked.search, sort=asked.sort, direction=asked.direction
    )
    return Call("GET", path, read)


def import_repo(
    url: str,
    *,
    name: str,
    branch: str | None = None,
    depth: int | None = None,
    description: str | None = None,
    read_only: bool = False,
) -> Call[CreatedRepo]:
    """Begin to import a repo."""
    body = _given(url=url, branch=branch, depth=depth, description=description, read_only=read_only)
    return Call("POST", f"{_repo(name)}/import", _reader(rows.created_repo), body)


def update(
    name: str,
    *,
    description: str | Keep | None = KEEP,
    default_branch: str | None = None,
    read_only: bool | None = None,
) -> Call[RepoInfo]:
    """Change a repo."""
    body = _given(default_branch=default_branch, read_only=read_only)
    if description is not KEEP:
        body["description"] = description
    return Call("PATCH", _repo(name), _reader(rows.repo_info), body)


def delete(name: str) -> Call[bool]:
    """Delete a repo."""
    return Call("DELETE", _repo(name), answers.is_found)


def fork(
    name: str,
    new_name: str,
    *,
    description: str | None = None,
    read_only: bool = False,
    default_branch_only: bool = False,
) -> Call[ForkedRepo]:
    """Fork a repo."""
    body = _given(name=new_name, description=description, read_only=read_only, default_branch_only=default_branch_only)
    return Call("POST", f"{_repo(name)}/fork", _reader(rows.forked_repo), body)


def create_token(name: str, scope: Scope, ttl: int) -> Call[CreatedToken]:
    """Make a token of a repo."""
    return Call("POST", "/tokens", _reader(rows.created_token), {"repo": name, "scope": scope, "ttl": ttl})


def list_tokens(name: str, *, state: TokenState | None, page: int, per_page: int) -> Call[TokenPage]:
    """List a repo's tokens; all states for None."""

    def read(answer: Answer) -> TokenPage:
        found, info = answers.read_listing(answer)
        return TokenPage(tuple(rows.token_info(row) for row in found), info.whole("total_count"))

    query = _query(state=state or "all", page=page, per_page=per_page)
    return Call("GET", f"{_repo(name)}/tokens{query}", read)


def revoke_token(token_or_id: str) -> Call[bool]:
    """Revoke a token. One in plaintext is named by its digest, so that no URL and no log of a proxy holds it."""
    name = secret_digest(token_or_id) or token_or_id
    return Call("DELETE", f"/tokens/{path_segment(name)}", answers.is_found)


def log(name: str, *, ref: str | None, path: str | None, limit: int, offset: int) -> Call[tuple[Commit, ...]]:
    """List commits."""

    def read(answer: Answer) -> tuple[Commit, ...]:
        return tuple(rows.commit(row) for row in answers.read_rows(answer))

    return Call("GET", f"{_repo(name)}/log" + _query(ref=ref, path=path, limit=limit, offset=offset), read)


def read_commit(name: str, commit: str) -> Call[Commit | None]:
    """Read a commit."""
    return Call("GET", f"{_repo(name)}/commit/{path_segment(commit)}", _or_none(_reader(rows.commit)))


def read_tree(name: str, tree: str) -> Call[tuple[TreeEntry, ...] | None]:
    """Read a tree."""

    def read(answer: Answer) -> tuple[TreeEntry, ...]:
        return tuple(rows.tree_entry(row) for row in answers.read_rows(answer))

    return Call("GET", f"{_repo(name)}/tree/{path_segment(tree)}", _or_none(read))


def read_blob(name: str, blob: str) -> Call[bytes | None]:
    """Read a blob."""
    return Call("GET", f"{_repo(name)}/blob/{path_segment(blob)}", _or_none(answers.read_bytes))


def read_file(name: str, path: str, ref: str | None) -> Call[bytes | None]:
    """Read a file."""
    return Call("GET", f"{_repo(name)}/file" + _query(ref=ref, path=path), _or_none(answers.read_bytes))


def _repo(name: str) -> str:
    return f"/repos/{path_segment(name)}"


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _query(**parameters: str | int | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    # Paths of Linux are bytes; surrogates are how Python's own functions show those that are not UTF-8.
    return "?" + urlencode(given, errors="surrogateescape")


def _reader(read: Callable[[rows.Row], T]) -> Callable[[Answer], T]:
    return lambda answer: read(answers.read_row(answer))


def _or_none(read: Callable[[Answer], T]) -> Callable[[Answer], T | None]:
    def read_or_none(answer: Answer) -> T | None:
        try:
            return read(answer)
        except NotFound:
            return None

    return read_or_none


def json_body(call: Call[Any]) -> dict[str, Any] | None:
    """The body as an HTTP library takes it."""
    return None if call.body is None else dict(call.body)
