"""Raw HTTP and prebuilt Git requests, so that what a client costs does not blur what the server costs."""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Final

from treehold.ids import ObjectId
from treehold.protocol import fetch as fetch_v2
from treehold.protocol import ls_refs, receive_pack, upload_pack
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import AckMode, FetchRequest
from treehold.protocol.filter_spec import parse_filter
from treehold.protocol.receive_pack import PushRequest, RefCommand
from treehold.protocol.sideband import SIDE_BAND_64K_BYTES

_TIMEOUT_SECONDS: Final = 600
_KEPT_BYTES: Final = 64 << 10
_V2: Final = Capabilities((b"agent=git/2.39.5", b"object-format=sha1"))


class BadAnswer(Exception):
    """A server answered something else than the success that was asked for: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what its answer must hold near its beginning.

    ``otherwise`` is asked next where the answer lacks it: a fetch goes on with ``done`` so. ``upload`` follows the
    request's bytes.
    """

    request: bytes
    expected: bytes = b""
    otherwise: "Exchange | None" = None
    upload: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; of a long body only the beginning is kept."""

    status: int
    head: bytes
    body: bytes
    length: int


class Connection:
    """A keep-alive connection to a server of this machine, made anew whenever the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._reader: BufferedReader | None = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._reader is not None:
            self._reader.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._reader = None

    def make(self, exchange: Exchange) -> Answer:
        """Ask, and go on with the other question if need be; raises BadAnswer."""
        answer = self._ask(exchange)
        if answer.status // 100 == 2 and exchange.expected in answer.body:
            return answer
        if exchange.otherwise is None:
            asked = exchange.request[:200].partition(b"\r\n")[0]
            raise BadAnswer(f"{asked!r}: {answer.status} {answer.body[:300]!r}")
        return self.make(exchange.otherwise)

    def _ask(self, exchange: Exchange) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = BufferedReader(self._socket.makefile("rb", buffering=0), 1 << 18)
        try:
            self._socket.sendall(exchange.request)
            if exchange.upload is not None:
                with exchange.upload.open("rb") as file:
                    self._socket.sendfile(file)
            answer, stays_open = self._receive()
        except (OSError, ValueError, BadAnswer) as error:
            self.close()
            raise BadAnswer(f"{type(error).__name__}: {error}") from error
        if not stays_open:
            self.close()
        return answer

    def _receive(self) -> tuple[Answer, bool]:
        assert self._reader is not None
        status_line = self._reader.readline()
        if not status_line.startswith(b"HTTP/1."):
            raise BadAnswer(f"not an HTTP answer: {status_line!r}")
        head = bytearray()
        while (line := self._reader.readline()) not in (b"\r\n", b""):
            head += line
        headers = dict(line.lower().split(b":", 1) for line in bytes(head).splitlines())
        body = bytearray()
        stays_open = b"close" not in headers.get(b"connection", b"") and status_line.startswith(b"HTTP/1.1")
        if b"chunked" in headers.get(b"transfer-encoding", b""):
            length = self._read_chunks(body)
        elif b"content-length" in headers:
            length = self._read(int(headers[b"content-length"]), body)
        else:
            length, stays_open = self._read(None, body), False
        return Answer(int(status_line.split()[1]), bytes(head), bytes(body), length), stays_open

    def _read_chunks(self, body: bytearray) -> int:
        assert self._reader is not None
        length = 0
        while size := int(self._reader.readline(), 16):
            length += self._read(size, body)
            self._reader.readline()
        self._reader.readline()
        return length

    def _read(self, size: int | None, body: bytearray) -> int:
        """Read so many bytes, or to the end, keeping the first."""
        assert self._reader is not None
        left = size
        length = 0
        while left is None or left > 0:
            piece = self._reader.read1(1 << 18 if left is None else min(left, 1 << 18))
            if not piece and left is None:
                break
            if not piece:
                raise BadAnswer(f"the answer ends {left} bytes too early")
            length += len(piece)
            left = None if left is None else left - len(piece)
            body += piece[: max(0, _KEPT_BYTES - len(body))]
        return length


@dataclass(frozen=True, slots=True)
class Target:
    """Where a repo is: the path of its URL, and header lines to send along."""

    path: str
    headers: bytes = b""

    def get(self, path: str, more: bytes = b"", *, expected: bytes = b"") -> Exchange:
        """A GET below the repo's path."""
        return Exchange(self._head("GET", path, more) + b"\r\n", expected)

    def post(self, path: str, body: bytes, more: bytes = b"", *, upload: Path | None = None) -> bytes:
        """The bytes of a POST below the repo's path; ``upload`` counts as part of the body."""
        length = len(body) + (upload.stat().st_size if upload else 0)
        return self._head("POST", path, more) + b"Content-Length: %d\r\n\r\n" % length + body

    def _head(self, method: str, path: str, more: bytes) -> bytes:
        line = f"{method} {self.path}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        return line.encode("ascii") + self.headers + more


def advertisement(target: Target, service: str, *, version: int) -> Exchange:
    """What every Git operation begins with."""
    expected = b"version 2" if version == 2 else service.encode("ascii")
    return target.get(f"/info/refs?service={service}", _protocol(version), expected=expected)


def ls_remote(target: Target, *, version: int) -> list[Exchange]:
    """All refs, as ``git ls-remote`` asks for them."""
    first = advertisement(target, "git-upload-pack", version=version)
    if version != 2:
        return [first]
    arguments = ls_refs.encode_arguments(ls_refs.LsRefsRequest(peel=True, symrefs=True))
    body = encode_command(CommandRequest(b"ls-refs", _V2, arguments))
    return [first, Exchange(_upload_pack(target, body, version), b"refs/heads/")]


def fetch(
    target: Target,
    *,
    version: int,
    wants: Sequence[ObjectId],
    haves: Sequence[ObjectId] = (),
    depth: int | None = None,
    blobless: bool = False,
) -> list[Exchange]:
    """A clone or a fetch as git makes it: the refs, then the pack; one more round where the server wants ``done``."""
    asked = FetchRequest(
        wants=tuple(wants),
        haves=tuple(haves),
        deepen=depth,
        filter=parse_filter(b"blob:none") if blobless else None,
        done=not haves,
        thin_pack=True,
        ofs_delta=True,
        include_tag=version == 2,
        no_progress=True,
        side_band=SIDE_BAND_64K_BYTES,
        ack_mode=AckMode.NONE if version == 2 else AckMode.DETAILED,
        no_done=version != 2,
        has_negotiated=True,
    )
    last = Exchange(_fetch_request(target, replace(asked, done=True), version), b"PACK")
    if not haves:
        return [*ls_remote(target, version=version), last]
    first = Exchange(_fetch_request(target, asked, version), b"PACK", otherwise=last)
    return [*ls_remote(target, version=version), first]


def push(
    target: Target, commands: Sequence[RefCommand], pack: bytes = b"", *, upload: Path | None = None
) -> list[Exchange]:
    """A push as git makes it; the pack is given as bytes or as a file."""
    words = Capabilities((b"report-status", b"side-band-64k", b"quiet", b"object-format=sha1", b"agent=git/2.39.5"))
    head = receive_pack.encode_request(PushRequest(tuple(commands), words))
    more = b"Content-Type: application/x-git-receive-pack-request\r\n"
    request = target.post("/git-receive-pack", head + pack, more, upload=upload)
    first = advertisement(target, "git-receive-pack", version=0)
    return [first, Exchange(request, b"ok " + commands[-1].name, upload=upload)]


def rest(target: Target, path: str, body: object) -> Exchange:
    """A REST request that makes something."""
    return Exchange(target.post(path, json.dumps(body).encode(), b"Content-Type: application/json\r\n"), b"true")


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """An environment in which git reads no configuration but that of its repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "TREEHOLD_"))}
    return {**kept, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}


def _fetch_request(target: Target, request: FetchRequest, version: int) -> bytes:
    if version == 2:
        body = encode_command(CommandRequest(b"fetch", _V2, fetch_v2.encode_arguments(request)))
    else:
        body = upload_pack.encode_request(request)
    return _upload_pack(target, body, version)


def _upload_pack(target: Target, body: bytes, version: int) -> bytes:
    more = b"Content-Type: application/x-git-upload-pack-request\r\n" + _protocol(version)
    return target.post("/git-upload-pack", body, more)


def _protocol(version: int) -> bytes:
    return b"Git-Protocol: version=2\r\n" if version == 2 else b""
