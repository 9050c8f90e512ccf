"""What a user's environment says: the variables of the binding, the profile, and where files belong.

The only file of the command line that reads the environment.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The ``TREEHOLD_…`` variables that are set, and the user's folders. An empty variable counts as none."""

    url: str | None
    account: str | None
    namespace: str | None
    token: str | None = field(repr=False)
    profile: str | None
    profile_folder: Path
    token_folder: Path
    is_plain: bool
    """Whether the terminal is to be spared colours and moving bars."""


def surroundings() -> Surroundings:
    """Look at the environment as it is now."""
    home = Path.home()
    config = _folder("XDG_CONFIG_HOME", home / ".config")
    # A runtime folder lies in memory and ends with the session; where there is none, the cache has to do.
    volatile = _folder("XDG_RUNTIME_DIR", _folder("XDG_CACHE_HOME", home / ".cache"))
    return Surroundings(
        url=_variable("TREEHOLD_URL"),
        account=_variable("TREEHOLD_ACCOUNT_ID"),
        namespace=_variable("TREEHOLD_NAMESPACE"),
        token=_variable("TREEHOLD_TOKEN"),
        profile=_variable("TREEHOLD_PROFILE"),
        profile_folder=config / "treehold" / "profiles",
        token_folder=volatile / "treehold" / "tokens",
        is_plain=bool(_variable("NO_COLOR")) or _variable("TERM") == "dumb",
    )


def clock() -> float:
    """Seconds since 1970."""
    return time.time()


def environment() -> Mapping[str, str]:
    """All variables, for a git that is started, but for the API token: git and its hooks have no use for it."""
    return {name: value for name, value in os.environ.items() if name != "TREEHOLD_TOKEN"}


def _variable(name: str) -> str | None:
    return os.environ.get(name) or None


def _folder(name: str, default: Path) -> Path:
    """A folder as the XDG base directory specification finds it, which passes over relative paths."""
    found = Path(_variable(name) or default)
    return found if found.is_absolute() else default
