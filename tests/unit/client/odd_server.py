"""An HTTP server that does what a script says, however odd, and remembers what it was asked."""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

TOKEN = "thd_a-secret-that-nobody-may-see"
REPO: Mapping[str, Any] = {
    "id": "abcdefgh12345678",
    "name": "starter-repo",
    "description": None,
    "default_branch": "main",
    "created_at": "2026-04-16T09:30:00.000Z",
    "updated_at": "2026-04-16T09:30:00.250Z",
    "last_push_at": None,
    "source": None,
    "read_only": False,
    "remote": "http://127.0.0.1:8787/git/default/starter-repo.git",
    "status": "ready",
    "size_bytes": 0,
}


class Manner(Enum):
    """What a server can do in place of an answer."""

    RESET = "resets the connection"
    HANG_UP = "closes the connection"
    HANG = "says nothing until the test is over"


@dataclass(frozen=True)
class Asked:
    """A request as it came; the names of ``headers`` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def reply(status: int, body: bytes, *, kind: str = "application/json", **headers: str) -> bytes:
    """The bytes of an answer, with headers such as ``retry_after``; ``content_length`` may be a lie."""
    sent = {"content_type": kind, "content_length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items())
    return f"HTTP/1.1 {status} Said So\r\n{lines}\r\n".encode() + body


def success(result: object, *, status: int = 200, info: object = None) -> bytes:
    """An envelope that says that it went well."""
    envelope: dict[str, object] = {"result": result, "success": True, "errors": [], "messages": []}
    return reply(status, json.dumps(envelope if info is None else {**envelope, "result_info": info}).encode())


def failure(status: int, code: int, message: str = "no", **headers: str) -> bytes:
    """An envelope that says what went wrong."""
    told = {"result": None, "success": False, "errors": [{"code": code, "message": message}]}
    return reply(status, json.dumps(told).encode(), **headers)


@dataclass
class OddServer:
    """Answers the first connection with the first line of the script, and so on; the last line for all that come after.

    ``held`` is set when a request has come that gets no answer.
    """

    script: list[bytes | Manner]
    seen: list[Asked] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    _closing: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket = field(default_factory=socket.socket)
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        assert self._thread is not None
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                asked = _read_request(connection)
                if asked is not None:
                    self.seen.append(asked)
                    self.act(connection)

    def act(self, connection: socket.socket) -> None:
        """Answer what was seen last, or do what the script says in place of it."""
        line = self.script[min(len(self.seen), len(self.script)) - 1]
        if isinstance(line, bytes):
            connection.sendall(line)
        elif line is Manner.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif line is Manner.HANG:
            self.held.set()
            self._closing.wait()


def _read_request(connection: socket.socket) -> Asked | None:
    """One request with its body; None if the other side goes before it is whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, body)
