"""One tree of errors, whose branches say whose fault it is.

::

    TreeholdError
    ├── RequestError              the asker's: doors answer 4xx or an ERR line
    │   ├── InvalidInput          a field is wrong; carries the field's pointer
    │   │   ├── InvalidRepoName
    │   │   ├── InvalidRefName
    │   │   ├── InvalidTtl
    │   │   └── NotARepository    a URL that does not lead to one
    │   ├── MalformedMessage      bytes that are not the protocol
    │   │   └── MalformedObjectId
    │   ├── MalformedObject       a Git object that git fsck calls an error
    │   ├── RejectedPack          a pack that cannot be kept; says why
    │   │   └── MissingObject     ... because something it needs is not here
    │   ├── UnwantedObject        a want that no ref of the repo reaches
    │   ├── LimitExceeded         a limit of the server was reached; names it
    │   │   └── StorageLimitReached   ... by what a repo or an account keeps
    │   ├── Unauthenticated       no credentials, or unknown ones
    │   ├── PermissionDenied      known, but not allowed
    │   ├── RateLimited           too many requests lately
    │   ├── NotFound
    │   ├── AlreadyExists
    │   ├── ImportInProgress      the repo is not ready yet
    │   └── RemoteAuthRequired    another server does not accept the credentials given for it
    ├── Conflict                  two changes raced; the loser reads again and retries
    └── ServerError               ours: doors answer 5xx
        ├── StorageError          the disk or object store failed
        ├── CatalogError          the database failed
        ├── CorruptStore          what we stored is not what we stored
        ├── NativeGitError        C Git ended badly
        ├── RemoteUnavailable     another server that an import needs cannot be reached, or fails
        │   └── RemoteTimeout     ... or takes too long
        └── Unavailable           too busy or stopping; worth another try later

Low rooms raise these, doors translate them by one table. Errors of drivers are translated where the driver lives.
No message may carry a secret or the contents of an object.
"""


class TreeholdError(Exception):
    """Anything that this package raises on purpose."""


class RequestError(TreeholdError):
    """The asker's fault."""


class InvalidInput(RequestError):
    """A field of the request is wrong. ``pointer`` names it as REST does: ``/name``, ``/limit``."""

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class InvalidRepoName(InvalidInput):
    """A repo name is missing or breaks the naming rules."""


class InvalidRefName(InvalidInput):
    """A ref or branch name that git check-ref-format refuses."""


class InvalidTtl(InvalidInput):
    """A token lifetime outside its bounds."""


class NotARepository(InvalidInput):
    """What a URL leads to does not speak Git over smart HTTP."""


class MalformedMessage(RequestError):
    """Bytes on the wire that are not the protocol."""


class MalformedObjectId(MalformedMessage):
    """Not 40 hex digits."""


class MalformedObject(RequestError):
    """A Git object that is not well-formed. ``msg_id`` is git fsck's name for the defect, such as ``hasDotgit``."""

    def __init__(self, msg_id: str, message: str) -> None:
        super().__init__(f"{msg_id}: {message}")
        self.msg_id = msg_id


class RejectedPack(RequestError):
    """A pushed pack that cannot be kept."""


class MissingObject(RejectedPack):
    """A pushed object needs another object that is neither in the pack nor reachable in the repo."""


class UnwantedObject(RequestError):
    """A fetch asks for an object that no ref of this repo reaches."""


class LimitExceeded(RequestError):
    """A limit of this server was reached; the message names the limit and its value."""


class StorageLimitReached(LimitExceeded):
    """A repo or an account keeps as much as it may; nothing of what would be too much is kept."""


class RateLimited(RequestError):
    """More requests than ``limit`` of one account or namespace lately; one may come again in ``retry_seconds``."""

    def __init__(self, message: str, *, limit: int, retry_seconds: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_seconds = retry_seconds

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP says of it (RFC 9110, and the draft of RateLimit headers that clients know)."""
        return {
            "retry-after": str(self.retry_seconds),
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": "0",
            "ratelimit-reset": str(self.retry_seconds),
        }


class Unauthenticated(RequestError):
    """No credentials, or credentials that nobody issued."""


class PermissionDenied(RequestError):
    """Known credentials that do not allow this."""


class NotFound(RequestError):
    """The named thing does not exist."""


class AlreadyExists(RequestError):
    """The name is taken."""


class ImportInProgress(RequestError):
    """The repo is being imported and cannot be used yet."""


class RemoteAuthRequired(RequestError):
    """The remote of an import asks for credentials, or does not accept these."""


class Conflict(TreeholdError):
    """Another change came first; read again and retry."""


class ServerError(TreeholdError):
    """Ours, never the asker's."""


class StorageError(ServerError):
    """The place where pack bytes lie failed."""


class CatalogError(ServerError):
    """The catalog's database failed."""


class CorruptStore(ServerError):
    """Stored bytes are not what was stored."""


class NativeGitError(ServerError):
    """C Git ended badly where it should not have. Carries the end of its standard error, which names no secret."""


class RemoteUnavailable(ServerError):
    """The remote of an import cannot be reached or failed; another try may do better."""


class RemoteTimeout(RemoteUnavailable):
    """The remote of an import took too long."""


class Unavailable(ServerError):
    """Too busy or stopping; the same request may succeed later."""
