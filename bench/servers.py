"""The servers that are compared, each on a free port of the loopback with its own folder and fence."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from bench.content import git
from bench.measure import Fence, new_fence
from bench.wire import Target, clean_environment, free_port

_HERE: Final = Path(__file__).resolve().parent
_READY_SECONDS: Final = 60.0
_API_TOKEN: Final = "a-token-for-the-benchmark"
_NEVER_REACHED: Final = str(10**9)
_HTTP_BACKEND: Final = "/usr/lib/git-core/git-http-backend"
_DULWICH: Final = "dulwich==1.2.21"
_JAVA_FOLDER: Final = Path("/usr/share/java")
_JARS: Final = (
    "org.eclipse.jgit", "org.eclipse.jgit.http.server", "jetty9-server", "jetty9-servlet", "jetty9-util",
    "jetty9-http", "jetty9-io", "jetty9-security", "servlet-api", "slf4j-api", "slf4j-nop", "javaewah",
)  # fmt: skip

Setting = tuple[str, str, str]
"""A section of a Git configuration, a name in it, and its value."""
_SERVING: Final[tuple[Setting, ...]] = (
    ("http", "receivepack", "true"),
    ("uploadpack", "allowFilter", "true"),
    ("receive", "autogc", "false"),
    ("gc", "auto", "0"),
)


class Server:
    """One server. ``key`` names its column; ``bitmaps`` tells whether large repos get them."""

    key: str
    label: str
    bitmaps = False
    speaks_v2 = True
    filters = True
    is_slow_at_large = False
    abandons_children = False
    calm_seconds = 0.0
    """How long a repo must not have been pushed to for the next push to cost what it should."""
    serves_many_at_once = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fence = Fence()
        self.port = 0
        self.log: IO[bytes] | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the fence sees all that the server does."""
        return self.fence.sees_all or not self.abandons_children

    @classmethod
    def missing(cls) -> str | None:
        """What this machine lacks to run it, and how to get it; None when nothing is missing."""
        return None

    def start(self) -> None:
        """Start it and wait until it answers; raises RuntimeError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = (self.folder / "log").open("ab")
        self.port = free_port()
        self.fence = new_fence(f"{self.key}-{self.port}")
        self._launch()
        self._await_ready()

    def stop(self) -> None:
        """End all its processes."""
        self.fence.stop()
        if self.log is not None:
            self.log.close()

    def make(self, name: str) -> None:
        """An empty repo of that name."""
        raise NotImplementedError

    def fill(self, name: str, source: Path, *, is_large: bool = False) -> None:
        """A repo of that name with all that a bare repository holds; large ones are laid out as well as can be."""
        raise NotImplementedError

    def target(self, name: str) -> Target:
        """Where that repo is."""
        raise NotImplementedError

    def _launch(self) -> None:
        raise NotImplementedError

    def _run(self, *command: str, more: Mapping[str, str] | None = None) -> None:
        assert self.log is not None
        env = {**clean_environment(), "HOME": str(self.folder), **(more or {})}
        self._process = self.fence.start(command, env=env, log=self.log)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status != 503:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()
        raise RuntimeError(f"{self.label} does not start: {(self.folder / 'log').read_text()[-2000:]}")


class Treehold(Server):
    """``treehold serve`` with one worker, over REST and Git."""

    key = "treehold"
    label = "Treehold"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._tokens: dict[str, str] = {}

    @property
    def data_dir(self) -> Path:
        """Where it keeps everything."""
        return self.folder / "data"

    @property
    def rest(self) -> Target:
        """The REST routes of the namespace that all repos are in."""
        path = "/client/v4/accounts/local/artifacts/namespaces/bench"
        return Target(path, f"Authorization: Bearer {_API_TOKEN}\r\n".encode("ascii"))

    def _launch(self) -> None:
        settings = {
            "TREEHOLD_DATA_DIR": str(self.data_dir),
            "TREEHOLD_PORT": str(self.port),
            "TREEHOLD_API_TOKEN": _API_TOKEN,
            "TREEHOLD_LIMITS__API_REQUESTS_MAX": _NEVER_REACHED,  # counted as usual
            "TREEHOLD_LIMITS__GIT_REQUESTS_MAX": _NEVER_REACHED,
        }
        self._run(sys.executable, "-m", "treehold", "serve", more=settings)

    def call(self, method: str, path: str, body: object) -> Any:
        """One REST request; answers its result."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {_API_TOKEN}", "Content-Type": "application/json"}
        connection.request(method, self.rest.path + path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status // 100 != 2:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)["result"]

    def make(self, name: str) -> None:
        """An empty repo of that name."""
        self._tokens[name] = self.call("POST", "/repos", {"name": name})["token"]

    def fill(self, name: str, source: Path, *, is_large: bool = False) -> None:
        """A repo that was pushed to once."""
        del is_large
        self.make(name)
        header = self.target(name).headers.decode("ascii").strip()
        url = f"http://127.0.0.1:{self.port}{self.target(name).path}"
        git(source, "-c", f"http.extraHeader={header}", "push", "-q", url, "refs/heads/*:refs/heads/*", "--tags")

    def target(self, name: str) -> Target:
        """Where that repo is, with the token that its creation gave."""
        secret = base64.b64encode(b"x:" + self._tokens[name].partition("?")[0].encode("ascii"))
        return Target(f"/git/bench/{name}.git", b"Authorization: Basic " + secret + b"\r\n")


class FolderServer(Server):
    """A server of bare repositories in one folder. ``durable`` makes it sync what it acknowledges."""

    durable: tuple[Setting, ...] = (("core", "fsyncObjectFiles", "true"), ("core", "fsyncRefFiles", "true"))

    @property
    def root(self) -> Path:
        """The folder of all repositories."""
        return self.folder / "repos"

    def start(self) -> None:
        """Start it over an empty folder."""
        self.root.mkdir(parents=True)
        super().start()

    def make(self, name: str) -> None:
        """An empty bare repository."""
        repo = self.root / f"{name}.git"
        repo.mkdir()
        git(repo, "init", "-q", "--bare", "--initial-branch=main")
        self._configure(repo)

    def fill(self, name: str, source: Path, *, is_large: bool = False) -> None:
        """A copy; a large one is packed as its operator would, with a commit-graph and, if it uses them, bitmaps."""
        repo = self.root / f"{name}.git"
        shutil.copytree(source, repo)
        if is_large:
            git(repo, "-c", f"repack.writeBitmaps={str(self.bitmaps).lower()}", "repack", "-adq")
            git(repo, "commit-graph", "write", "--reachable")
        self._configure(repo)

    def target(self, name: str) -> Target:
        """Where that repo is; there are no credentials."""
        return Target(f"/{name}.git")

    def _configure(self, repo: Path) -> None:
        lines = [f"[{section}]\n\t{name} = {value}\n" for section, name, value in (*_SERVING, *self.durable)]
        with (repo / "config").open("a") as file:
            file.write("".join(lines))


class HttpBackend(FolderServer):
    """``git http-backend`` behind nginx and fcgiwrap, without bitmaps."""

    key = "backend"
    label = "http-backend"
    abandons_children = True
    durable: tuple[Setting, ...] = (("core", "fsync", '"committed,loose-object,reference"'),)

    @classmethod
    def missing(cls) -> str | None:
        """The two Debian packages."""
        absent = [name for name in ("nginx", "fcgiwrap") if shutil.which(name, path=_SYSTEM_PATH) is None]
        if not Path(_HTTP_BACKEND).exists():
            absent.append("git")
        return f"apt-get install -y {' '.join(absent)}" if absent else None

    def _launch(self) -> None:
        socket = self.folder / "fcgi.socket"
        configuration = self.folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=self.folder, port=self.port, root=self.root, socket=socket,
                                               backend=_HTTP_BACKEND, user=_nginx_user()))  # fmt: skip
        self._run("fcgiwrap", "-c", "64", "-s", f"unix:{socket}", more={"PATH": _SYSTEM_PATH})
        command = ("nginx", "-c", str(configuration), "-p", str(self.folder), "-e", str(self.folder / "error"))
        self._run(*command, more={"PATH": _SYSTEM_PATH})


class HttpBackendBitmaps(HttpBackend):
    """``git http-backend`` over repos that were repacked with bitmaps."""

    key = "backend-bitmaps"
    label = "http-backend, bitmaps"
    bitmaps = True


class JGit(FolderServer):
    """JGit's servlet in Jetty; warmed up before anything is measured."""

    key = "jgit"
    label = "JGit, warm"
    bitmaps = True
    # A pack folder that changed within the last 2.5 s is read again and again: 100 ms of CPU a push, which only pushes
    # as fast as a benchmark's would meet.
    calm_seconds = 3.0
    speaks_v2 = False  # Debian's 4.11 is older than protocol v2 and filters
    filters = False

    @classmethod
    def missing(cls) -> str | None:
        """A JDK and two Debian packages."""
        if shutil.which("javac") and all((_JAVA_FOLDER / f"{name}.jar").exists() for name in _JARS):
            return None
        return "apt-get install -y default-jdk-headless libjgit-java libjetty9-java"

    def _launch(self) -> None:
        jars = ":".join(str(_JAVA_FOLDER / f"{name}.jar") for name in _JARS)
        classes = self.folder / "classes"
        source = str(_HERE / "jgit" / "GitServer.java")
        subprocess.run(["javac", "-cp", jars, "-d", str(classes), source], check=True)
        command = (
            "java",
            "-Xmx4g",
            f"-Duser.home={self.folder}",
            "-cp",
            f"{classes}:{jars}",
            "GitServer",
            str(self.root),
            str(self.port),
        )
        self._run(*command)


class Dulwich(FolderServer):
    """Dulwich's own HTTP server, in a virtual environment of its own."""

    key = "dulwich"
    label = "dulwich"
    speaks_v2 = False
    serves_many_at_once = False
    is_slow_at_large = True

    _python: Final = _HERE / ".venv" / "bin" / "python"

    @classmethod
    def missing(cls) -> str | None:
        """Nothing, if it can be installed."""
        if not cls._python.exists():
            subprocess.run([sys.executable, "-m", "venv", _HERE / ".venv"], check=True)
        install = [str(cls._python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _DULWICH]
        if subprocess.run(install, check=False, capture_output=True).returncode == 0:
            return None
        return f"pip install {_DULWICH} into bench/.venv (it failed)"

    def _launch(self) -> None:
        self._run(str(self._python), str(_HERE / "dulwich_server.py"), str(self.root), str(self.port))


PEERS: Final[tuple[type[FolderServer], ...]] = (HttpBackend, HttpBackendBitmaps, JGit, Dulwich)

_SYSTEM_PATH: Final = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _nginx_user() -> str:
    """As root, nginx would give its workers to a user who may not enter our folder."""
    return "user root;" if os.geteuid() == 0 else ""


_NGINX: Final = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      fastcgi_pass unix:{socket};
      fastcgi_request_buffering off;
      fastcgi_max_temp_file_size 0;
      fastcgi_buffers 16 64k;
      fastcgi_buffer_size 64k;
      fastcgi_read_timeout 600;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param GIT_CONFIG_NOSYSTEM 1;
      fastcgi_param HOME {folder};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $args;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REMOTE_USER bench;
    }}
  }}
}}
"""
