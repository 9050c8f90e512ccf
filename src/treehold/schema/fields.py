"""The kinds of field that several bodies share."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

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


Text = Annotated[str, AfterValidator(_storable)]
"""Text that UTF-8 can spell, without NUL."""
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
    Text, Field(description="2 to 63 characters of a-z, 0-9, '-', '_' and '.'", examples=["default"])
]
RepoName = Annotated[Text, Field(description="3 to 63 characters of a-z, 0-9, '-', '_' and '.'")]
