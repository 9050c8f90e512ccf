"""The naming rules for namespaces and repos, in one place."""

import re
from dataclasses import dataclass
from typing import Final

from treehold.errors import InvalidInput, InvalidRepoName

REPO_NAME_MIN: Final = 3
NAMESPACE_NAME_MIN: Final = 2
NAME_MAX: Final = 63
DESCRIPTION_MAX: Final = 1000
"""Longest description, in characters."""

_STRICT = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class NamePolicy:
    """Which names are taken. Only lower case: relaxing it belongs with case-insensitive uniqueness."""

    repo_name_min: int = REPO_NAME_MIN
    namespace_name_min: int = NAMESPACE_NAME_MIN
    name_max: int = NAME_MAX

    def check_repo_name(self, name: str) -> str:
        """The name itself if it is a legal repo name; raises InvalidRepoName."""
        problem = _problem(name, self.repo_name_min, self.name_max)
        if problem:
            raise InvalidRepoName(f"invalid repo name: {problem}", "/name")
        return name

    def check_namespace(self, name: str) -> str:
        """The name itself if it is a legal namespace; raises InvalidInput."""
        problem = _problem(name, self.namespace_name_min, self.name_max)
        if problem:
            raise InvalidInput(f"invalid namespace: {problem}", "/namespace")
        return name


def _problem(name: str, shortest: int, longest: int) -> str | None:
    if not shortest <= len(name) <= longest:
        return f"it must have {shortest} to {longest} characters, not {len(name)}"
    if not _STRICT.fullmatch(name):
        return "it must begin with a-z or 0-9 and go on with a-z, 0-9, '-', '_' or '.'"
    if ".." in name or name.endswith((".git", ".")):
        return "it must not hold '..' nor end in '.git' or '.'"
    return None
