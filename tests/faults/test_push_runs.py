"""Large pushes beside trouble: clients that leave, wait or dawdle, too many of them, and a disk that is full."""

import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.faults.test_native_runs import is_running, until
from tests.live_server import Git, LiveServer, new_git
from tests.wire.raw_git import (
    MAIN,
    Object,
    Outcome,
    RawGit,
    blob,
    commit,
    connection,
    head_of_push,
    history,
    oid_of,
    pack_of,
    read_outcome,
    request_head,
    scratch,
)
from treehold.ids import ZERO_OID, ObjectKind
from treehold.protocol.sideband import KEEP_ALIVE

LARGE = 1_500_000
SCRIPT = """#!/bin/sh
case " $* " in *" index-pack "*)
    if [ -e {notes}/hang ]; then
        echo $$ >> {notes}/pids; sleep 1000 & echo $! >> {notes}/pids
        while [ -e {notes}/hang ]; do sleep 0.05; done; kill $!
    fi
    if [ -e {notes}/full ]; then echo "fatal: write error: No space left on device" >&2; exit 128; fi
esac
exec {git} "$@"
"""


@dataclass
class Odd:
    """A server whose git hangs over a push while a note says so, or finds the disk full; and a repo on it."""

    notes: Path
    raw: RawGit

    def behave(self, *how: str) -> None:
        for name in how:
            (self.notes / name).touch()
        for name in {"hang", "full"}.difference(how):
            (self.notes / name).unlink(missing_ok=True)

    def pids(self) -> list[int]:
        file = self.notes / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def nothing_is_left(self) -> bool:
        return not any(map(is_running, self.pids())) and not scratch(self.raw.server)


@pytest.fixture(scope="module")
def odd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, LiveServer]]:
    notes = tmp_path_factory.mktemp("notes")
    script = notes / "git"
    script.write_text(SCRIPT.format(notes=notes, git=shutil.which("git")))
    script.chmod(0o700)
    settings = {
        "TREEHOLD_GIT": str(script),
        "TREEHOLD_LIMITS__NATIVE_PROCESSES": "1",
        "TREEHOLD_LIMITS__NATIVE_WAIT_SECONDS": "2",
        "TREEHOLD_LIMITS__NATIVE_QUEUE": "1",
        "TREEHOLD_LIMITS__KEEP_ALIVE_SECONDS": "1",
        "TREEHOLD_LIMITS__BODY_IDLE_SECONDS": "1",
    }
    with LiveServer(tmp_path_factory.mktemp("odd") / "data", settings=settings) as live:
        yield notes, live


@pytest.fixture
def odd(odd_server: tuple[Path, LiveServer], tmp_path: Path) -> Iterator[Odd]:
    notes, live = odd_server
    odd = Odd(notes, RawGit(live, live.create(f"odd-{tmp_path.name[-40:].replace('_', '-').lower()}")))
    (notes / "pids").unlink(missing_ok=True)
    yield odd
    odd.behave()


def large_push(seed: int = 1, name: bytes = MAIN, capabilities: bytes | None = None) -> bytes:
    """The body of a push that C Git takes in."""
    objects: list[Object] = history(Random(seed).randbytes(LARGE))
    steps = [(ZERO_OID, oid_of(objects[-1]), name)]
    head = head_of_push(steps) if capabilities is None else head_of_push(steps, capabilities)
    return head + pack_of(*objects)


def begin(raw: RawGit, body: bytes) -> socket.socket:
    """Send a push, and do not wait for its answer."""
    wire = connection(raw.server)
    wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(body)}") + body)
    return wire


def test_a_client_that_leaves_a_large_push_ends_it(odd: Odd) -> None:
    """Git and its children end, the spool and the quarantine go, nothing is kept, and the next push is taken."""
    before = odd.raw.kept()
    odd.behave("hang")
    with begin(odd.raw, large_push()):
        until(lambda: len(odd.pids()) == 2)
        assert scratch(odd.raw.server)
    until(odd.nothing_is_left)
    odd.behave()
    assert odd.raw.kept() == before
    assert odd.raw.push_body(large_push()) == Outcome("ok", {MAIN: None})


def test_a_long_push_shows_that_it_lives(odd: Odd) -> None:
    """While C Git works empty packets come, and then the report as ever."""
    odd.behave("hang")
    with begin(odd.raw, large_push()) as wire:
        answer = b""
        while answer.count(KEEP_ALIVE) < 2:
            answer += wire.recv(65536)
        odd.behave()
        while not answer.endswith(b"0\r\n\r\n"):
            answer += wire.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"application/x-git-receive-pack-result" in head
    assert read_outcome(unchunked(body)) == Outcome("ok", {MAIN: None})


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        content += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return content


def test_a_client_without_side_band_is_not_shown_anything(odd: Odd) -> None:
    """Its report has no room for a sign of life."""
    odd.behave("hang")
    body = large_push(capabilities=b"report-status")
    with ThreadPoolExecutor() as pool:
        pushing = pool.submit(odd.raw.post, "git-receive-pack", body)
        until(lambda: len(odd.pids()) == 2)
        with pytest.raises(TimeoutError):
            pushing.result(timeout=1.5)
        odd.behave()
        answer = pushing.result()
    assert "content-length" in answer.headers
    assert read_outcome(answer.content, side_band=False) == Outcome("ok", {MAIN: None})


def test_git_clients_take_a_long_push(odd: Odd, tmp_path: Path) -> None:
    """The signs of life disturb no client."""
    work = new_git(tmp_path / "work", odd.raw.repo.token)
    tip = work.commit({"large": Random(2).randbytes(LARGE)})
    odd.behave("hang")
    with ThreadPoolExecutor() as pool:
        pushing = pool.submit(work, "push", odd.raw.repo.remote, "main")
        until(lambda: len(odd.pids()) == 2)
        with pytest.raises(TimeoutError):
            pushing.result(timeout=2.5)
        odd.behave()
        pushing.result(timeout=60)
    assert tip in Git(tmp_path, odd.raw.repo.token)("ls-remote", odd.raw.repo.remote)


def test_a_failure_in_a_long_push_is_told(odd: Odd) -> None:
    """Once the answer has begun there is no status any more: a fatal message says that it failed."""
    odd.behave("hang")
    before = odd.raw.kept()
    with begin(odd.raw, large_push()) as wire:
        answer = b""
        while KEEP_ALIVE not in answer:
            answer += wire.recv(65536)
        odd.behave("full")
        while not answer.endswith(b"0\r\n\r\n"):
            answer += wire.recv(65536)
    outcome = read_outcome(unchunked(answer.partition(b"\r\n\r\n")[2]))
    assert outcome == Outcome(fatal="the server failed to take the push in\n")
    assert odd.raw.kept() == before
    until(odd.nothing_is_left)


def test_pushes_beyond_the_queue_are_told_to_come_back(odd: Odd) -> None:
    """One works and one waits; a third is answered 503 with Retry-After at once, and the second when its time is up."""
    odd.behave("hang")
    with ThreadPoolExecutor() as pool, begin(odd.raw, large_push()):
        until(lambda: len(odd.pids()) == 2)
        waiting = pool.submit(odd.raw.post, "git-receive-pack", large_push(2, b"refs/heads/second"))
        until(lambda: len(list((odd.raw.server.data_dir / "cache" / "git").iterdir())) == 2)
        for answer in (odd.raw.post("git-receive-pack", large_push(3, b"refs/heads/third")), waiting.result()):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "busy with other large requests, try again later" in answer.text
    until(odd.nothing_is_left)


def test_a_full_disk_is_our_own_fault(odd: Odd) -> None:
    """A push that finds no space is no bad pack: it is answered 500, leaves nothing, and works when there is space."""
    before = odd.raw.kept()
    odd.behave("full")
    assert odd.raw.post("git-receive-pack", large_push()).status_code == 500
    assert odd.raw.kept() == before
    until(odd.nothing_is_left)
    odd.behave()
    assert odd.raw.push_body(large_push()) == Outcome("ok", {MAIN: None})


@pytest.mark.parametrize("service", ["git-receive-pack", "git-upload-pack"])
@pytest.mark.parametrize("start", [b"", b"00", large_push()[: LARGE // 2]], ids=["nothing", "little", "half"])
def test_a_body_that_does_not_come_is_not_waited_for(odd: Odd, service: str, start: bytes) -> None:
    """A client that stops sending is answered 408, its connection is closed, and nothing of it stays."""
    with connection(odd.raw.server) as wire:
        wire.sendall(request_head(odd.raw, service, "Content-Length: 10000000") + start)
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    until(odd.nothing_is_left)


def test_a_server_may_open_many_files(odd: Odd) -> None:
    """Its bound on open files is raised as far as the system allows, up to 65,536."""
    assert odd.raw.server.process is not None
    limits = Path(f"/proc/{odd.raw.server.process.pid}/limits").read_text()
    soft, hard = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3:5]
    assert soft == "65536" or soft == hard


def test_severities_are_those_that_are_set(tmp_path: Path) -> None:
    """A wart that is taken by default is refused by its name where it is set to be an error."""
    content = Random(4).randbytes(LARGE)
    top = ObjectKind.TREE, b"0100644 file\0" + oid_of(blob(content))
    objects = [blob(content), top, commit(top)]
    body = head_of_push([(ZERO_OID, oid_of(objects[-1]), MAIN)]) + pack_of(*objects)
    settings = {"TREEHOLD_LIMITS__FSCK": "nulInCommit=ignore,zeroPaddedFilemode=error"}
    with LiveServer(tmp_path / "data", settings=settings) as live:
        assert "zeroPaddedFilemode" in RawGit(live, live.create("strict")).push_body(body).unpack
    with LiveServer(tmp_path / "data") as live:
        assert RawGit(live, live.create("usual")).push_body(body) == Outcome("ok", {MAIN: None})
