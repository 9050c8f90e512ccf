"""A server whose runs of git are noted and can be held up, a history that is worth computing, and clients that stop."""

import hashlib
import http.client
import os
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Self
from uuid import uuid4

from tests.live_server import LiveServer
from tests.wire.raw_fetch import SIDE_BAND_64K_BYTES, FetchAnswer
from tests.wire.raw_git import MAIN, Object, RawGit, blob, commit, files_under, history, oid_of, pack_of, tree
from treehold.ids import ObjectId
from treehold.protocol import fetch
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.filter_spec import FilterSpec
from treehold.protocol.pktline import Marker, decode_all
from treehold.protocol.sideband import split

SIDE = b"refs/heads/side"
CLONE = FetchRequest(done=True, ofs_delta=True, side_band=SIDE_BAND_64K_BYTES)
COMMITS = 700
BLOB_BYTES = 12_000
HALF_BYTES = 5_000_000
"""What a run prints before it waits for its second half: more than sockets hold."""
SCRIPT = """#!/bin/sh
for word do
    case "$word" in pack-objects|rev-list|cat-file|commit-graph|multi-pack-index) verb=$word; break;; esac
done
echo "$$ $verb" >> {notes}/calls
while [ -e {notes}/hold-$verb ]; do sleep 0.02; done
if mv {notes}/half-$verb {notes}/held-$verb 2> {notes}/mv; then
    {git} "$@" | (head -c {half}; while [ -e {notes}/held-$verb ]; do sleep 0.02; done; cat)
    exit 0
fi
exec {git} "$@"
"""


@cache
def side() -> list[Object]:
    """What is there first."""
    return history(b"side", name=b"side")


@cache
def line() -> list[Object]:
    """8 MB in 2,100 objects, none like another: more than sockets hold, and worth bitmaps."""
    return history(*(hashlib.shake_128(b"%d" % number).digest(BLOB_BYTES) for number in range(COMMITS)))


@cache
def later() -> list[Object]:
    """One commit more."""
    top = tree({b"file": blob(b"later")})
    return [blob(b"later"), top, commit(top, line()[-1], message=b"later\n")]


def ids(objects: list[Object]) -> set[ObjectId]:
    return {oid_of(item) for item in objects}


def tip() -> ObjectId:
    """Where main is."""
    return oid_of(later()[-1])


def until(holds: Callable[[], object]) -> None:
    """Wait for it, half a minute at most."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True)
class Question:
    """A fetch and what is right to answer: by C Git, if the repo has bitmaps."""

    request: FetchRequest
    expected: set[ObjectId]


def questions() -> dict[str, Question]:
    """Some that are answered by a computation each; two of them are small."""
    branch = replace(CLONE, wants=(tip(),))
    everything = ids([*line(), *later()])
    commits = {oid_of(item) for item in (*line()[2::3], later()[-1])}
    half = len(line()) // 2 // 3 * 3
    return {
        "branch": Question(branch, everything),
        "commits": Question(replace(branch, filter=FilterSpec(b"tree:0")), commits),
        "files": Question(
            replace(branch, filter=FilterSpec(b"blob:limit=100"), haves=(oid_of(line()[-1]),)), ids(later())
        ),
        "increment": Question(replace(branch, haves=(oid_of(line()[half - 1]),)), everything - ids(line()[:half])),
    }


@dataclass
class Watched:
    """A server with one repo, made in three pushes: ``side``, ``line`` and ``later``."""

    notes: Path
    server: LiveServer
    raw: RawGit

    @classmethod
    @contextmanager
    def start(cls, folder: Path, **settings: str) -> Iterator[Self]:
        """A server in that folder; settings without their prefix."""
        notes = folder / "notes"
        notes.mkdir()
        script = notes / "git"
        script.write_text(SCRIPT.format(notes=notes, half=HALF_BYTES, git=shutil.which("git")))
        script.chmod(0o700)
        given = {f"TREEHOLD_{name.upper()}": value for name, value in settings.items()}
        with LiveServer(folder / "data", settings={"TREEHOLD_GIT": str(script), **given}) as server:
            raw = RawGit(server, server.create(f"watched-{uuid4().hex[:8]}"))
            raw.create(side(), SIDE)
            raw.create(line())
            moved = raw.push([(oid_of(line()[-1]), tip(), MAIN)], pack_of(*later()))
            assert moved.refs == {MAIN: None}
            (notes / "calls").touch()
            yield cls(notes, server, raw)

    @property
    def pid(self) -> int:
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def cache(self) -> Path:
        return self.server.data_dir / "cache"

    def files(self, room: str) -> set[Path]:
        """What is in a folder of the cache."""
        return files_under(self.cache / room)

    def base(self) -> Path:
        """The layout that C Git's bitmaps are for."""
        return next(path for path in self._layouts() if not (path / "objects/info/alternates").exists())

    def beside(self) -> Path:
        """The layout of what came later."""
        return next(path for path in self._layouts() if (path / "objects/info/alternates").exists())

    def _layouts(self) -> list[Path]:
        """The newest first."""
        found = [path for path in (self.cache / "repos").iterdir() if not path.name.startswith(".")]
        return sorted(found, key=lambda path: (path / "objects").stat().st_ctime_ns, reverse=True)

    def stored(self) -> dict[Path, bytes]:
        """All the store's files and what is in them."""
        files = files_under(self.server.data_dir / "store")
        return {path: hashlib.sha256(path.read_bytes()).digest() for path in files}

    def calls(self, verb: str) -> int:
        """How often git was run for that."""
        return sum(line.endswith(verb) for line in self._noted())

    def _noted(self) -> list[str]:
        file = self.notes / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @contextmanager
    def holding(self, how: str) -> Iterator[None]:
        """Let runs wait before they begin (``hold-VERB``), or the next one once it has printed half (``half-VERB``)."""
        (self.notes / how).touch()
        try:
            yield
        finally:
            self.let_go(how)

    def let_go(self, how: str) -> None:
        """Hold no longer."""
        for name in (how, how.replace("half-", "held-")):
            (self.notes / name).unlink(missing_ok=True)

    @contextmanager
    def disk_of(self, file_bytes_max: int) -> Iterator[None]:
        """Let no file of the server grow larger than that, nor those of its processes to come."""
        for written in (self.server.data_dir.with_suffix(".log"), self.notes / "calls"):
            os.truncate(written, 0)  # which would be too large already
        hard = resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (file_bytes_max, hard))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def children(self) -> list[int]:
        """The processes that the server has started and that are still there."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def connections(self) -> int:
        """How many clients the server is connected with."""
        rows = Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        local = f"0100007F:{self.server.port:04X}"
        return sum(row.split()[1] == local and row.split()[3] == "01" for row in rows)

    def is_idle(self) -> bool:
        """Whether no git runs and nothing that one request needs is on disk."""
        unfinished = [path for room in ("answers", "repos") for path in (self.cache / room).glob(".*")]
        return not (self.children() or unfinished or self.files("git") or self.files("spool"))

    def forget_answers(self) -> None:
        for path in self.files("answers"):
            path.unlink()

    def forget(self) -> None:
        """Throw away what the node keeps on disk, as may happen at any time."""
        until(self.is_idle)
        self.forget_answers()
        for path in (self.cache / "repos").iterdir():
            shutil.rmtree(path)

    def warm_up(self) -> None:
        """Have everything laid out and bitmaps made."""
        until(self.is_idle)
        self.forget_answers()  # what is answered from there needs no layout
        assert self.ask("commits").status == 200
        until(lambda: list((self.cache / "repos").glob("*/objects/pack/*.bitmap")))
        until(self.is_idle)

    def ask(self, name: str) -> "Answer":
        """Put one of the questions, and read all that comes."""
        with self.asking(questions()[name].request) as client:
            return client.rest()

    def is_right(self, name: str) -> bool:
        """Put one of the questions and see whether it is answered rightly."""
        answer = self.ask(name)
        assert answer.error == "", answer
        return answer.oids() == questions()[name].expected

    @contextmanager
    def asking(self, request: FetchRequest) -> Iterator["StoppingClient"]:
        client = StoppingClient.ask(self.raw, request)
        try:
            yield client
        finally:
            client.leave()


@dataclass(frozen=True)
class Answer:
    """All that came: a status, the plan, the pack, and an error of whichever kind."""

    status: int
    plan: str | None
    pack: bytes = field(repr=False)
    error: str

    def oids(self) -> set[ObjectId]:
        return FetchAnswer(self.status, self.plan, (), self.pack, "").oids()


class StoppingClient:
    """A client that reads when it is told to, and whose socket holds little."""

    def __init__(self, connection: http.client.HTTPConnection, sock: socket.socket) -> None:
        self._connection = connection
        self._socket = sock
        self._answer: http.client.HTTPResponse | None = None
        self._read = b""

    @classmethod
    def ask(cls, raw: RawGit, request: FetchRequest) -> Self:
        """Send a fetch and wait for nothing."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", raw.server.port))
        connection = http.client.HTTPConnection("127.0.0.1", raw.server.port)
        connection.sock = sock
        body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(request)))
        headers = {
            "Authorization": f"Bearer {raw.repo.token}",
            "Content-Type": "application/x-git-upload-pack-request",
            "Git-Protocol": "version=2",
        }
        path = raw.url.removeprefix(raw.server.url)
        connection.request("POST", f"{path}/git-upload-pack", body, headers)
        return cls(connection, sock)

    def begin(self) -> str | None:
        """Read the first bytes; answers the plan."""
        if self._answer is None:
            self._answer = self._connection.getresponse()
            self._read = self._answer.read(1000)
        return self._answer.getheader("x-treehold-plan")

    def rest(self) -> Answer:
        """Read to the end."""
        plan = self.begin()
        assert self._answer is not None
        if not self._answer.isclosed():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        data = self._read + self._answer.read()
        if self._answer.status != 200:
            return Answer(self._answer.status, plan, b"", data.decode().strip())
        bands, refusal = {1: b"", 2: b"", 3: b""}, b""
        for packet in decode_all(data):
            if isinstance(packet, Marker):
                continue
            if packet.startswith(b"ERR "):
                refusal = packet
            elif packet[:1] in (b"\1", b"\2", b"\3"):
                band, piece = split(packet)
                bands[band] += piece
        return Answer(200, plan, bands[1], (bands[3] + refusal).decode().strip())

    def leave(self) -> None:
        """Hang up."""
        if self._answer is not None:
            self._answer.close()
        self._connection.close()
