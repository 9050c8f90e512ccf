"""wrangler as people run it, against a live server, with nowhere else to go."""

import json
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.clients.installed import MODULES, run_node
from tests.live_server import API_TOKEN, LiveServer

_PROGRAM = MODULES / "wrangler" / "bin" / "wrangler.js"
_TURNED_AWAY = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WranglerFailed(AssertionError):
    """wrangler ended badly; ``said`` is what it printed."""

    def __init__(self, arguments: tuple[str, ...], said: str) -> None:
        super().__init__(f"wrangler {' '.join(arguments)}: {said}")
        self.said = said


@dataclass
class WayOut:
    """Stands where a proxy would be: whoever wants to leave the loopback comes here, is noted and turned away."""

    asked: list[bytes] = field(default_factory=list)
    _listener: socket.socket | None = None

    @property
    def url(self) -> str:
        assert self._listener is not None
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._turn_away, daemon=True).start()
        return self

    def _turn_away(self) -> None:
        assert self._listener is not None
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            with visitor:
                self.asked.append(visitor.recv(4096))
                visitor.sendall(_TURNED_AWAY)

    def __exit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@dataclass(frozen=True)
class Wrangler:
    """The ``wrangler artifacts`` commands, by the variables that wrangler documents."""

    server: LiveServer
    way_out: WayOut
    home: Path
    account: str | None = "local"
    token: str = API_TOKEN

    def __call__(self, *arguments: str) -> str:
        """Run a command and answer what it printed; raises WranglerFailed."""
        done = run_node(_PROGRAM, "artifacts", *arguments, folder=self.home, environment=self._environment())
        if done.returncode != 0:
            raise WranglerFailed(arguments, done.stdout + done.stderr)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json`` and answer what it printed, which must be JSON and nothing else."""
        return json.loads(self(*arguments, "--json"))

    def fails(self, *arguments: str) -> str:
        """Run a command, which must fail, and answer what it printed."""
        try:
            said = self(*arguments)
        except WranglerFailed as failure:
            return failure.said
        raise AssertionError(f"wrangler {' '.join(arguments)} worked: {said}")

    def _environment(self) -> dict[str, str]:
        account = {} if self.account is None else {"CLOUDFLARE_ACCOUNT_ID": self.account}
        return {
            "CLOUDFLARE_API_BASE_URL": f"{self.server.url}/client/v4",
            "CLOUDFLARE_API_TOKEN": self.token,
            "WRANGLER_SEND_METRICS": "false",
            "WRANGLER_SEND_ERROR_REPORTS": "false",
            "WRANGLER_HIDE_BANNER": "true",
            "NO_COLOR": "1",
            "CI": "true",
            "HTTP_PROXY": self.way_out.url,
            "HTTPS_PROXY": self.way_out.url,
            "NO_PROXY": "127.0.0.1",
            **account,
        }
