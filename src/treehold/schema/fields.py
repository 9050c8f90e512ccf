"""The kinds of field that several bodies share."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from treehold.schema.names import NAMED, NAMESPACE_NAME, REPO_NAME

DESCRIPTION_MAX: Final = 1_000
"""Longest description, in characters."""
BRANCH_MAX: Final = 250
"""Longest name of a default branch, in characters: git keeps no branch a part of whose name has more bytes."""
PATH_MAX: Final = 4_096
"""Longest path or ref that a query may hold, in characters; Linux opens no path that is longer."""
_BRANCH_PATTERN: Final = (
    r"^(?!-|HEAD$)(?!\.|.*(?:\.\.|//|/\.|@\{|\.lock(?:/|$)))"
    r"[^\x00-\x20\x7f~^:?*\[\\/](?:[^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\/.])?$"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = re.compile(r"[0-9]+")


def from_milliseconds(since_1970: int) -> datetime:
    """The time that many milliseconds after 1970 UTC; exact, which division by 1000.0 is not."""
    return _EPOCH + timedelta(milliseconds=since_1970)


def iso_time(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, such as ``2026-04-16T09:30:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _storable(text: str) -> str:
    # JSON can spell both; no name or description of ours has them, and not every database can keep them.
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not hold a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise PydanticCustomError("lone_surrogate", "must not hold a lone surrogate") from None
    return text


def _only_digits(value: object) -> object:
    # Left to itself pydantic also takes "1.0", " 1 " and "1_000" out of a query.
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise PydanticCustomError("not_whole", "must be a whole number")
    return value


def _integral(value: object) -> object:
    # 60.0 is the same number as 60 to JSON, and to JSON Schema; Python alone tells them apart.
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Told:
    """Keywords of JSON Schema for what a check that pydantic cannot see amounts to."""

    def __init__(self, **keywords: object) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Pydantic's place to say so."""
        return {**handler(core), **self._keywords}


Text = Annotated[str, AfterValidator(_storable), Told(pattern=r"^[^\x00]*$")]
"""Text that UTF-8 can spell, without NUL."""
Description = Annotated[
    Text,
    Told(maxLength=DESCRIPTION_MAX),
    Field(description="At most 1,000 characters", examples=["Starting point of all agents"]),
]
BranchName = Annotated[
    Text,
    Field(max_length=BRANCH_MAX, description="What `git check-ref-format --branch` accepts", examples=["main"]),
    Told(minLength=1, pattern=_BRANCH_PATTERN),
]
Integral: Final = BeforeValidator(_integral)
"""Takes a whole number out of JSON however it is spelled there."""
OnlyDigits: Final = BeforeValidator(_only_digits)
"""Takes a number out of a query only if it is spelled with digits alone."""
Whole = Annotated[int, OnlyDigits]
"""A whole number, in a query spelled with digits alone."""
Time = Annotated[
    datetime,
    PlainSerializer(iso_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-04-16T09:30:00.000Z"]}),
]
"""A point in time, spelled by :func:`iso_time`."""
NamespaceName = Annotated[
    Text,
    Told(**NAMESPACE_NAME),
    Field(description=f"2 to 63 {NAMED}", examples=["default"]),
]
RepoName = Annotated[
    Text,
    Told(**REPO_NAME),
    Field(description=f"3 to 63 {NAMED}", examples=["starter-repo"]),
]
