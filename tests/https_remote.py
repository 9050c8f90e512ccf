"""A Git server over HTTPS for imports: C Git's own, on the loopback, with a certificate of its own and bad manners."""

import base64
import os
import ssl
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

USER, PASSWORD = "some-user", "not-to-be/seen anywhere"
_NEW_CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
    *("-days", "30", "-subj", "/CN=localhost"),
)
_STATUSES = {"missing": 404, "forbidden": 403, "broken": 500, "slow": 504, "teapot": 418}
RUBBISH = b"0008NAK\n" + b"this is no pack " * 8


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for this machine's loopback, signed by itself, and its key."""
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command: list[str | Path] = [*_NEW_CERTIFICATE, "-keyout", key, "-out", certificate, "-addext", names]
    subprocess.run(command, check=True, capture_output=True)


@dataclass
class HttpsRemote:
    """Serves the bare repositories in ``folder``; the first part of a URL's path says how it behaves.

    ``/repos/X.git`` is plain, ``/private/`` asks for credentials, ``/moved/`` redirects to the plain one, ``/html/``
    answers a page, ``/hang/`` never answers, ``/drip/`` a byte at a time, ``/rubbish/`` lists refs and answers a fetch
    with rubbish, ``/stuck/`` lists refs and never answers a fetch, ``/flaky/`` fails the first fetch, ``/files/``
    serves files, and some answer with a status alone.
    """

    folder: Path
    seen: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    """Set when a fetch has come to ``/stuck/``."""
    _server: ThreadingHTTPServer | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def limits(self, **others: Any) -> dict[str, Any]:
        """The limits of a server that may import from here."""
        return {
            "import_allowed_networks": "127.0.0.0/8,::1/128",
            "import_ca_file": str(self.ca_file),
            "import_retry_seconds": 0,
            **others,
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = self.folder / "key.pem"
        make_certificate(self.ca_file, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key)
        server = _Server(("127.0.0.1", 0), self)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], remote: HttpsRemote) -> None:
        super().__init__(address, _Handler)
        self.remote = remote

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes in the middle is not worth a word."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        _, kind, rest = parts.path.split("/", 2)
        self.server.remote.seen[f"{self.command} {kind}"] += 1
        if kind in _STATUSES:
            self._send(_STATUSES[kind], b"")
        elif kind == "moved":
            self._send(302, b"", location=f"/repos/{rest}?{parts.query}")
        elif kind == "html":
            self._send(200, b"<html>hello</html>", kind="text/html")
        elif kind == "drip":
            self._drip()
        elif kind == "files":
            self._send_file(rest)
        elif kind == "private" and not self._is_admitted():
            self._send(401, f"you said {self.headers.get('Authorization')}".encode(), challenge='Basic realm="x"')
        elif kind == "hang":
            self._hang()
        elif not (self._is_fetch(body) and self._spoils_fetch(kind)):
            self._run_backend(rest, parts.query, body)

    def _spoils_fetch(self, kind: str) -> bool:
        """Answer a fetch as that kind of path does, if it does not do what is asked."""
        remote = self.server.remote
        if kind == "stuck":
            self._hang()
        elif kind == "rubbish":
            self._send(200, RUBBISH, kind="application/x-git-upload-pack-result")
        elif kind == "flaky" and remote.seen["flaky fetch"] == 0:
            remote.seen["flaky fetch"] += 1
            self._send(503, b"")
        else:
            return False
        return True

    def _hang(self) -> None:
        remote = self.server.remote
        remote.asked.set()
        remote.closing.wait()
        self.close_connection = True

    def _is_fetch(self, body: bytes) -> bool:
        return self.command == "POST" and b"command=ls-refs" not in body

    def _is_admitted(self) -> bool:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.remote.closing.wait(0.05):
            self.wfile.write(b"0")
        self.close_connection = True

    def _send_file(self, rest: str) -> None:
        path = self.server.remote.folder / rest
        if path.is_file():
            self._send(200, path.read_bytes())
        else:
            self._send(404, b"")

    def _run_backend(self, rest: str, query: str, body: bytes) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.remote.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": f"/{rest}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        said = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, answer = said.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._send(int(fields.get("Status", "200")[:3]), answer, kind=fields.get("Content-Type", "text/plain"))

    def _send(
        self, status: int, body: bytes, *, kind: str = "text/plain", location: str = "", challenge: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(body)
