"""Twin of treehold.schema.fields."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from treehold.schema.fields import Text, Time, Whole, from_milliseconds, iso_time


@pytest.mark.parametrize(
    ("since_1970", "spelled"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_776_331_800_000, "2026-04-16T09:30:00.000Z"),
        (1_776_331_800_999, "2026-04-16T09:30:00.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_are_spelled_exactly(since_1970: int, spelled: str) -> None:
    """Every millisecond keeps its own spelling, with three digits and a Z."""
    assert iso_time(from_milliseconds(since_1970)) == spelled


def test_other_zones_are_spelled_in_utc() -> None:
    """A time of another zone is turned to UTC."""
    noon = datetime(2026, 4, 16, 12, tzinfo=timezone(timedelta(hours=2)))
    assert iso_time(noon) == "2026-04-16T10:00:00.000Z"


def test_a_time_is_json_text_and_comes_back() -> None:
    """A time goes to JSON as ISO text and is read from it as the same moment."""
    time = TypeAdapter(Time)
    moment = datetime(2026, 4, 16, 9, 30, 0, 5000, tzinfo=UTC)
    assert time.dump_json(moment) == b'"2026-04-16T09:30:00.005Z"'
    assert time.validate_json(time.dump_json(moment)) == moment


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud800"])
def test_text_that_cannot_be_kept_is_refused(text: str) -> None:
    """NUL characters and lone surrogates are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


@pytest.mark.parametrize("value", ["", " 1", "1 ", "+1", "-1", "1.0", "1_0", "0x1", "\u0661", "one", "9" * 5000])
def test_a_whole_number_is_digits(value: str) -> None:
    """Whatever else pydantic would take for an integer is refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Whole).validate_python(value)


def test_whole_numbers_pass() -> None:
    """Digits are read, and an integer stays what it is."""
    assert [TypeAdapter(Whole).validate_python(value) for value in ("007", "50", 3)] == [7, 50, 3]
