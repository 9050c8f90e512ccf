"""The Git clients of the world behind one face: each clones, fetches and pushes; the rest is local, and git does it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.clients.git_in_go import GoGit
from tests.clients.git_in_workerd import IsomorphicInWorkerd
from tests.clients.git_libraries import Dulwich, LibGit2
from tests.clients.installed import PROGRAMS, jgit_environment, module_version, run_node
from tests.live_server import Git, Repo


class GitClient(Protocol):
    """One client, with one way of showing a token."""

    @property
    def name(self) -> str: ...

    def version(self) -> str | None:
        """Its version; None when it is not installed here."""

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        """Clone all branches and tags, or that many commits of the default branch."""

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        """Fetch what the clone is set up to follow, and these refspecs."""

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        """Push ``source:target``, ``+source:target`` by force, or ``:target`` to delete."""


Credentials = Callable[[Repo, Path], tuple[str, dict[str, str]]]
"""For a repo and a home: the URL to use, and what to set in git's configuration."""


def bearer(repo: Repo, home: Path) -> tuple[str, dict[str, str]]:
    """The token in a header of its own."""
    return repo.remote, {"http.extraHeader": f"Authorization: Bearer {repo.token}"}


def in_url(repo: Repo, home: Path) -> tuple[str, dict[str, str]]:
    """The token's secret as the password of the URL."""
    return repo.remote.replace("://", f"://x:{repo.secret}@"), {}


def netrc(repo: Repo, home: Path) -> tuple[str, dict[str, str]]:
    """The token's secret in ``~/.netrc``."""
    (home / ".netrc").write_text(f"machine 127.0.0.1 login x password {repo.secret}\n")
    return repo.remote, {}


def helper(repo: Repo, home: Path) -> tuple[str, dict[str, str]]:
    """The token's secret from a credential helper, asked after a 401."""
    return repo.remote, {"credential.helper": f"!f() {{ echo username=x; echo password={repo.secret}; }}; f"}


@dataclass(frozen=True)
class CGit:
    """git itself."""

    name: str
    credentials: Credentials = bearer
    settings: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str | None:
        return subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        shallow = () if depth is None else (f"--depth={depth}",)
        remote, settings = self.credentials(repo, folder.parent)
        self._run(folder.parent, settings, "clone", "-q", *shallow, remote, folder.name)

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        _, settings = self.credentials(repo, folder.parent)
        for which in ((), refspecs) if refspecs else ((),):
            self._run(folder.parent, settings, "-C", folder.name, "fetch", "-q", "origin", *which)

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        _, settings = self.credentials(repo, folder.parent)
        self._run(folder.parent, settings, "-C", folder.name, "push", "-q", "origin", *refspecs)

    def _run(self, home: Path, settings: Mapping[str, str], *arguments: str) -> None:
        chosen = [part for key, value in {**self.settings, **settings}.items() for part in ("-c", f"{key}={value}")]
        Git(home)(*chosen, *arguments)


@dataclass(frozen=True)
class Isomorphic:
    """isomorphic-git in Node."""

    name: str = "isomorphic-git in Node"

    def version(self) -> str | None:
        return module_version("isomorphic-git")

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        self._run(repo, folder, deed="clone", url=repo.remote, **({} if depth is None else {"depth": depth}))

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        self._run(repo, folder, deed="fetch", refspecs=refspecs)

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        self._run(repo, folder, deed="push", refspecs=refspecs)

    def _run(self, repo: Repo, folder: Path, **asked: object) -> None:
        asked = {"dir": str(folder), "secret": repo.secret, **asked}
        done = run_node(PROGRAMS / "isomorphic.cjs", json.dumps(asked), folder=folder.parent)
        assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class JGit:
    """JGit's command line, which looks into ``~/.netrc`` after a 401."""

    name: str = "JGit"

    def version(self) -> str | None:
        if shutil.which("jgit") is None:
            return None
        return self._run(Path.cwd(), "--version").split()[-1]

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        assert depth is None, "its command line has no --depth"
        self._run(folder.parent, "clone", netrc(repo, folder.parent)[0], folder.name)

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        netrc(repo, folder.parent)
        for which in ((), refspecs) if refspecs else ((),):
            self._run(folder.parent, *self._within(folder), "fetch", "origin", *which)

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        netrc(repo, folder.parent)
        self._run(folder.parent, *self._within(folder), "push", "origin", *refspecs)

    @staticmethod
    def _within(folder: Path) -> tuple[str, str]:
        return "--git-dir", str(folder / ".git")

    @staticmethod
    def _run(home: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["jgit", *arguments],
            cwd=home,
            env=jgit_environment(home),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


CHUNKS = {"http.postBuffer": "65536"}
"""Above this git sends a body in chunks; it is the least that git takes."""
CLIENTS: tuple[GitClient, ...] = (
    CGit("git, protocol v2, Bearer header", settings={"protocol.version": "2"}),
    CGit("git, protocol v1, Bearer header", settings={"protocol.version": "1"}),
    CGit("git, protocol v0, Bearer header", settings={"protocol.version": "0"}),
    CGit("git, Basic in the URL", in_url),
    CGit("git, Basic from ~/.netrc", netrc),
    CGit("git, Basic from a credential helper", helper),
    CGit("git, pushes in chunks", helper, CHUNKS),
    Isomorphic(),
    IsomorphicInWorkerd(),
    LibGit2(),
    JGit(),
    Dulwich(),
    GoGit(),
)
