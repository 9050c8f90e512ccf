"""The rules of names in the words of JSON Schema. The engine holds them; this only tells of them."""

from typing import Any, Final

NAMED: Final = "characters of letters, digits, '-', '_' and '.'; upper case only where the server is set so"
NAME_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9_-]|\.(?!\.|git$|$))*$"
"""A letter or digit first, no ``..``, neither ``.git`` nor ``.`` at the end."""
LEVELS_MAX: Final = 8
"""Levels of a name of the workspace API."""


def relaxed(pattern: str) -> str:
    """The same pattern where names may have upper case."""
    return pattern.replace("a-z0-9", "a-zA-Z0-9").replace("git", "[gG][iI][tT]")


NAMESPACE_NAME: Final[dict[str, Any]] = {"minLength": 2, "maxLength": 63, "pattern": NAME_PATTERN}
REPO_NAME: Final[dict[str, Any]] = {**NAMESPACE_NAME, "minLength": 3}
RELAXED_NAMESPACE: Final[dict[str, Any]] = {**NAMESPACE_NAME, "pattern": relaxed(NAME_PATTERN)}
"""What a namespace may be called whatever the server's setting is."""
LEVELLED_NAME: Final[dict[str, Any]] = {
    "minLength": 3,
    "maxLength": 63 - (LEVELS_MAX - 1),
    "pattern": rf"^(?!(?:[^/]*/){{{LEVELS_MAX}}})[a-z0-9](?:[a-z0-9_-]|/(?!/|$)|\.(?!\.|git$|$))*$",
}
"""A name with levels. Each slash becomes two characters, so there is room for as many as there may be."""
