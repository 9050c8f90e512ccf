"""Which namespace of which server a client works in, and as whom: arguments first, then the environment.

The only file of the client that reads the environment.
"""

import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from treehold.client.errors import AuthenticationError, InvalidInput

DEFAULT_URL: Final = "http://127.0.0.1:8787"
DEFAULT_ACCOUNT: Final = "local"
DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """One namespace of a server, and the API token to show there."""

    base_url: str
    account_id: str
    namespace: str
    token: str = field(repr=False)

    @property
    def server_api(self) -> str:
        """What the URLs of all routes begin with."""
        return f"{self.base_url}/client/v4"

    @property
    def account_api(self) -> str:
        """What those of the account begin with."""
        return f"{self.server_api}/accounts/{path_segment(self.account_id)}/artifacts"

    @property
    def api(self) -> str:
        """What those of the namespace begin with."""
        return f"{self.account_api}/namespaces/{path_segment(self.namespace)}"


def find_profile(
    base_url: str | None = None, account_id: str | None = None, namespace: str | None = None, token: str | None = None
) -> Profile:
    """Fill in what is not given from ``TREEHOLD_URL``, ``_ACCOUNT_ID``, ``_NAMESPACE`` and ``_TOKEN``.

    An empty variable counts as none. Raises AuthenticationError without a token, InvalidInput for a URL that is none.
    """
    return Profile(
        _checked_url(base_url or os.environ.get("TREEHOLD_URL") or DEFAULT_URL),
        account_id or os.environ.get("TREEHOLD_ACCOUNT_ID") or DEFAULT_ACCOUNT,
        namespace or os.environ.get("TREEHOLD_NAMESPACE") or DEFAULT_NAMESPACE,
        _checked_token(token or os.environ.get("TREEHOLD_TOKEN") or ""),
    )


def path_segment(name: str) -> str:
    """A name as one segment of a URL's path; raises InvalidInput for what would lead to another place."""
    if name in {"", ".", ".."}:
        raise InvalidInput(f"{name!r} is no name", "INVALID_REPO_NAME", 10101, pointer="/name")
    return quote(name, safe="", errors="surrogateescape")


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_complete = False
    # Not repeated in the message: a URL that is refused for a password in it holds one.
    if not is_complete or parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput(
            f"base_url (TREEHOLD_URL) must be like {DEFAULT_URL}, without credentials or a query",
            "INVALID_INPUT",
            10100,
        )
    return url.rstrip("/")


def _checked_token(token: str) -> str:
    if not token:
        raise AuthenticationError(
            "no API token: give token= or set TREEHOLD_TOKEN; `treehold admin token create` makes one",
            "AUTHENTICATION_ERROR",
            10000,
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        # HTTP libraries repeat what they cannot send, and that would be the token.
        raise AuthenticationError("the API token has characters that no token has", "AUTHENTICATION_ERROR", 10000)
    return token
