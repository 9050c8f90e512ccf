"""isomorphic-git in workerd, as one more Git client: its working tree goes there and comes back with each deed."""

import base64
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.clients.installed import MODULES, PROGRAMS, ROOT, SECONDS, module_version, plain_environment
from tests.clients.workers import COMPATIBILITY_DATE, workerd
from tests.live_server import Repo, free_port

_MEMORY_FS = ROOT / "examples" / "isomorphic-git" / "src" / "memory-fs.js"
_CONFIGURATION = """\
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "git", worker = .git),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:%d", http = (), service = "git")],
);
const git :Workerd.Worker = (
  modules = [(name = "bundle.js", esModule = embed "bundle.js")],
  compatibilityDate = "%s",
  compatibilityFlags = ["nodejs_compat"],
);
"""


@dataclass(frozen=True)
class IsomorphicInWorkerd:
    """isomorphic-git where there is neither a disk nor a socket."""

    name: str = "isomorphic-git in workerd"

    def version(self) -> str | None:
        return f"{module_version('isomorphic-git')} (workerd {module_version('workerd')})"

    def clone(self, repo: Repo, folder: Path, *, depth: int | None = None) -> None:
        folder.mkdir()
        self._run(repo, folder, deed="clone", url=repo.remote, **({} if depth is None else {"depth": depth}))

    def fetch(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        self._run(repo, folder, deed="fetch", refspecs=refspecs)

    def push(self, repo: Repo, folder: Path, *refspecs: str) -> None:
        self._run(repo, folder, deed="push", refspecs=refspecs)

    def _run(self, repo: Repo, folder: Path, **asked: object) -> None:
        body = {"secret": repo.secret, "files": _packed(folder), **asked}
        with tempfile.TemporaryDirectory() as name:
            answer = _ask(Path(name), body)
        assert "failed" not in answer, answer
        for path, content in answer["files"].items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / path, base64.b64decode(content))


def _packed(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): base64.b64encode(path.read_bytes()).decode() for path in files}


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:  # git has made its objects read-only
        path.write_bytes(content)


def _ask(home: Path, body: dict[str, object]) -> dict[str, Any]:
    _bundle(home)
    port = free_port()
    (home / "config.capnp").write_text(_CONFIGURATION % (port, COMPATIBILITY_DATE))
    with workerd(home, home / "config.capnp", port) as running:
        return dict(httpx.post(running.url, json=body, timeout=SECONDS).json())


def _bundle(home: Path) -> None:
    """One file of the Worker and what it imports; of Node's modules it needs only the one that workerd has too."""
    (home / "buffer.js").write_text('export * from "node:buffer";\n')
    command: list[str | Path] = [
        next(MODULES.glob("@esbuild/*/bin/esbuild")),
        PROGRAMS / "isomorphic_worker.js",
        *("--bundle", "--format=esm", "--platform=neutral", "--main-fields=module,main", "--external:node:*"),
        *(f"--alias:memory-fs={_MEMORY_FS}", f"--alias:buffer={home / 'buffer.js'}", "--log-level=error"),
        f"--outfile={home / 'bundle.js'}",
    ]
    environment = plain_environment(home, NODE_PATH=str(MODULES))
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True, timeout=SECONDS)
