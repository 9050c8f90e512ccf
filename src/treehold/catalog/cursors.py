"""Page cursors: where a listing goes on, as an opaque text that any backend can read back.

A cursor names the last row that was shown by its sort value and id, never by a count, so rows that come or go before
it move nothing. It is not signed: a forged one only starts a listing somewhere else in the same namespace.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from treehold.catalog.accounts import Cursor
from treehold.catalog.base import Direction, RepoSort
from treehold.errors import InvalidInput

CURSOR_CHARACTERS_MAX: Final = 1024
"""Longest cursor looked at: a name of 63 characters makes one of about 200."""
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Position:
    """The last row shown: its value in the sorted column (None: it has none) and its id."""

    value: int | str | None
    id: str


def encode_cursor(sort: RepoSort, direction: Direction, position: Position) -> Cursor:
    """The cursor that goes on behind that row."""
    fields = json.dumps([sort, direction, position.value, position.id], separators=(",", ":"))
    return Cursor(base64.urlsafe_b64encode(fields.encode()).decode().rstrip("="))


def decode_cursor(cursor: Cursor, sort: RepoSort, direction: Direction) -> Position:
    """The row behind which to go on.

    Raises InvalidInput (pointer ``/cursor``) for what is no cursor, or one of another sort or direction.
    """
    fields = _parse_fields(cursor)
    if fields is None or fields[:2] != [sort, direction] or not _fits(sort, fields[2]):
        raise InvalidInput("not a cursor of this listing", "/cursor")
    return Position(fields[2], fields[3])


def _parse_fields(cursor: Cursor) -> list[Any] | None:
    """Sort, direction, value and id of a cursor; None for any other text."""
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        return None
    try:
        fields = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError, binascii.Error):
        return None
    good = isinstance(fields, list) and len(fields) == 4 and _is_text(fields[3])
    return fields if good else None


def _is_text(value: object) -> bool:
    """Whether a database can take it as text: JSON can spell halves of characters, which none can."""
    return isinstance(value, str) and not _HALF_CHARACTER.search(value)


def _fits(sort: RepoSort, value: object) -> bool:
    """Whether that column can hold the value; only the last push may be missing."""
    if sort == "name":
        return _is_text(value)
    if value is None:
        return sort == "last_push_at"
    return type(value) is int and 0 <= value < 2**63  # a bool is an int to isinstance
