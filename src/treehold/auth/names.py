"""The naming rules for namespaces and repos, in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from treehold.errors import InvalidInput, InvalidRepoName

REPO_NAME_MIN: Final = 3
NAMESPACE_NAME_MIN: Final = 2
NAME_MAX: Final = 63
DESCRIPTION_MAX: Final = 1000
"""Longest description, in characters."""

NameStyle = Literal["strict", "relaxed"]
"""Which letters a name may have: lower case only, or upper case too."""

_LETTERS: Final[Mapping[NameStyle, str]] = {"strict": "a-z", "relaxed": "a-z, A-Z"}
_FORMS: Final[Mapping[NameStyle, re.Pattern[str]]] = {
    "strict": re.compile(r"[a-z0-9][a-z0-9._-]*"),
    "relaxed": re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*"),
}


@dataclass(frozen=True, slots=True)
class NamePolicy:
    """Which names new namespaces and repos may have. Whatever the style, :func:`is_same_name` tells names apart."""

    style: NameStyle = "strict"
    repo_name_min: int = REPO_NAME_MIN
    namespace_name_min: int = NAMESPACE_NAME_MIN
    name_max: int = NAME_MAX

    def check_repo_name(self, name: str) -> str:
        """The name itself if it is a legal repo name; raises InvalidRepoName."""
        problem = self._problem(name, self.repo_name_min)
        if problem:
            raise InvalidRepoName(f"invalid repo name: {problem}", "/name")
        return name

    def check_namespace(self, name: str) -> str:
        """The name itself if it is a legal namespace; raises InvalidInput."""
        problem = self._problem(name, self.namespace_name_min)
        if problem:
            raise InvalidInput(f"invalid namespace: {problem}", "/namespace")
        return name

    def _problem(self, name: str, shortest: int) -> str | None:
        if not shortest <= len(name) <= self.name_max:
            return f"it must have {shortest} to {self.name_max} characters, not {len(name)}"
        if not _FORMS[self.style].fullmatch(name):
            letters = _LETTERS[self.style]
            return f"it must begin with {letters} or 0-9 and go on with {letters}, 0-9, '-', '_' or '.'"
        if ".." in name or name.lower().endswith((".git", ".")):
            return "it must not hold '..' nor end in '.git' or '.'"
        return None


def is_same_name(name: str, kept: str) -> bool:
    """Whether somebody who says ``name`` means the namespace or repo that was taken in as ``kept``: in any case of its
    letters, but in no letters beside ASCII that lower-case into them.
    """
    return name == kept or (name.isascii() and name.lower() == kept.lower())
