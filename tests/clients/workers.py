"""Workers against a live server, as their authors run them: by `wrangler dev`, and by a workerd of their own."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from tests.clients.installed import MODULES, PROGRAMS, ROOT, node_program, plain_environment, run_node
from tests.clients.wrangler import WayOut
from tests.live_server import API_TOKEN, LiveServer, free_port

ADAPTER = ROOT / "adapters" / "workers"
WRANGLER = MODULES / "wrangler" / "bin" / "wrangler.js"
COMPATIBILITY_DATE = "2026-04-21"
READY_SECONDS = 120.0
SERVICE = {
    "binding": "ARTIFACTS",
    "service": "treehold",
    "entrypoint": "ArtifactsBinding",
    "props": {"namespace": "default"},
}


@dataclass
class Running:
    """A program that answers HTTP on a port of the loopback until it is ended, with all that it started."""

    command: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.folder / f"output-{self.port}.log"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; what does not go by itself is made to."""
        assert self.process is not None
        self._tell(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            pass
        self._tell(signal.SIGKILL)
        self.process.wait()

    def _tell(self, what: signal.Signals) -> None:
        """Tell the process and all that it started, which are a group of their own."""
        assert self.process is not None
        try:
            os.killpg(self.process.pid, what)
        except ProcessLookupError:  # nobody of the group is left
            pass

    def _await_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output
            assert "Build failed" not in self.output, self.output
            try:
                httpx.request("OPTIONS", self.url, timeout=READY_SECONDS)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"not ready after {READY_SECONDS} s: {self.output}")


@dataclass(frozen=True)
class Probe:
    """The Worker of probe_worker.js where it runs: it does what it is told with ``env.ARTIFACTS``."""

    running: Running

    def __call__(self, verb: str, *args: object, repo: str | None = None) -> Any:
        """What a verb of the namespace or of a repo answers; a Blob as its type, size and text."""
        told = self._ask(verb, args, repo)
        assert "error" not in told, told
        return told["value"]

    def refused(self, verb: str, *args: object, repo: str | None = None) -> dict[str, Any]:
        """What a verb throws."""
        told = self._ask(verb, args, repo)
        assert "error" in told, told
        return dict(told["error"])

    def _ask(self, verb: str, args: Sequence[object], repo: str | None) -> dict[str, Any]:
        body = {"repo": repo, "verb": verb, "args": args}
        answer = httpx.post(self.running.url, json=body, timeout=READY_SECONDS)
        assert answer.status_code == 200, f"{answer.text}\n{self.running.output}"
        return dict(answer.json())


def quiet_environment(home: Path, way_out: WayOut) -> dict[str, str]:
    """An environment in which wrangler tells nobody anything."""
    return plain_environment(
        home,
        WRANGLER_SEND_METRICS="false",
        WRANGLER_SEND_ERROR_REPORTS="false",
        WRANGLER_HIDE_BANNER="true",
        CLOUDFLARE_CF_FETCH_ENABLED="false",
        NO_COLOR="1",
        CI="true",
        HTTP_PROXY=way_out.url,
        HTTPS_PROXY=way_out.url,
        NO_PROXY="127.0.0.1,localhost",
    )


def copy_of_adapter(folder: Path, server: LiveServer) -> Path:
    """The adapter's folder as a Worker author has it, told where the server is."""
    adapter = folder / "adapters" / "workers"
    shutil.copytree(ADAPTER, adapter, ignore=shutil.ignore_patterns(".dev.vars", ".wrangler"))
    (adapter / ".dev.vars").write_text(f"TREEHOLD_URL={server.url}\nTREEHOLD_TOKEN={API_TOKEN}\n")
    return adapter


@contextmanager
def wrangler_dev(folder: Path, *configurations: Path, environment: str | None = None) -> Iterator[Running]:
    """``wrangler dev`` with these configurations, the first of which gets the requests; nobody leaves the loopback."""
    chosen = [part for path in configurations for part in ("-c", str(path))]
    chosen += [] if environment is None else ["--env", environment]
    with WayOut() as way_out:
        running = Running(
            [node_program(), WRANGLER, "dev", *chosen, "--inspector-port", "0", "--port", str(port := free_port())],
            folder,
            quiet_environment(folder, way_out),
            port,
        )
        with running:
            yield running
        assert way_out.asked == []


@contextmanager
def workerd(folder: Path, configuration: Path, port: int, **environment: str) -> Iterator[Running]:
    """A workerd of one's own, whose configuration has it listen on that port."""
    program = next(MODULES.glob("@cloudflare/workerd-*/bin/workerd"))
    with Running([program, "serve", configuration], folder, plain_environment(folder, **environment), port) as running:
        yield running


def service_configuration(main: str) -> dict[str, Any]:
    """The configuration of a Worker that has the adapter beside it."""
    return {"name": "a-worker", "main": main, "compatibility_date": COMPATIBILITY_DATE, "services": [SERVICE]}


@contextmanager
def probe_by_wrangler(
    folder: Path, server: LiveServer, *, environment: str | None = None, **others: object
) -> Iterator[Probe]:
    """The probe under `wrangler dev`, with the adapter as a service beside it; ``others`` are for its configuration."""
    adapter = copy_of_adapter(folder, server)
    worker = folder / "probe"
    worker.mkdir()
    shutil.copy(PROGRAMS / "probe_worker.js", worker)
    configuration = worker / "wrangler.jsonc"
    configuration.write_text(json.dumps({**service_configuration("probe_worker.js"), **others}))
    with wrangler_dev(folder, configuration, adapter / "wrangler.jsonc", environment=environment) as running:
        yield Probe(running)


@contextmanager
def probe_by_workerd(folder: Path, server: LiveServer, *, before: str = "") -> Iterator[Probe]:
    """The probe in a workerd of its own, with a wrapped binding; ``before`` is put in front of its code."""
    copy_of_adapter(folder, server)
    (folder / "probe_worker.js").write_text(before + (PROGRAMS / "probe_worker.js").read_text())
    configuration, port = folder / "config.capnp", free_port()
    configuration.write_text(_CAPNP % {"port": port, "server": server.port, "date": COMPATIBILITY_DATE})
    with workerd(folder, configuration, port, TREEHOLD_TOKEN=API_TOKEN) as running:
        yield Probe(running)


_CAPNP = """\
using Workerd = import "/workerd/workerd.capnp";
using Treehold = import "adapters/workers/treehold.capnp";

const config :Workerd.Config = (
  services = [
    (name = "probe", worker = .probe),
    (name = "treehold", external = (address = "127.0.0.1:%(server)s", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:%(port)s", http = (), service = "probe")],
  extensions = [Treehold.extension],
);
const probe :Workerd.Worker = (
  modules = [(name = "probe_worker.js", esModule = embed "probe_worker.js")],
  compatibilityDate = "%(date)s",
  bindings = [(name = "ARTIFACTS", wrapped = (moduleName = "treehold:artifacts", innerBindings = [
    (name = "server", service = "treehold"),
    (name = "base", text = "http://127.0.0.1:%(server)s"),
    (name = "account", text = "local"),
    (name = "namespace", text = "default"),
    (name = "token", fromEnvironment = "TREEHOLD_TOKEN"),
  ]))],
);
"""


def ask_core(folder: Path, base: str, verb: str, *args: object, **place: object) -> dict[str, Any]:
    """What a verb of the adapters' core comes to in Node, ``value`` or ``error``, whoever answers at ``base``."""
    core = (ADAPTER / "core.js").as_uri()
    asked = {"core": core, "base": base, "token": API_TOKEN, "verb": verb, "args": args, **place}
    done = run_node(PROGRAMS / "core_in_node.mjs", json.dumps(asked), folder=folder)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
