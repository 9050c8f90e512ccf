"""What a verb of the client raises.

::

    ArtifactsError          anything; ``code`` has its name
    ├── NotFound            no such repo or token, or no such remote repository
    ├── AlreadyExists       the name is taken
    ├── InProgress          the repo is still being created, imported or forked
    ├── InvalidInput        a field is wrong; ``pointer`` names it
    ├── AuthenticationError no token, an unknown or expired one, or one that may not do this
    ├── RateLimited         too many requests lately; ``retry_after`` says for how long
    ├── Unavailable         no answer, or one that says: not now
    └── UnexpectedAnswer    what answered does not speak this API

No message holds a token: those of servers are theirs, and of any other body nothing is repeated.
"""

from collections.abc import Mapping
from typing import Final


class ArtifactsError(Exception):
    """A verb failed.

    ``code`` is a name such as ``NOT_FOUND`` and ``numeric_code`` its number in the REST API, None where the server said
    nothing; ``pointer`` names the wrong field (``/name``); ``status`` is HTTP's; ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        message: str,
        code: str = "INTERNAL_ERROR",
        numeric_code: int | None = None,
        *,
        pointer: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code, numeric_code)
        self.message = message
        self.code = code
        self.numeric_code = numeric_code
        self.pointer = pointer
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        """The message, and what names it in the documentation."""
        return f"{self.message} ({self.code})"


class NotFound(ArtifactsError):
    """The named thing does not exist."""


class AlreadyExists(ArtifactsError):
    """The name is taken."""


class InProgress(ArtifactsError):
    """The repo is still being created, imported or forked."""


class InvalidInput(ArtifactsError):
    """A field of the request is wrong; ``pointer`` names it."""


class AuthenticationError(ArtifactsError):
    """No token, an unknown or expired one, or one that does not allow this."""


class RateLimited(ArtifactsError):
    """Too many requests lately; one may come again in ``retry_after`` seconds."""


class Unavailable(ArtifactsError):
    """No answer came, or one that says: not now. The same call may succeed later."""


class UnexpectedAnswer(ArtifactsError):
    """What answered does not speak this API."""


CODES: Final[Mapping[int, tuple[str, type[ArtifactsError]]]] = {
    10000: ("AUTHENTICATION_ERROR", AuthenticationError),
    10100: ("INVALID_INPUT", InvalidInput),
    10101: ("INVALID_REPO_NAME", InvalidInput),
    10103: ("INVALID_TTL", InvalidInput),
    10104: ("INVALID_URL", InvalidInput),
    10106: ("REMOTE_AUTH_REQUIRED", ArtifactsError),
    10200: ("NOT_FOUND", NotFound),
    10201: ("ALREADY_EXISTS", AlreadyExists),
    10301: ("CREATE_IN_PROGRESS", InProgress),
    10302: ("IMPORT_IN_PROGRESS", InProgress),
    10303: ("FORK_IN_PROGRESS", InProgress),
    10400: ("INTERNAL_ERROR", ArtifactsError),
    10401: ("UPSTREAM_UNAVAILABLE", Unavailable),
    10402: ("MEMORY_LIMIT", ArtifactsError),
    10409: ("PRECONDITION_FAILED", ArtifactsError),
    10429: ("RATE_LIMITED", RateLimited),
    10507: ("STORAGE_LIMIT_REACHED", ArtifactsError),
}
"""The numbers of the REST API, their names, and what they are raised as."""

STATUSES: Final[Mapping[int, tuple[str, type[ArtifactsError]]]] = {
    401: ("AUTHENTICATION_ERROR", AuthenticationError),
    403: ("AUTHENTICATION_ERROR", AuthenticationError),
    429: ("RATE_LIMITED", RateLimited),
    502: ("UNAVAILABLE", Unavailable),
    503: ("UNAVAILABLE", Unavailable),
    504: ("UNAVAILABLE", Unavailable),
}
"""What a status means when a proxy sends it, or with a number that is not in the table.

404 is not here: a proxy that does not know the server must not look like a repo that is gone.
"""
