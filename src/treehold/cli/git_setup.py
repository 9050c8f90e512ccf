"""How git is told, in its own configuration, to ask ``treehold credential`` for the tokens of one URL and no other."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Final

from treehold.cli.failures import Refused
from treehold.cli.profiles import DEFAULT_NAME

_ABSENT: Final = 5
"""With what git ends when a setting that it should remove is not there."""


def helper_settings(url: str, profile: str) -> tuple[tuple[str, str], ...]:
    """The settings of a URL, each to be added.

    The empty helper takes away those of wider settings, which would keep our short-lived tokens for good; with the
    path, git tells the helper which repo it wants.
    """
    return (
        (f"credential.{url}.helper", ""),
        (f"credential.{url}.helper", _helper(profile)),
        (f"credential.{url}.useHttpPath", "true"),
    )


def set_up(url: str, profile: str, variables: Mapping[str, str]) -> None:
    """Write the settings of a URL into the user's configuration, in place of earlier ones; raises Refused."""
    take_down(url, variables)
    for key, value in helper_settings(url, profile):
        _config(variables, "--add", key, value)


def take_down(url: str, variables: Mapping[str, str]) -> None:
    """Remove our settings of a URL from the user's configuration, if they are there; raises Refused."""
    if "treehold" not in _config(variables, "--get-all", f"credential.{url}.helper", fails_with={1}):
        return
    for key in ("helper", "useHttpPath"):
        _config(variables, "--unset-all", f"credential.{url}.{key}", fails_with={_ABSENT})


def find_git() -> str:
    """Where git is; raises Refused."""
    found = shutil.which("git")
    if found is None:
        raise Refused("git is not on the PATH", hint="install git")
    return found


def _helper(profile: str) -> str:
    chosen = "" if profile == DEFAULT_NAME else f" --profile {shlex.quote(profile)}"
    return f"!{_own_command()}{chosen} credential"


def _own_command() -> str:
    """How a shell that git starts reaches this command."""
    started = Path(sys.argv[0]).absolute()
    on_path = shutil.which("treehold")
    if on_path and started.name == "treehold" and Path(on_path).resolve() == started.resolve():
        return "treehold"
    if started.name == "treehold" and os.access(started, os.X_OK):
        return shlex.quote(str(started))
    return f"{shlex.quote(sys.executable)} -m treehold"


def _config(variables: Mapping[str, str], *arguments: str, fails_with: Set[int] = frozenset()) -> str:
    """What git config prints; raises Refused unless it ends well or as it may."""
    done = subprocess.run(  # noqa: S603 - no shell, and the settings hold no secret
        [find_git(), "config", "--global", *arguments], env=dict(variables), capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, *fails_with}:
        raise Refused(f"git could not change its configuration: {done.stderr.strip()}")
    return done.stdout
