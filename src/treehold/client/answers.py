"""What came back over HTTP, read: the envelope's result, the bytes of an object, or an error that is raised."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from treehold.client.errors import CODES, STATUSES, ArtifactsError, NotFound, Unavailable, UnexpectedAnswer
from treehold.client.rows import Row

_OCTETS: Final = "application/octet-stream"
_MESSAGE_MAX: Final = 2000
"""Characters of a server's message that are repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status says that it went well."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks to wait; None if it does not say, or says it as a date."""
        asked = self.headers.get("retry-after", "").strip()
        return float(asked[:9]) if asked.isascii() and asked.isdecimal() else None


def read_result(answer: Answer) -> Any:
    """The result of an envelope; raises ArtifactsError."""
    return _read_success(answer).get("result")


def read_row(answer: Answer) -> Row:
    """A result that is one object; raises ArtifactsError."""
    return Row(read_result(answer))


def read_listing(answer: Answer) -> tuple[list[Row], Row]:
    """A result that is a list, and what is told of it; raises ArtifactsError."""
    envelope = _read_success(answer)
    return _rows(envelope.get("result")), Row(envelope.get("result_info"))


def read_rows(answer: Answer) -> list[Row]:
    """A result that is a list of which nothing is told; raises ArtifactsError."""
    return _rows(read_result(answer))


def read_bytes(answer: Answer) -> bytes:
    """The bytes of an object; raises ArtifactsError."""
    check_bytes(answer)
    return answer.body


def is_found(answer: Answer) -> bool:
    """Whether what was named is there; raises ArtifactsError for any other failure."""
    try:
        if answer.status != 204:
            _read_success(answer)
    except NotFound:
        return False
    return True


def check_bytes(answer: Answer) -> None:
    """Raise the error of an answer that is not the bytes of an object, such as the page of a proxy."""
    _check(answer)
    if answer.headers.get("content-type") != _OCTETS:
        raise _error_of_stranger(answer)


def error_of(answer: Answer) -> ArtifactsError:
    """The error that an answer without success tells of."""
    told = _told(answer)
    number = told.get("code")
    if not isinstance(number, int):
        return _error_of_stranger(answer)
    code, kind = CODES.get(number) or STATUSES.get(answer.status) or (f"CODE_{number}", ArtifactsError)
    if answer.status == 503:  # the number calls it an internal error, as it does those that will not pass
        kind = Unavailable
    source = told.get("source")
    pointer = source.get("pointer") if isinstance(source, dict) else None
    return kind(
        str(told.get("message"))[:_MESSAGE_MAX],
        code,
        number,
        pointer=pointer if isinstance(pointer, str) else None,
        status=answer.status,
        retry_after=answer.retry_after,
    )


def _error_of_stranger(answer: Answer) -> ArtifactsError:
    """What an answer means that is no envelope, such as a proxy's."""
    code, kind = STATUSES.get(answer.status, ("UNEXPECTED_ANSWER", UnexpectedAnswer))
    found = answer.headers.get("content-type", "nothing").partition(";")[0][:80]
    said = f"HTTP {answer.status} with {found} in place of what this API answers"
    if 300 <= answer.status < 400:
        said = f"HTTP {answer.status}: redirects are not followed, because the token would go along"
    if kind is UnexpectedAnswer:
        said += "; does base_url lead to the server?"
    return kind(said, code, status=answer.status, retry_after=answer.retry_after)


def _told(answer: Answer) -> Mapping[str, Any]:
    """The first error of an envelope; nothing if it is none."""
    envelope = _parse(answer.body)
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _check(answer: Answer) -> None:
    if not answer.is_success:
        raise error_of(answer)


def _read_success(answer: Answer) -> Mapping[str, Any]:
    _check(answer)
    envelope = _parse(answer.body)
    if not isinstance(envelope, dict) or envelope.get("success") is not True:
        raise _error_of_stranger(answer)
    return envelope


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _rows(result: object) -> list[Row]:
    if not isinstance(result, list):
        raise UnexpectedAnswer("the answer has no list where one belongs", "UNEXPECTED_ANSWER")
    return [Row(row) for row in result]
