"""A real server process and real git clients for tests that need both."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

API_TOKEN = "a-token-for-tests-only"
READY_SECONDS = 30.0
NO_TLS = False
"""For httpx's ``verify``: to load the certificates that it would check takes 50 ms a request."""
BUNDLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "flask.bundle"


@dataclass
class Repo:
    """A repo of a live server, and a token that may write to it."""

    name: str
    remote: str
    token: str
    namespace: str = "default"

    @property
    def secret(self) -> str:
        return self.token.partition("?")[0]


@dataclass
class LiveServer:
    """``treehold serve`` in a process of its own, on a free port of the loopback."""

    data_dir: Path
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    api_token: str | None = API_TOKEN
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        scheme = "https" if "TREEHOLD_TLS_CERT" in self.settings else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"{self.url}/client/v4/accounts/local/artifacts"

    @property
    def output(self) -> str:
        return self.data_dir.with_suffix(".log").read_text()

    def start(self) -> Self:
        self.port = self.port or free_port()
        environment = {
            **os.environ,
            "TREEHOLD_DATA_DIR": str(self.data_dir),
            "TREEHOLD_PORT": str(self.port),
            "TREEHOLD_WORKERS": str(self.workers),
            "TREEHOLD_MAINTENANCE_SECONDS": "0",  # what a test looks at should not change under it
            "TREEHOLD_LIMITS__API_REQUESTS_MAX": "0",  # tests are in a hurry; one of them is about the rates
            "TREEHOLD_LIMITS__GIT_REQUESTS_MAX": "0",
            **({} if self.api_token is None else {"TREEHOLD_API_TOKEN": self.api_token}),
            **self.settings,
        }
        with self.data_dir.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "treehold", "serve"], env=environment, stdout=log, stderr=log
            )
        self._await_ready()
        return self

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.output
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2, verify=NO_TLS).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {READY_SECONDS} s: {self.output}")

    def stop(self) -> int:
        """End it as an operator would; answers its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell: its worker processes with it."""
        assert self.process is not None
        started = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.wait(timeout=60)
        for pid in started:  # after it, for it would start others in their place
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self._await_silence()

    def _await_silence(self) -> None:
        """Wait until nobody listens any more."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.01)
        raise AssertionError(f"somebody listens still after {READY_SECONDS} s")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def call(
        self, method: str, path: str, body: object = None, *, token: str | None = API_TOKEN, namespace: str = "default"
    ) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.base}/namespaces/{namespace}{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=60, verify=NO_TLS)

    def result(self, method: str, path: str, body: object = None, *, namespace: str = "default") -> Any:
        answer = self.call(method, path, body, namespace=namespace)
        assert answer.is_success, answer.text
        return answer.json()["result"]

    def create(self, name: str, *, namespace: str = "default", **fields: object) -> Repo:
        made = self.result("POST", "/repos", {"name": name, **fields}, namespace=namespace)
        return Repo(name, made["remote"], made["token"], namespace)

    def fork(self, parent: str, name: str, **fields: object) -> tuple[Repo, int]:
        made = self.result("POST", f"/repos/{parent}/fork", {"name": name, **fields})
        return Repo(name, made["remote"], made["token"]), made["objects"]

    def token(self, repo: str, *, scope: str = "write", ttl: int = 3600) -> str:
        return str(self.result("POST", "/tokens", {"repo": repo, "scope": scope, "ttl": ttl})["plaintext"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GitFailed(AssertionError):
    """git ended badly; ``said`` is what it printed."""

    def __init__(self, arguments: tuple[str, ...], said: str) -> None:
        super().__init__(f"git {' '.join(arguments)}: {said}")
        self.said = said


@dataclass(frozen=True)
class Git:
    """git in one folder, without the machine's configuration, showing one token."""

    folder: Path
    token: str | None = None

    def __call__(self, *arguments: str, stdin: bytes | None = None, protocol: int | None = None) -> str:
        """Run git and answer what it printed; raises GitFailed."""
        chosen = [] if protocol is None else ["-c", f"protocol.version={protocol}"]
        done = subprocess.run(
            ["git", *chosen, *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=300,
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            raise GitFailed(arguments, said + done.stderr.decode("utf-8", "replace"))
        return said.strip()

    def fails(self, *arguments: str, protocol: int | None = None) -> str:
        """Run git, which must fail, and answer what it printed."""
        try:
            said = self(*arguments, protocol=protocol)
        except GitFailed as failure:
            return failure.said
        raise AssertionError(f"git {' '.join(arguments)} worked: {said}")

    def environment(self) -> dict[str, str]:
        header = {} if self.token is None else {"http.extraHeader": f"Authorization: Bearer {self.token}"}
        settings = {"init.defaultBranch": "main", "gc.auto": "0", "maintenance.auto": "false", **header}
        people = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **{f"GIT_CONFIG_KEY_{row}": key for row, key in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{row}": value for row, value in enumerate(settings.values())},
            **people,
        }

    def at(self, folder: str | Path) -> "Git":
        """The same client in another folder."""
        return Git(self.folder / folder, self.token)

    def showing(self, token: str | None) -> "Git":
        """The same folder with another token."""
        return Git(self.folder, token)

    def commit(self, files: Mapping[str, str | bytes], message: str = "Change") -> str:
        """Write files, commit them and answer the commit's id."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD")

    def objects(self) -> set[str]:
        """The ids of all objects in this repository, reachable or not."""
        return set(self("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())

    def reachable(self, *revisions: str) -> set[str]:
        """The ids of all that these revisions (default: every ref) reach, locally."""
        return set(self("rev-list", "--objects", "--no-object-names", *(revisions or ("--all",))).split())

    def fsck(self) -> None:
        """Check everything; raises GitFailed for what git calls an error."""
        self("fsck", "--full", "--no-dangling")


_PERSON = {"NAME": "A Tester", "EMAIL": "tester@example.com"}


def new_git(folder: Path, token: str | None = None) -> Git:
    """A fresh repository in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder, token)
    git("init", "-q")
    return git
