"""What is printed."""

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from treehold.cli.failures import OutputClosed
from treehold.cli.screen import Screen, record_of
from treehold.client import CreatedToken

NOON = datetime(2026, 4, 16, 12, 0, 0, 250_000, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [{"name": "a", "at": NOON, "on": True}, {"name": "b\tc", "at": None, "on": False}]
PLAIN, JSON = Screen(as_json=False, is_plain=False), Screen(as_json=True, is_plain=False)


def test_a_pipe_gets_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row is one line and each field one column, whatever is in it."""
    PLAIN.show_rows(("name", "at", "on"), ROWS)
    PLAIN.show({"name": "a", "nothing": None, "roles": ("x", "y")})
    assert capsys.readouterr().out == "a\t2026-04-16 12:00:00Z\tyes\nb c\t\tno\nname\ta\nroles\tx y\n"


def test_programs_get_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """All fields are there, times as REST spells them; no rows are an empty list."""
    JSON.show_rows(("name",), ROWS)
    assert json.loads(capsys.readouterr().out) == [
        {"name": "a", "at": "2026-04-16T12:00:00.250Z", "on": True},
        {"name": "b\tc", "at": None, "on": False},
    ]
    JSON.show_rows(("name",), [])
    assert json.loads(capsys.readouterr().out) == []
    JSON.done("deleted", {"deleted": True})
    assert json.loads(capsys.readouterr().out) == {"deleted": True}


def test_nothing_is_printed_of_rows_that_never_came(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure before the first row leaves stdout empty."""

    rows: Iterator[dict[str, Any]] = ({"name": 1 / number} for number in range(3))
    with pytest.raises(ZeroDivisionError):
        JSON.show_rows(("name",), rows)
    assert capsys.readouterr().out == ""


def test_a_secret_is_alone_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A script can take it as it is, or by its name in JSON."""
    PLAIN.show_secret("art_v1_x", {"plaintext": "art_v1_x"})
    assert capsys.readouterr().out == "art_v1_x\n"
    JSON.show_secret("art_v1_x", {"plaintext": "art_v1_x"})
    assert json.loads(capsys.readouterr().out) == {"plaintext": "art_v1_x"}


def test_a_reader_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed pipe is told apart from other errors, whatever is being printed."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    for screen in (PLAIN, JSON):
        with pytest.raises(OutputClosed):
            screen.show_rows(("name",), ROWS)
        with pytest.raises(OutputClosed):
            screen.show({"a": "b"})
    monkeypatch.setattr(sys, "stderr", Closed())
    PLAIN.say("nobody listens")


def test_record_of_leaves_out_what_is_named() -> None:
    """A secret that is not to be shown is in no record."""
    token = CreatedToken(id="i", plaintext="secret", scope="read", expires_at=NOON)
    assert record_of(token, "plaintext") == {"id": "i", "scope": "read", "expires_at": NOON}
