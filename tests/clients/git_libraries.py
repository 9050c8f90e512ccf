"""The Git clients that are Python libraries: libgit2 by pygit2, and dulwich."""

import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dulwich.client
import dulwich.porcelain
import dulwich.repo
import pygit2

from tests.live_server import Repo


@dataclass(frozen=True)
class LibGit2:
    """libgit2 as pygit2 carries it; it shows its credentials after a 401."""

    name: str = "libgit2 (pygit2)"

    def version(self) -> str | None:
        return f"{pygit2.LIBGIT2_VERSION} ({version('pygit2')})"

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        pygit2.clone_repository(repo.remote, str(folder), callbacks=self._callbacks(repo), depth=depth or 0).free()

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        origin = pygit2.Repository(str(folder)).remotes["origin"]
        origin.fetch(callbacks=self._callbacks(repo))
        if refspecs:
            origin.fetch(list(refspecs), callbacks=self._callbacks(repo))

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        pygit2.Repository(str(folder)).remotes["origin"].push(list(refspecs), callbacks=self._callbacks(repo))

    @staticmethod
    def _callbacks(repo: Repo) -> Any:
        return pygit2.RemoteCallbacks(credentials=pygit2.UserPass("x", repo.secret))


@dataclass(frozen=True)
class Dulwich:
    """dulwich's porcelain; it shows its credentials at once."""

    name: str = "dulwich"

    def version(self) -> str | None:
        return version("dulwich")

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        cloned = dulwich.porcelain.clone(
            repo.remote, str(folder), depth=depth, errstream=io.BytesIO(), username="x", password=repo.secret
        )
        cloned.close()

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        quiet = {"outstream": io.StringIO(), "errstream": io.BytesIO()}
        dulwich.porcelain.fetch(str(folder), "origin", username="x", password=repo.secret, **quiet)
        if refspecs:
            self._fetch_refs(repo, folder, dict(_sides(refspec) for refspec in refspecs))

    @staticmethod
    def _fetch_refs(repo: Repo, folder: Path, targets: dict[bytes, bytes]) -> None:
        """Its porcelain fetches no refspecs of the caller's, its client does."""
        client, path = dulwich.client.get_transport_and_path(repo.remote, username="x", password=repo.secret)
        with dulwich.repo.Repo(str(folder)) as local:
            fetched = client.fetch(path, local).refs
            for source, target in targets.items():
                local.refs[target] = fetched[source]

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        dulwich.porcelain.push(
            str(folder),
            "origin",
            refspecs=list(refspecs),
            outstream=io.BytesIO(),
            errstream=io.BytesIO(),
            username="x",
            password=repo.secret,
        )


def _sides(refspec: str) -> tuple[bytes, bytes]:
    source, _, target = refspec.lstrip("+").partition(":")
    return source.encode(), target.encode()
