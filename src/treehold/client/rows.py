"""What the verbs answer: frozen values, and how they are read out of JSON.

Fields that we do not know are passed over, so that older clients can talk to newer servers. Times are aware and in UTC.
No token is in a ``repr``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar

from treehold.client.errors import UnexpectedAnswer
from treehold.client.git import git_environment, url_with_token

R = TypeVar("R")
Scope = Literal["read", "write"]
TokenState = Literal["active", "expired", "revoked"]
Sort = Literal["created_at", "updated_at", "last_push_at", "name"]
Direction = Literal["asc", "desc"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


class Keep(Enum):
    """Says that a field stays as it is, where None would take it away."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoInfo:
    """A repo. ``source`` is where it comes from: ``artifacts:<namespace>/<repo>`` for a fork, ``git:<url>`` for an
    import. ``size_bytes`` is None where a server does not tell.
    """

    id: str
    name: str
    description: str | None
    default_branch: str
    created_at: datetime
    updated_at: datetime
    last_push_at: datetime | None
    source: str | None
    read_only: bool
    remote: str
    status: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedRepo:
    """A repo just made. ``token`` may write to it for a day and is shown this once."""

    id: str
    name: str
    description: str | None
    default_branch: str
    remote: str
    token: str = field(repr=False)

    def git_env(self, *, onto: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables with which git reaches this repo with ``token``: see Repo.git_env."""
        return git_environment(self.remote, self.token, onto)

    def authenticated_remote(self) -> str:
        """The remote with ``token`` in it: see Repo.authenticated_remote."""
        return url_with_token(self.remote, self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkedRepo(CreatedRepo):
    """A fork just made; its refs reach that many objects."""

    objects: int | None


@dataclass(frozen=True, slots=True)
class RepoPage(Generic[R]):
    """Some repos of ``total``. ``cursor`` asks for the next ones; None when there are none."""

    repos: tuple[R, ...]
    total: int
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A repo token as listed."""

    id: str
    scope: str
    state: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenPage:
    """Tokens, newest first, and how many there are in all."""

    tokens: tuple[TokenInfo, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedToken:
    """A repo token just made. ``plaintext`` is shown this once."""

    id: str
    plaintext: str = field(repr=False)
    scope: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Who made a commit."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit. Its message has lost one line end; a time beyond the year 9999 is the last moment of it."""

    hash: str
    tree_hash: str
    message: str
    author: Person
    committer: Person
    parents: tuple[str, ...]
    authored_at: datetime
    committed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One name in a tree. ``type`` is tree, blob, exec, symlink or gitlink."""

    name: str
    mode: str
    hash: str
    type: str


class Row:
    """A JSON object whose fields are asked for by their type; raises UnexpectedAnswer for any other."""

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise _unexpected("has no object where one belongs")
        self._fields: Mapping[str, Any] = fields

    def text(self, name: str) -> str:
        """A text."""
        return self._of_kind(name, str)

    def text_or_none(self, name: str) -> str | None:
        """A text, null or nothing."""
        return None if self._fields.get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        """A whole number."""
        return self._of_kind(name, int)

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, null or nothing."""
        return None if self._fields.get(name) is None else self.whole(name)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._of_kind(name, bool)

    def row(self, name: str) -> "Row":
        """An object."""
        return Row(self._fields.get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self._of_kind(name, list)
        if not all(isinstance(text, str) for text in found):
            raise _unexpected(f"has a wrong field {name!r}")
        return tuple(found)

    def time(self, name: str) -> datetime:
        """A time as ISO 8601 spells it."""
        try:
            time = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise _unexpected(f"has no time in {name!r}") from None
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

    def time_or_none(self, name: str) -> datetime | None:
        """A time, null or nothing."""
        return None if self._fields.get(name) is None else self.time(name)

    def unix_time(self, name: str) -> datetime:
        """A time in seconds since 1970."""
        try:
            return _EPOCH + timedelta(seconds=self.whole(name))
        except OverflowError:  # anyone can write any number into a commit
            return _LAST_MOMENT

    def _of_kind(self, name: str, kind: type[R]) -> R:
        value = self._fields.get(name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _unexpected(f"has a wrong field {name!r}")
        return value


def _unexpected(said: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"the answer {said}; does base_url lead to the server?", "UNEXPECTED_ANSWER")


def repo_info(row: Row) -> RepoInfo:
    """A repo."""
    return RepoInfo(
        id=row.text("id"),
        name=row.text("name"),
        description=row.text_or_none("description"),
        default_branch=row.text("default_branch"),
        created_at=row.time("created_at"),
        updated_at=row.time("updated_at"),
        last_push_at=row.time_or_none("last_push_at"),
        source=row.text_or_none("source"),
        read_only=row.flag("read_only"),
        remote=row.text("remote"),
        status=row.text_or_none("status") or "ready",
        size_bytes=row.whole_or_none("size_bytes"),
    )


def _made(row: Row) -> dict[str, Any]:
    return {
        "id": row.text("id"),
        "name": row.text("name"),
        "description": row.text_or_none("description"),
        "default_branch": row.text("default_branch"),
        "remote": row.text("remote"),
        "token": row.text("token"),
    }


def created_repo(row: Row) -> CreatedRepo:
    """A repo just made."""
    return CreatedRepo(**_made(row))


def forked_repo(row: Row) -> ForkedRepo:
    """A fork just made."""
    return ForkedRepo(**_made(row), objects=row.whole_or_none("objects"))


def token_info(row: Row) -> TokenInfo:
    """A token as listed."""
    return TokenInfo(
        id=row.text("id"),
        scope=row.text("scope"),
        state=row.text("state"),
        created_at=row.time("created_at"),
        expires_at=row.time("expires_at"),
    )


def created_token(row: Row) -> CreatedToken:
    """A token just made."""
    return CreatedToken(
        id=row.text("id"),
        plaintext=row.text("plaintext"),
        scope=row.text("scope"),
        expires_at=row.time("expires_at"),
    )


def commit(row: Row) -> Commit:
    """A commit."""
    return Commit(
        hash=row.text("hash"),
        tree_hash=row.text("treeHash"),
        message=row.text("message"),
        author=_person(row.row("author")),
        committer=_person(row.row("committer")),
        parents=row.texts("parents"),
        authored_at=row.unix_time("authoredAt"),
        committed_at=row.unix_time("committedAt"),
    )


def _person(row: Row) -> Person:
    return Person(row.text("name"), row.text("email"))


def tree_entry(row: Row) -> TreeEntry:
    """One name in a tree."""
    return TreeEntry(name=row.text("name"), mode=row.text("mode"), hash=row.text("hash"), type=row.text("type"))
