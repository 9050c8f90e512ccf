"""Git's requests made by hand, right and wrong, and all that a server keeps: to see that nothing of a bad one is."""

import socket
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.live_server import NO_TLS, LiveServer, Repo
from treehold.ids import ZERO_OID, ObjectId, ObjectKind
from treehold.objects.commit import Commit, encode_commit
from treehold.objects.hash import hash_object
from treehold.objects.tree import MODE_FILE, TreeEntry, encode_tree
from treehold.packs.build import build_pack
from treehold.protocol.advertisement import Advertisement, decode_advertisement
from treehold.protocol.pktline import FLUSH_PKT, Marker, decode_all, encode
from treehold.protocol.report_status import decode_report

PERSON = b"A Tester <tester@example.com> 1700000000 +0000"
FULL = b"report-status side-band-64k object-format=sha1 agent=test"
EMPTY_PACK = build_pack([])[0]
MAIN = b"refs/heads/main"

Object = tuple[ObjectKind, bytes]
Step = tuple[ObjectId, ObjectId, bytes]
"""A command: old value, new value, ref."""


def blob(data: bytes) -> Object:
    return ObjectKind.BLOB, data


def tree(files: dict[bytes, Object], *, mode: int = MODE_FILE) -> Object:
    return ObjectKind.TREE, encode_tree(TreeEntry(mode, name, oid_of(item)) for name, item in files.items())


def commit(top: Object | ObjectId, *parents: Object | ObjectId, message: bytes = b"Change\n") -> Object:
    ids = [item if isinstance(item, bytes) else oid_of(item) for item in (top, *parents)]
    return ObjectKind.COMMIT, encode_commit(Commit(ids[0], tuple(ids[1:]), PERSON, PERSON, message))


def history(*contents: bytes, name: bytes = b"file") -> list[Object]:
    """A line of commits, each with one file; blob, tree and commit of each in turn."""
    objects: list[Object] = []
    for content in contents:
        top = tree({name: blob(content)})
        parents = [objects[-1]] if objects else []
        objects += [blob(content), top, commit(top, *parents, message=content[:20] + b"\n")]
    return objects


def oid_of(item: Object) -> ObjectId:
    return hash_object(*item)


def pack_of(*objects: Object) -> bytes:
    return build_pack(objects)[0]


def head_of_push(steps: Iterable[Step], capabilities: bytes = FULL) -> bytes:
    lines = [b"%b %b %b" % (old.hex().encode(), new.hex().encode(), name) for old, new, name in steps]
    if lines:
        lines[0] += b"\0" + capabilities
    return b"".join([*map(encode, lines), FLUSH_PKT])


@dataclass(frozen=True)
class Outcome:
    """What a push was answered: of the pack, of each ref (None: done), or a fatal message in place of both."""

    unpack: str = ""
    refs: dict[bytes, str | None] = field(default_factory=dict)
    fatal: str = ""

    @property
    def said(self) -> str:
        return self.fatal or self.unpack


def read_outcome(answer: bytes, *, side_band: bool = True) -> Outcome:
    """Read the body of a push's answer."""
    if not side_band:
        unpack, results = decode_report(answer)
        return Outcome(unpack, {result.name: result.error for result in results})
    packets = decode_all(answer)
    bands: dict[int, bytes] = {1: b"", 2: b"", 3: b""}
    assert packets[-1] is Marker.FLUSH
    for packet in packets[:-1]:
        assert isinstance(packet, bytes)
        bands[packet[0]] += packet[1:]
    if bands[3]:
        return Outcome(fatal=bands[3].decode())
    return read_outcome(bands[1], side_band=False)


@dataclass(frozen=True)
class RawGit:
    """A client of one repo that says what it is told to say."""

    server: LiveServer
    repo: Repo

    @property
    def url(self) -> str:
        return f"{self.server.url}/git/{self.repo.namespace}/{self.repo.name}.git"

    def discover(self, service: str, *, version: int = 0) -> Advertisement:
        answer = httpx.get(
            f"{self.url}/info/refs?service={service}",
            headers={"authorization": f"Bearer {self.repo.token}", "git-protocol": f"version={version}"},
            verify=NO_TLS,
        )
        assert answer.status_code == 200, answer.text
        return decode_advertisement(answer.content)

    def refs(self) -> dict[bytes, ObjectId]:
        return {ref.name: ref.oid for ref in self.discover("git-receive-pack").refs}

    def post(self, service: str, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
        """POST to a service; names of headers are written with ``_`` for ``-``."""
        sent = {
            "authorization": f"Bearer {self.repo.token}",
            "content-type": f"application/x-{service}-request",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return httpx.post(f"{self.url}/{service}", content=body, headers=sent, timeout=120, verify=NO_TLS)

    def push_body(self, body: bytes, *, side_band: bool = True, **headers: str) -> Outcome:
        answer = self.post("git-receive-pack", body, **headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/x-git-receive-pack-result"
        return read_outcome(answer.content, side_band=side_band)

    def push(self, steps: Sequence[Step], pack: bytes = b"", *, capabilities: bytes = FULL) -> Outcome:
        body = head_of_push(steps, capabilities) + pack
        return self.push_body(body, side_band=b"side-band-64k" in capabilities)

    def create(self, objects: Sequence[Object], name: bytes = MAIN) -> None:
        """Push objects, of which the last one is the new ref's value; it must work."""
        outcome = self.push([(ZERO_OID, oid_of(objects[-1]), name)], pack_of(*objects))
        assert outcome == Outcome("ok", {name: None})

    def ask_v2(self, command: bytes, *arguments: bytes) -> bytes:
        """One v2 command; answers the body."""
        body = b"".join([encode(b"command=" + command), b"0001", *map(encode, arguments), FLUSH_PKT])
        answer = self.post("git-upload-pack", body, git_protocol="version=2")
        assert answer.status_code == 200, answer.text
        return answer.content

    def size_bytes(self) -> int:
        return int(self.server.result("GET", f"/repos/{self.repo.name}")["size_bytes"])

    def kept(self) -> tuple[dict[bytes, ObjectId], int, set[Path]]:
        """All that a push could change: refs, the size of the packs, the store's files."""
        return self.refs(), self.size_bytes(), files_under(self.server.data_dir / "store")


def files_under(folder: Path) -> set[Path]:
    """The files there at a moment; a folder that goes while one looks is looked at again."""
    while True:
        try:
            return {path for path in folder.rglob("*") if path.is_file()}
        except FileNotFoundError:
            continue


def scratch(server: LiveServer) -> set[Path]:
    """What pushes under way have on disk."""
    return files_under(server.data_dir / "cache" / "spool") | files_under(server.data_dir / "cache" / "git")


@dataclass
class MemoryMeter:
    """How far a server's memory has risen since the meter was made."""

    server: LiveServer
    before: int = 0

    def __post_init__(self) -> None:
        self._status.with_name("clear_refs").write_text("5")
        self.before = self._peak()

    @property
    def _status(self) -> Path:
        assert self.server.process is not None
        return Path(f"/proc/{self.server.process.pid}/status")

    def _peak(self) -> int:
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def risen(self) -> int:
        return self._peak() - self.before


def connection(server: LiveServer) -> socket.socket:
    """A bare connection."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def request_head(raw: RawGit, service: str, *headers: str) -> bytes:
    """The head of a POST, for a body that is sent by hand."""
    lines = [
        f"POST /git/{raw.repo.namespace}/{raw.repo.name}.git/{service} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {raw.repo.token}",
        f"Content-Type: application/x-{service}-request",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def gzip_zeros(megabytes: int) -> Iterator[bytes]:
    """A gzip stream that inflates to so many zeros, of a thousandth of that size."""
    stream = zlib.compressobj(6, zlib.DEFLATED, 31)
    for _ in range(megabytes):
        if piece := stream.compress(bytes(1 << 20)):
            yield piece
    yield stream.flush()
