"""go-git, the Git client that is a library of Go: Debian's, with a program of ours around it."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.clients.installed import PROGRAMS, SECONDS, plain_environment
from tests.live_server import Repo

_LIBRARIES = Path("/usr/share/gocode")
_GO_GIT = _LIBRARIES / "src" / "github.com" / "go-git" / "go-git"


@dataclass(frozen=True)
class GoGit:
    """go-git; it shows its credentials at once."""

    name: str = "go-git"

    def version(self) -> str | None:
        if shutil.which("go") is None or not _GO_GIT.exists():
            return None
        told = ["dpkg-query", "--show", "--showformat=${Version}", "golang-github-go-git-go-git-dev"]
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout.partition("-")[0]

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        self._run(repo, folder.parent, "clone", repo.remote, folder.name, *([] if depth is None else [str(depth)]))

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        for which in ((), refspecs) if refspecs else ((),):
            self._run(repo, folder.parent, "fetch", folder.name, *which)

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        self._run(repo, folder.parent, "push", folder.name, *refspecs)

    @staticmethod
    def _run(repo: Repo, home: Path, *arguments: str) -> None:
        done = subprocess.run(
            [_program(), *arguments],
            cwd=home,
            env=plain_environment(home, SECRET=repo.secret),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@cache
def _program() -> Path:
    """The program, built once a process: it takes ten seconds the first time and one with Go's own cache."""
    workspace = Path(tempfile.mkdtemp(prefix="go-git-"))
    # Only what lies in a module may say "/v5" without Go looking for a folder of that name.
    module = workspace / "src" / "program"
    module.mkdir(parents=True)
    shutil.copy(PROGRAMS / "go_git.go", module / "main.go")
    (module / "go.mod").write_text("module program\n")
    settings = {
        "GO111MODULE": "off",
        "GOPATH": f"{workspace}{os.pathsep}{_LIBRARIES}",
        "GOCACHE": str(Path(tempfile.gettempdir()) / "go-git-cache"),
    }
    subprocess.run(
        ["go", "build", "-o", workspace / "go-git", "."],
        cwd=module,
        env=plain_environment(workspace, **settings),
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    return workspace / "go-git"
