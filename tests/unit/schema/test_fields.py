"""Twin of treehold.schema.fields."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from treehold.auth import names
from treehold.errors import InvalidRefName
from treehold.ids import branch_ref
from treehold.schema.fields import (
    DESCRIPTION_MAX,
    BranchName,
    Integral,
    Text,
    Time,
    Told,
    Whole,
    from_milliseconds,
    iso_time,
)


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


@pytest.mark.parametrize(("value", "whole"), [(60, 60), (60.0, 60), (-0.0, 0), (1e300, int(1e300))])
def test_a_whole_number_of_json_may_have_a_point(value: object, whole: int) -> None:
    """A number is what it is worth, not how it is spelled."""
    assert TypeAdapter(Annotated[int, Integral]).validate_python(value, strict=True) == whole


@pytest.mark.parametrize("value", [60.5, True, "60", float("inf"), float("nan"), None])
def test_other_numbers_of_json_are_refused(value: object) -> None:
    """What is not whole, or no number, is not made into one."""
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[int, Integral]).validate_python(value, strict=True)


def test_what_a_check_amounts_to_is_told() -> None:
    """The keywords stand in the schema, and check nothing themselves."""
    field = TypeAdapter(Annotated[int, Told(minimum=5)])
    assert field.json_schema() == {"type": "integer", "minimum": 5}
    assert field.validate_python(1) == 1


def test_descriptions_are_as_long_as_the_rules_have_them() -> None:
    """What is told is what holds."""
    assert DESCRIPTION_MAX == names.DESCRIPTION_MAX


@given(
    st.lists(
        st.sampled_from(["a", "é", "-", ".", "/", "@", "{", "~", ":", "\\", "[", " ", "HEAD", ".lock", "\x00", "\x7f"]),
        max_size=6,
    ).map("".join)
)
@example("feature/one")
@example("a.lock/b")
@example("@")
@example("HEAD")
def test_branches_are_told_as_git_takes_them(name: str) -> None:
    """What the pattern says of a branch's name is what the rules of refs say."""
    told = TypeAdapter(BranchName).json_schema()
    try:
        branch_ref(name)
    except InvalidRefName:
        taken = False
    else:
        taken = True
    assert taken == (len(name) >= told["minLength"] and re.search(told["pattern"], name) is not None)
