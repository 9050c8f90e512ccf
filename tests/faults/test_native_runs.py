"""What becomes of C Git's processes when clients leave, when they are too many, and when they take too long."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.live_server import LiveServer
from tests.wire.raw_fetch import SIDE_BAND_64K_BYTES, ask
from tests.wire.raw_git import RawGit, history, oid_of, scratch
from treehold.protocol import fetch
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.filter_spec import FilterSpec

LINE = history(b"1" * 100, b"2" * 100)
COMPUTED = FetchRequest(
    wants=(oid_of(LINE[-1]),),
    filter=FilterSpec(b"blob:limit=1000"),
    done=True,
    ofs_delta=True,
    side_band=SIDE_BAND_64K_BYTES,
)
SCRIPT = """#!/bin/sh
case " $* " in *" pack-objects "*)
    if [ -e {notes}/hang ]; then echo $$ >> {notes}/pids; sleep 1000 & echo $! >> {notes}/pids; wait; fi
    if [ -e {notes}/endless ]; then
        echo $$ >> {notes}/pids; sleep 1000 & echo $! >> {notes}/pids; while :; do echo endless; done
    fi
esac
exec {git} "$@"
"""


@dataclass
class Odd:
    """A server whose git hangs, or never ends, while a note says so; and a repo on it."""

    notes: Path
    raw: RawGit

    def behave(self, how: str | None) -> None:
        for name in ("hang", "endless"):
            (self.notes / name).unlink(missing_ok=True)
        if how:
            (self.notes / how).touch()

    def pids(self) -> list[int]:
        file = self.notes / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def nothing_is_left(self) -> bool:
        return not any(map(is_running, self.pids())) and not scratch(self.raw.server)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def odd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, LiveServer]]:
    notes = tmp_path_factory.mktemp("notes")
    script = notes / "git"
    script.write_text(SCRIPT.format(notes=notes, git=shutil.which("git")))
    script.chmod(0o700)
    settings = {
        "TREEHOLD_GIT": str(script),
        "TREEHOLD_LIMITS__NATIVE_PROCESSES": "1",
        "TREEHOLD_LIMITS__NATIVE_WAIT_SECONDS": "1",
        "TREEHOLD_LIMITS__NATIVE_SECONDS": "4",
    }
    with LiveServer(tmp_path_factory.mktemp("odd") / "data", settings=settings) as live:
        yield notes, live


@pytest.fixture
def odd(odd_server: tuple[Path, LiveServer], tmp_path: Path) -> Iterator[Odd]:
    notes, live = odd_server
    odd = Odd(notes, RawGit(live, live.create(f"odd-{tmp_path.name[-40:].replace('_', '-').lower()}")))
    odd.raw.create(LINE)
    (notes / "pids").unlink(missing_ok=True)
    yield odd
    odd.behave(None)


def leave(odd: Odd, *, after_bytes: int) -> None:
    """Begin a fetch and hang up: when so much of the answer has come, or, with 0, while it is awaited."""
    body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(COMPUTED)))
    headers = {
        "authorization": f"Bearer {odd.raw.repo.token}",
        "content-type": "application/x-git-upload-pack-request",
        "git-protocol": "version=2",
    }
    url = f"{odd.raw.url}/git-upload-pack"
    if not after_bytes:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, content=body, headers=headers, timeout=httpx.Timeout(10, read=1))
        return
    with httpx.stream("POST", url, content=body, headers=headers, timeout=30) as answer:
        received = 0
        for piece in answer.iter_raw():
            received += len(piece)
            if received > after_bytes:
                return


@pytest.mark.parametrize(("how", "after_bytes"), [("hang", 0), ("endless", 1), ("endless", 3_000_000)])
def test_a_client_that_leaves_takes_its_processes_with_it(odd: Odd, how: str, after_bytes: int) -> None:
    """When a client hangs up, git and its children end, their scratch folder goes, and their turn is free."""
    odd.behave(how)
    leave(odd, after_bytes=after_bytes)
    until(lambda: len(odd.pids()) == 2)
    until(odd.nothing_is_left)
    odd.behave(None)
    assert ask(odd.raw, COMPUTED).oids() == {oid_of(item) for item in LINE}


def test_too_many_runs_are_told_to_come_back(odd: Odd) -> None:
    """While all turns are taken a request for another is answered 503 with Retry-After; what needs no git works on."""
    odd.behave("hang")
    body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(COMPUTED)))
    other = FetchRequest(wants=(oid_of(LINE[2]),), filter=COMPUTED.filter, done=True)
    other_body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(other)))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(odd.raw.post, "git-upload-pack", body, git_protocol="version=2")
        until(lambda: len(odd.pids()) == 2)
        second = odd.raw.post("git-upload-pack", other_body, git_protocol="version=2")
        assert second.status_code == 503
        assert int(second.headers["retry-after"]) > 0
        assert "busy" in second.text
        whole = FetchRequest(wants=COMPUTED.wants, done=True, ofs_delta=True)
        assert ask(odd.raw, whole).plan == "whole"
        assert first.result().status_code == 500
    until(odd.nothing_is_left)


def test_a_run_that_takes_too_long_is_ended(odd: Odd) -> None:
    """At the time limit the request fails without telling why, and the next one is served."""
    odd.behave("hang")
    answer = ask(odd.raw, COMPUTED)
    assert answer.status == 500
    assert answer.error.strip() == "Internal error"
    until(odd.nothing_is_left)
    odd.behave(None)
    assert ask(odd.raw, COMPUTED).oids() == {oid_of(item) for item in LINE}
