"""Lists of repos: one stretch of a namespace in one of four orders, each served by an index.

A search is answered from the keys of what matches, found by the index of names, or, where they are very many, by
walking the order of the listing.
"""

import json
import re
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final

from treehold.catalog.accounts import Cursor
from treehold.catalog.base import RepoPage, RepoQuery, RepoSort
from treehold.catalog.cursors import Position, decode_cursor, encode_cursor
from treehold.catalog.sqlite_names import find_candidates
from treehold.catalog.sqlite_repos import repo_row_of
from treehold.catalog.sqlite_schema import NEVER
from treehold.catalog.sqlite_state import Record, number, one
from treehold.errors import InvalidInput

INLINE_OFFSET_MAX: Final = 2_000
"""Rows that may be skipped in the event loop's own thread: some 200 µs."""

SCANNED_REPOS_MAX: Final = 10_000
"""Size of a namespace whose names are all looked at in a search: 3 ms, whatever the other namespaces hold."""
MATCHES_MAX: Final = 20_000
"""Most matches that are sorted for a page. More of them lie so close in every order that a page is found by walking."""

_IN_NAMESPACE: Final = "namespace = :namespace AND deleted_at IS NULL"
_MATCHES: Final = r"name LIKE :pattern ESCAPE '\'"
_KEY: Final = re.compile("[0-9]{1,18}")
_COLUMNS: Final[dict[RepoSort, str]] = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "last_push_at": "pushed_at",
    "name": "name",
}


def is_slow(query: RepoQuery) -> bool:
    """Whether the query must look at more rows than it answers, and so belongs in a thread."""
    return query.search is not None or query.offset > INLINE_OFFSET_MAX


def list_repos(connection: Connection, query: RepoQuery) -> RepoPage:
    """A page of the live repos that match; raises InvalidInput for a foreign cursor."""
    parameters = _parameters(query)
    namespace = one(
        connection,
        "SELECT key, repo_count FROM namespaces WHERE account = ? AND name = ?",
        (query.account, query.namespace),
    )
    if namespace is None:
        return RepoPage((), 0, None)
    parameters["namespace"], total = namespace
    chosen = None
    if query.search is not None:
        parameters["pattern"] = _pattern(query.search)
        chosen = _find_matches(connection, query.search, total, parameters)
        total = _count_matches(connection, parameters) if chosen is None else len(chosen)
        parameters["chosen"] = json.dumps(chosen)
    if total == 0:
        return RepoPage((), 0, None)
    records: list[Record] = []
    for sql in _page_sql(query, is_chosen=chosen is not None):
        remaining = {**parameters, "limit": parameters["limit"] - len(records)}
        records += connection.execute(sql, remaining).fetchall()
    more = records and len(records) > query.limit > 0
    return RepoPage(
        tuple(repo_row_of(record) for record in records[: query.limit]),
        total,
        _cursor(query, records[query.limit - 1]) if more else None,
    )


def _parameters(query: RepoQuery) -> dict[str, Any]:
    """The values of a listing's statement; raises InvalidInput for a foreign cursor."""
    parameters: dict[str, Any] = {"limit": max(0, query.limit) + 1, "offset": query.offset}
    if query.cursor is not None:
        position = decode_cursor(query.cursor, query.sort, query.direction)
        if not _KEY.fullmatch(position.id):
            raise InvalidInput("not a cursor of this listing", "/cursor")
        value = NEVER if position.value is None else position.value
        parameters |= {"value": value, "key": int(position.id), "offset": 0}
    return parameters


def _page_sql(query: RepoQuery, *, is_chosen: bool = False) -> Sequence[str]:
    """The statements whose rows one after the other are a listing, put together from constants only.

    Beyond a cursor there are two, first for what is left of the cursor's own value: SQLite seeks to a key among equal
    values only when told that they are equal, and a million repos may have the same, never having been pushed to.
    """
    column = _COLUMNS[query.sort]
    order, beyond = ("ASC", ">") if query.direction == "asc" else ("DESC", "<")
    among = "key IN (SELECT value FROM json_each(:chosen))" if is_chosen else "namespace_key = :namespace"
    if query.search is not None and not is_chosen:
        among += f" AND {_MATCHES}"
    steps = ["TRUE"]
    if query.cursor is not None:
        steps = [f"{column} = :value AND key {beyond} :key", f"{column} {beyond} :value"]
    return [
        f"SELECT * FROM live_repos WHERE {among} AND {step} "  # noqa: S608 - constants
        f"ORDER BY {column} {order}, key {order} LIMIT :limit OFFSET :offset"
        for step in steps
    ]


def _pattern(search: str) -> str:
    """The pattern of LIKE for a plain part of a name, whatever its case."""
    return "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _find_matches(connection: Connection, search: str, repos: int, parameters: dict[str, Any]) -> list[int] | None:
    """The keys of all matches in a namespace of so many repos; None if they are too many to go by them."""
    candidates = find_candidates(connection, search, MATCHES_MAX) if repos > SCANNED_REPOS_MAX else None
    if candidates is None:
        source = "repos INDEXED BY repos_created"
    else:
        source = "json_each(:candidates) CROSS JOIN repos ON repos.key = json_each.value"
    rows = connection.execute(
        f"SELECT repos.key FROM {source} WHERE {_IN_NAMESPACE} AND {_MATCHES} LIMIT :most",  # noqa: S608 - constants
        {**parameters, "candidates": json.dumps(candidates), "most": MATCHES_MAX + 1},
    ).fetchall()
    return [key for (key,) in rows] if len(rows) <= MATCHES_MAX else None


def _count_matches(connection: Connection, parameters: dict[str, Any]) -> int:
    """How many live repos of the namespace match the search.

    By the index that lies as the table does, 0.2 µs a row; of itself SQLite takes one that jumps, five times slower.
    """
    return number(
        connection,
        f"SELECT count(*) FROM repos INDEXED BY repos_created WHERE {_IN_NAMESPACE} AND {_MATCHES}",  # noqa: S608
        parameters,
    )


def _cursor(query: RepoQuery, record: Record) -> Cursor:
    """Where a listing goes on after that row of ``live_repos``."""
    row = repo_row_of(record)
    values: dict[RepoSort, int | str | None] = {
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_push_at": row.last_push_at,
        "name": row.name,
    }
    return encode_cursor(query.sort, query.direction, Position(values[query.sort], str(record[0])))
