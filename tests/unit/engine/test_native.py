"""Runs of C Git, with a shell script in its place."""

import asyncio
import contextlib
import gc
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.small_repo import NO_GIT, fake_git
from treehold.engine.limits import Limits
from treehold.engine.native import GitPlace, NativeGit, check_severities, git_version, strict_option
from treehold.errors import NativeGitError, StorageError, Unavailable

ENDLESS = "echo $$ > $notes/pid; sleep 1000 & echo $! > $notes/child; while :; do echo endless; done"


@pytest.fixture
def place(tmp_path: Path) -> GitPlace:
    return GitPlace(git_dir=tmp_path, objects=tmp_path / "objects")


def runner(tmp_path: Path, script: str, **limits: Any) -> NativeGit:
    return NativeGit(fake_git(tmp_path, script), Limits(**limits))


def is_running(pid: int) -> bool:
    """Whether the process is there; one that has ended and is not yet reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def both(tmp_path: Path) -> tuple[int, int]:
    """The ids of the script's process and of its child, once both run."""
    names = [tmp_path / "pid", tmp_path / "child"]
    await until(lambda: all(name.exists() and name.read_text().strip() for name in names))
    pid, child = (int(name.read_text()) for name in names)
    return pid, child


async def test_what_it_prints_is_what_is_answered(tmp_path: Path, place: GitPlace) -> None:
    """A run is given its input, from bytes or from an open file, and its output is answered."""
    native = runner(tmp_path, "cat")
    data = os.urandom(3_000_000)
    assert await native.output(place, ["cat"], stdin=data) == data
    (tmp_path / "input").write_bytes(data)
    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    try:
        assert await native.output(place, ["cat"], stdin=descriptor) == data
    finally:
        os.close(descriptor)


async def test_a_run_has_nothing_from_outside(tmp_path: Path, place: GitPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, hook, home, prompt or secret of the server's environment reaches a run."""
    monkeypatch.setenv("TREEHOLD_API_TOKEN", "a-secret-of-the-server")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    native = runner(tmp_path, 'env; echo "arguments: $@"')
    said = (await native.output(GitPlace(tmp_path, tmp_path / "objects", tmp_path / "lent"), ["verb"])).decode()
    assert "secret" not in said
    assert f"GIT_DIR={tmp_path}\n" in said
    assert f"GIT_ALTERNATE_OBJECT_DIRECTORIES={tmp_path / 'lent'}\n" in said
    for word in ("GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "HOME=/nonexistent"):
        assert word in said
    for word in ("core.hooksPath=/dev/null", "protocol.allow=never", "gc.auto=0", "core.bigFileThreshold="):
        assert word in said


async def test_settings_of_a_place_are_in_no_argument(tmp_path: Path, place: GitPlace) -> None:
    """Other users of the machine can read a process's arguments, and not its environment."""
    native = runner(tmp_path, 'echo "$*" > $notes/arguments; env')
    said = (await native.output(replace(place, settings=(("a.b", "hush"), ("c.d", ""))), ["verb"])).decode()
    lines = {"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=hush", "GIT_CONFIG_KEY_1=c.d"}
    assert lines <= set(said.splitlines())
    assert "hush" not in (tmp_path / "arguments").read_text()
    assert "hush" not in repr(replace(place, settings=(("a.b", "hush"),)))


async def test_runs_beside_others_do_not_wait_for_them(tmp_path: Path, place: GitPlace) -> None:
    """The same git with other limits has turns of its own."""
    native = runner(tmp_path, "echo here", native_processes=1)
    held = native.stream(place, ["verb"])
    async with contextlib.aclosing(held):
        await anext(held)
        assert await native.beside(Limits(native_processes=1)).output(place, ["verb"]) == b"here\n"


async def test_a_run_is_bounded_in_memory_and_time(tmp_path: Path, place: GitPlace) -> None:
    """The system itself holds a run to its bounds."""
    wait = "while [ $(ulimit -c) != 0 -o $(ulimit -t) = unlimited ]; do :; done"
    native = runner(tmp_path, f"{wait}; ulimit -d; ulimit -t", native_memory_bytes=64 << 20)
    assert (await native.output(place, ["limits"])).split() == [b"65536", b"600"]


async def test_a_failure_carries_the_end_of_what_it_said(tmp_path: Path, place: GitPlace) -> None:
    """A run that ends badly is an error with its last words, however much it said, and what it printed before comes."""
    script = "echo out; head -c 1000000 /dev/zero | tr '\\0' x >&2; echo 'fatal: the reason' >&2; exit 7"
    stream = runner(tmp_path, script).stream(place, ["verb"])
    assert await anext(stream) == b"out\n"
    with pytest.raises(NativeGitError, match=r"status 7.*fatal: the reason") as failure:
        await anext(stream)
    assert len(str(failure.value)) < 5_000


async def test_a_run_that_does_not_read_its_input_is_no_failure(tmp_path: Path, place: GitPlace) -> None:
    """Input that is not read to the end harms nobody."""
    assert await runner(tmp_path, "echo done").output(place, ["verb"], stdin=bytes(5_000_000)) == b"done\n"


async def test_a_git_that_is_not_there(place: GitPlace) -> None:
    """When no process can be started the request may be tried later."""
    with pytest.raises(Unavailable, match="cannot start git"):
        await NativeGit(NO_GIT, Limits()).output(place, ["verb"])


async def test_a_run_that_takes_too_long_is_ended(tmp_path: Path, place: GitPlace) -> None:
    """At the limit the run is killed with all its children, and the error says so."""
    native = runner(tmp_path, "echo $$ > $notes/pid; sleep 1000 & echo $! > $notes/child; wait", native_seconds=1)
    with pytest.raises(NativeGitError, match="took over 1 s"):
        await native.output(place, ["verb"])
    for pid in await both(tmp_path):
        await until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


async def test_a_caller_may_allow_less_time_and_not_more(tmp_path: Path, place: GitPlace) -> None:
    """A run is given the smaller of what its caller allows and the limit."""
    native = runner(tmp_path, "sleep 1000", native_seconds=1)
    with pytest.raises(NativeGitError, match="took over 1 s"):
        await native.output(place, ["verb"], seconds=1000)


async def test_a_slow_reader_does_not_use_up_the_time(tmp_path: Path, place: GitPlace) -> None:
    """What the reader takes between two pieces is not counted, and it is never interrupted at its own work."""
    native = runner(tmp_path, "head -c 5000000 /dev/zero", native_seconds=1)
    total = 0
    async for piece in native.stream(place, ["verb"]):
        if not total:
            await asyncio.sleep(1.5)
        total += len(piece)
    assert total == 5_000_000


async def _closed(native: NativeGit, place: GitPlace, tmp_path: Path) -> None:
    """A reader that stops after the first piece."""
    stream = native.stream(place, ["verb"])
    await anext(stream)
    await both(tmp_path)
    await stream.aclose()


async def _cancelled(native: NativeGit, place: GitPlace, tmp_path: Path) -> None:
    """A reader that is cancelled while it reads on."""
    reading = asyncio.create_task(native.output(place, ["verb"]))
    await both(tmp_path)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.parametrize("leave", [_closed, _cancelled], ids=["closed", "cancelled"])
async def test_a_run_ends_with_its_reader(
    tmp_path: Path, place: GitPlace, leave: Callable[[NativeGit, GitPlace, Path], Awaitable[None]]
) -> None:
    """Once its reader leaves, neither the process nor its child is there, and its turn is free."""
    native = runner(tmp_path, ENDLESS, native_processes=1, native_wait_seconds=1)
    await leave(native, place, tmp_path)
    for pid in await both(tmp_path):
        await until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]
    fake_git(tmp_path, "echo next")
    assert await native.output(place, ["verb"]) == b"next\n"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_waiting(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


async def test_a_reader_that_leaves_much_unread_leaves_no_pipe_open(tmp_path: Path, place: GitPlace) -> None:
    """What was printed and not read is let go of, and the pipe with it."""
    native = runner(tmp_path, ENDLESS)
    before = descriptors()
    gc.disable()  # which would close the pipe at some time or other
    try:
        for _ in range(3):
            stream = native.stream(place, ["verb"])
            await anext(stream)
            pid, _ = await both(tmp_path)
            await until(lambda pid=pid: is_waiting(pid))  # type: ignore[misc]
            await stream.aclose()
            (tmp_path / "pid").unlink()
            (tmp_path / "child").unlink()
        await until(lambda: descriptors() <= before)
    finally:
        gc.enable()


def processes_in(folder: Path) -> list[int]:
    """The processes that were started for that place."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"GIT_DIR={folder}\0".encode() in path.read_bytes() and is_running(int(path.parent.name)):
                found.append(int(path.parent.name))
        except OSError:
            pass  # it ended meanwhile
    return found


async def test_a_run_that_is_given_up_while_it_starts_is_ended(tmp_path: Path, place: GitPlace) -> None:
    """Whenever its reader leaves, be it before the first byte, nothing of a run stays behind."""
    native = runner(tmp_path, ENDLESS, native_processes=1, native_wait_seconds=1)
    for steps in range(12):
        reading = asyncio.create_task(native.output(place, ["verb"]))
        for _ in range(steps):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert reading.cancelled()
    await until(lambda: not processes_in(tmp_path))
    fake_git(tmp_path, "echo next")
    assert await native.output(place, ["verb"]) == b"next\n"


async def test_only_so_many_run_at_once(tmp_path: Path, place: GitPlace) -> None:
    """Who gets no turn in time is told to come later; a turn that is given back goes to the next in line."""
    native = runner(tmp_path, "cat", native_processes=2, native_wait_seconds=1)
    read_end, write_end = os.pipe()
    running = [asyncio.create_task(native.output(place, ["verb"], stdin=read_end)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="busy"):
        await native.output(place, ["verb"], stdin=b"third")
    waiting = asyncio.create_task(native.output(place, ["verb"], stdin=b"fourth"))
    await asyncio.sleep(0)
    os.close(write_end)
    assert await asyncio.gather(*running) == [b"", b""]
    assert await waiting == b"fourth"
    os.close(read_end)


async def test_only_so_many_wait(tmp_path: Path, place: GitPlace) -> None:
    """Who finds the queue full is told at once to come later; the others get their turns in the order they asked in."""
    native = runner(tmp_path, "cat", native_processes=1, native_queue=3, native_wait_seconds=60)
    read_end, write_end = os.pipe()
    order: list[int] = []

    async def wait_in_line(number: int) -> None:
        await native.output(place, ["verb"], began=lambda: order.append(number))

    running = asyncio.create_task(native.output(place, ["verb"], stdin=read_end))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(wait_in_line(number)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="busy"):
        await native.output(place, ["verb"])
    assert order == []
    os.close(write_end)
    await asyncio.gather(running, *waiting)
    os.close(read_end)
    assert order == [0, 1, 2]
    assert await native.output(place, ["verb"], stdin=b"next") == b"next"


async def test_who_gives_up_waiting_takes_no_turn(tmp_path: Path, place: GitPlace) -> None:
    """A request that goes away while it waits leaves all turns to the others."""
    native = runner(tmp_path, "cat", native_processes=1, native_wait_seconds=5)
    read_end, write_end = os.pipe()
    running = asyncio.create_task(native.output(place, ["verb"], stdin=read_end))
    await asyncio.sleep(0)
    gone = [asyncio.create_task(native.output(place, ["verb"])) for _ in range(3)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    os.close(write_end)
    await running
    os.close(read_end)
    assert await native.output(place, ["verb"], stdin=b"next") == b"next"


def test_severities_that_git_does_not_know(tmp_path: Path) -> None:
    """Git's own complaint about its severities is told; whatever else it says of no pack at all is passed over."""
    check_severities(fake_git(tmp_path, 'echo "fatal: packfile name is odd" >&2; exit 128'), "badTree=warn")
    wrong = fake_git(tmp_path, 'echo "fatal: Unhandled message id: $2" >&2; exit 128')
    with pytest.raises(StorageError, match=r"TREEHOLD_LIMITS__FSCK is not for this git: .* --strict=odd=warn"):
        check_severities(wrong, "odd=warn")
    with pytest.raises(StorageError, match="cannot run"):
        check_severities(NO_GIT, "")
    assert strict_option("") == "--strict"


def test_the_version_of_git(tmp_path: Path) -> None:
    """A version is read from what git says, with or without a vendor's words; what is no git has none."""
    assert git_version(fake_git(tmp_path, "echo git version 2.39.5")) == (2, 39, 5)
    assert git_version(fake_git(tmp_path, "echo 'git version 2.39.5 (Apple Git-154)'")) == (2, 39, 5)
    assert git_version(fake_git(tmp_path, "echo something else")) == ()
    for broken in (NO_GIT, fake_git(tmp_path, "exit 1")):
        with pytest.raises(StorageError, match="cannot run"):
            git_version(broken)
