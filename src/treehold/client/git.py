"""How a git that this program starts shows a token: by its environment, or, where that cannot be had, in the URL.

Command lines can be read by every user of a machine and land in logs; the environment of a process only by its own
user. ``GIT_CONFIG_COUNT`` (git 2.31) hands a setting down that way. The header is set for the repo's URL alone, so git
shows it to no other server, and redirects are not followed from there.
"""

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_COUNT: Final = "GIT_CONFIG_COUNT"
_SECRET_PREFIX: Final = "art_v1_"  # noqa: S105 - a form, not a secret


def git_environment(remote: str, token: str, onto: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of ``onto`` and those with which git shows a token to a remote, and asks nobody for another.

    Settings that ``onto`` hands down already stay, so environments for several remotes can be made one onto the other.
    """
    settings = (
        (f"http.{remote}.extraHeader", f"Authorization: Bearer {token}"),
        (f"http.{remote}.followRedirects", "false"),
    )
    variables = dict(onto or {})
    given = variables.get(_COUNT, "")
    first = int(given) if given.isdecimal() else 0
    for row, (key, value) in enumerate(settings, first):
        variables[f"GIT_CONFIG_KEY_{row}"] = key
        variables[f"GIT_CONFIG_VALUE_{row}"] = value
    # An empty GIT_ASKPASS also keeps SSH_ASKPASS from opening a window that nobody looks at.
    variables |= {_COUNT: str(first + len(settings)), "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}
    return variables


def url_with_token(remote: str, token: str) -> str:
    """The remote's URL with a token as its password, without the hint behind it, which URLs cannot hold."""
    parts = urlsplit(remote)
    secret = token.partition("?")[0]
    return urlunsplit(parts._replace(netloc=f"x:{secret}@{parts.netloc.rpartition('@')[2]}"))


def secret_digest(token: str) -> str | None:
    """How a repo token is named without showing it: ``sha256:<64 hex digits>``. None for what is no token, as an id."""
    secret = token.partition("?")[0]
    if not secret.startswith(_SECRET_PREFIX):
        return None
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()
