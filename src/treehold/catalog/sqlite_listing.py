"""Lists of repos: one stretch of a namespace in one of four orders, each served by an index."""

from sqlite3 import Connection
from typing import Any, Final

from treehold.catalog.base import RepoPage, RepoQuery, RepoRow, RepoSort
from treehold.catalog.cursors import Position, decode_cursor, encode_cursor
from treehold.catalog.sqlite_repos import repo_row_of
from treehold.catalog.sqlite_schema import NEVER
from treehold.catalog.sqlite_state import number, one

INLINE_OFFSET_MAX: Final = 2_000
"""Rows that may be skipped in the event loop's own thread: some 200 µs."""

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
    if query.search is not None:
        total = _count_matches(connection, parameters)
    if total == 0:
        return RepoPage((), 0, None)
    records = connection.execute(_page_sql(query), parameters).fetchall()
    rows = tuple(repo_row_of(record) for record in records[: query.limit])
    more = rows and len(records) > query.limit
    return RepoPage(
        rows, total, encode_cursor(query.sort, query.direction, _position(query, rows[-1])) if more else None
    )


def _parameters(query: RepoQuery) -> dict[str, Any]:
    """The values of a listing's statement; raises InvalidInput for a foreign cursor."""
    parameters: dict[str, Any] = {"search": query.search, "limit": max(0, query.limit) + 1, "offset": query.offset}
    if query.cursor is not None:
        position = decode_cursor(query.cursor, query.sort, query.direction)
        value = NEVER if position.value is None else position.value
        parameters |= {"value": value, "id": position.id, "offset": 0}
    return parameters


def _page_sql(query: RepoQuery) -> str:
    """The statement of a listing, put together from constants only."""
    column = _COLUMNS[query.sort]
    order, beyond = ("ASC", ">") if query.direction == "asc" else ("DESC", "<")
    parts = ["SELECT * FROM live_repos WHERE namespace_key = :namespace"]
    if query.cursor is not None:
        parts.append(f"AND ({column}, id) {beyond} (:value, :id)")
    if query.search is not None:
        parts.append("AND instr(lower(name), lower(:search))")
    parts.append(f"ORDER BY {column} {order}, id {order} LIMIT :limit OFFSET :offset")
    return " ".join(parts)


def _count_matches(connection: Connection, parameters: dict[str, Any]) -> int:
    """How many live repos of the namespace match the search.

    By the index that lies as the table does, 0.3 µs a row; of itself SQLite takes one that jumps, five times slower.
    """
    return number(
        connection,
        """
        SELECT count(*) FROM repos INDEXED BY repos_created
        WHERE namespace = :namespace AND deleted_at IS NULL AND instr(lower(name), lower(:search))
        """,
        parameters,
    )


def _position(query: RepoQuery, row: RepoRow) -> Position:
    """Where a listing stands after that row."""
    values: dict[RepoSort, int | str | None] = {
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_push_at": row.last_push_at,
        "name": row.name,
    }
    return Position(values[query.sort], row.id)
