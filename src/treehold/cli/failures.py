"""How a verb fails: one line that says what is wrong and what to do, and a status that scripts can use."""

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from treehold.cli.clean_text import one_line
from treehold.client.errors import (
    AlreadyExists,
    ArtifactsError,
    AuthenticationError,
    InProgress,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedAnswer,
)


class Status(IntEnum):
    """With what the command ends; docs/command-line.md tells scripts of them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    ALREADY_EXISTS = 4
    NOT_ALLOWED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


class Refused(Exception):
    """A verb cannot go on; ``hint`` says what its user can do about it."""

    def __init__(
        self, message: str, *, hint: str = "", status: Status = Status.FAILED, code: str = "COMMAND_FAILED"
    ) -> None:
        super().__init__(message)
        self.failure = Failure(message, hint, status, code)


def not_there(message: str, *, hint: str = "") -> Refused:
    """What to raise when what was named does not exist."""
    return Refused(message, hint=hint, status=Status.NOT_FOUND, code="NOT_FOUND")


class OutputClosed(Exception):
    """Whoever read the output has gone away, as ``head`` does."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told of a failed verb. ``code`` has the name of the REST API's error where it was one."""

    message: str
    hint: str
    status: Status
    code: str

    def line(self) -> str:
        """As people read it."""
        return one_line(f"treehold: {self.message}{'; ' if self.hint else ''}{self.hint}")

    def document(self) -> str:
        """As programs read it."""
        told = {"code": self.code, "message": self.message, "hint": self.hint or None, "status": int(self.status)}
        return json.dumps({"error": told})


_KINDS: Final[tuple[tuple[type[ArtifactsError], Status, str], ...]] = (
    (NotFound, Status.NOT_FOUND, "`treehold repo list` and `treehold namespace list` show what is there"),
    (AlreadyExists, Status.ALREADY_EXISTS, "choose another name"),
    (InvalidInput, Status.USAGE, ""),
    (RateLimited, Status.UNAVAILABLE, "wait a little and try again"),
    (InProgress, Status.UNAVAILABLE, "wait until it is ready and try again"),
    (Unavailable, Status.UNAVAILABLE, "is the server running, and is --url right?"),
    (UnexpectedAnswer, Status.FAILED, "is --url right?"),
    (ArtifactsError, Status.FAILED, ""),
)
_FORBIDDEN: Final = 403


def explain(error: ArtifactsError) -> Failure:
    """What is told of an error of the binding."""
    if isinstance(error, AuthenticationError):
        return Failure(error.message, _hint_of_token(error), Status.NOT_ALLOWED, error.code)
    status, hint = next((status, told) for kind, status, told in _KINDS if isinstance(error, kind))
    pointer = f" ({error.pointer.strip('/')})" if error.pointer else ""
    return Failure(f"{error.message}{pointer}", hint, status, error.code)


def _hint_of_token(error: AuthenticationError) -> str:
    if error.status == _FORBIDDEN:
        return "this needs an API token of this account with edit permission: `treehold login`, or set TREEHOLD_TOKEN"
    return "give a valid API token: `treehold login`, or set TREEHOLD_TOKEN"
