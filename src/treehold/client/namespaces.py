"""The namespaces of an account, blocking: what stands beside a namespace's own verbs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self
from urllib.parse import urlencode

from treehold.client import answers
from treehold.client.answers import Answer
from treehold.client.calls import PAGE_ROWS, Call
from treehold.client.profile import find_profile, path_segment
from treehold.client.rows import Row

Jurisdiction = Literal["eu", "us"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceInfo:
    """A namespace, and how many repos are in it. ``jurisdiction`` is unrestricted, eu or us."""

    namespace: str
    jurisdiction: str
    repo_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NamespacePage:
    """Some namespaces of ``total``. ``cursor`` asks for the next ones; None when there are none."""

    namespaces: tuple[NamespaceInfo, ...]
    total: int
    cursor: str | None


class Namespaces:
    """The namespaces of one account; what is not given comes from the environment, as with Artifacts.

    >>> from treehold.client.namespaces import Namespaces
    >>> with Namespaces() as namespaces:
    ...     made = namespaces.create("team-a")
    ...     names = [row.namespace for row in namespaces.iterate()]
    ...     gone = namespaces.delete("team-a")
    >>> made.repo_count, "team-a" in names, gone
    (0, True, True)
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        account_id: str | None = None,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        from treehold.client.transport import BlockingLink  # noqa: PLC0415 - httpx is slow to load

        profile = find_profile(base_url, account_id, None, token)
        self._link = BlockingLink(profile.account_api, profile.token, timeout=timeout, retries=retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; ``with`` does it by itself."""
        self._link.close()

    def create(self, name: str, *, jurisdiction: Jurisdiction | None = None) -> NamespaceInfo:
        """Create an empty namespace; raises AlreadyExists, InvalidInput."""
        return self._link.run(create_namespace(name, jurisdiction))

    def get(self, name: str) -> NamespaceInfo:
        """Look at a namespace; raises NotFound."""
        return self._link.run(get_namespace(name))

    def list(self, *, limit: int = 100, cursor: str | None = None) -> NamespacePage:
        """Some namespaces by name; ``cursor`` is the page's before."""
        return self._link.run(list_namespaces(limit, cursor))

    def iterate(self) -> Iterator[NamespaceInfo]:
        """All namespaces, asked for page by page as they are used."""
        cursor = None
        while True:
            page = self.list(limit=PAGE_ROWS, cursor=cursor)
            yield from page.namespaces
            cursor = page.cursor
            if cursor is None:
                return

    def delete(self, name: str) -> bool:
        """Delete an empty namespace; False if there is none, AlreadyExists while repos are in it."""
        return self._link.run(delete_namespace(name))


def create_namespace(name: str, jurisdiction: Jurisdiction | None) -> Call[NamespaceInfo]:
    """Create a namespace."""
    body = {"namespace": name} if jurisdiction is None else {"namespace": name, "jurisdiction": jurisdiction}
    return Call("POST", "/namespaces", _read_namespace, body)


def get_namespace(name: str) -> Call[NamespaceInfo]:
    """Look at a namespace."""
    return Call("GET", f"/namespaces/{path_segment(name)}", _read_namespace)


def list_namespaces(limit: int, cursor: str | None) -> Call[NamespacePage]:
    """List namespaces."""

    def read(answer: Answer) -> NamespacePage:
        found, info = answers.read_listing(answer)
        rows = tuple(_namespace_info(row) for row in found)
        return NamespacePage(rows, info.whole("total_count"), info.text_or_none("cursor") or None)

    asked = {"limit": str(limit)} if cursor is None else {"limit": str(limit), "cursor": cursor}
    return Call("GET", f"/namespaces?{urlencode(asked)}", read)


def delete_namespace(name: str) -> Call[bool]:
    """Delete a namespace."""
    return Call("DELETE", f"/namespaces/{path_segment(name)}", answers.is_found)


def _read_namespace(answer: Answer) -> NamespaceInfo:
    return _namespace_info(answers.read_row(answer))


def _namespace_info(row: Row) -> NamespaceInfo:
    return NamespaceInfo(
        namespace=row.text("namespace"),
        jurisdiction=row.text("jurisdiction"),
        repo_count=row.whole("repo_count"),
        created_at=row.time("created_at"),
        updated_at=row.time("updated_at"),
    )
