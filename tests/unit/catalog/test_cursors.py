"""Tests of treehold.catalog.cursors."""

import base64
import json

import pytest

from treehold.catalog.accounts import Cursor
from treehold.catalog.base import RepoSort
from treehold.catalog.cursors import CURSOR_CHARACTERS_MAX, Position, decode_cursor, encode_cursor
from treehold.errors import InvalidInput


def _forge(*fields: object) -> Cursor:
    return Cursor(base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("="))


@pytest.mark.parametrize(
    ("sort", "value"),
    [("created_at", 5), ("updated_at", 0), ("last_push_at", 2**62), ("last_push_at", None), ("name", "agent-007")],
)
def test_a_cursor_reads_back(sort: RepoSort, value: int | str | None) -> None:
    """What was encoded is decoded for the same sort and direction."""
    position = Position(value, "r1")
    assert decode_cursor(encode_cursor(sort, "asc", position), sort, "asc") == position


def test_a_cursor_is_safe_in_a_url() -> None:
    """It holds nothing that a query string would have to escape."""
    for value in range(200):
        text = encode_cursor("name", "desc", Position(chr(value + 40) * 5, "r1"))
        assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(""),
        Cursor("!"),
        Cursor("é"),
        Cursor("A" * (CURSOR_CHARACTERS_MAX + 1)),
        Cursor("_-_-"),
        _forge(),
        _forge("created_at", "asc", 1),
        _forge("created_at", "asc", 1, "r1", 2),
        _forge("created_at", "asc", 1, 2),
        _forge("created_at", "asc", True, "r1"),
        _forge("created_at", "asc", 1.5, "r1"),
        _forge("created_at", "asc", -1, "r1"),
        _forge("created_at", "asc", 2**63, "r1"),
        _forge("created_at", "asc", None, "r1"),
        _forge("created_at", "asc", "1", "r1"),
        _forge("created_at", "asc", 1, "\ud800"),
        _forge("created_at", "desc", 1, "r1"),
        _forge("updated_at", "asc", 1, "r1"),
        _forge(["created_at"], "asc", 1, "r1"),
        Cursor(base64.urlsafe_b64encode(b"[" * 700).decode()),
        Cursor(base64.urlsafe_b64encode(b'{"a": 1}').decode()),
    ],
)
def test_anything_else_is_refused(cursor: Cursor) -> None:
    """A text that is no cursor of this listing is InvalidInput at /cursor."""
    with pytest.raises(InvalidInput) as caught:
        decode_cursor(cursor, "created_at", "asc")
    assert caught.value.pointer == "/cursor"


@pytest.mark.parametrize("value", [1, None, "\udfff"])
def test_a_name_is_text(value: object) -> None:
    """A cursor by name holds a name."""
    with pytest.raises(InvalidInput):
        decode_cursor(_forge("name", "asc", value, "r1"), "name", "asc")
