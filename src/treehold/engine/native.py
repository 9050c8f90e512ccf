"""C Git, for what is large. The only file that starts a process.

A run gets no hooks, no system or user configuration, no network protocol unless the settings of its place open one, no
prompt; its own process group, so that all of it ends with its request; a bound on the memory it may allocate and on its
time; and its turn among a bounded number of runs.
"""

import asyncio
import contextlib
import os
import re
import resource
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from treehold.engine.limits import Limits
from treehold.errors import NativeGitError, StorageError, Unavailable

PIECE_BYTES: Final = 256 << 10
_STDERR_BYTES_KEPT: Final = 4096
_BUSY: Final = "the server is busy with other large requests, try again later"

_CONFIG: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.packedGitWindowSize=64m",
    "core.packedGitLimit=1g",
    "core.deltaBaseCacheLimit=64m",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "pack.deltaCacheSize=64m",
    "pack.writeBitmaps=false",
    "pack.writeReverseIndex=false",
    "gc.auto=0",
    "protocol.allow=never",
)


_WRONG_SEVERITY: Final = re.compile("fatal: (.*(?:message id|message type|Cannot demote).*)")


@dataclass(frozen=True, slots=True)
class GitPlace:
    """Where a run works: a bare repository's folder, its objects, and objects that it may borrow.

    ``settings`` are git's, and may be secret: they are passed where other users of the machine do not see them.
    """

    git_dir: Path
    objects: Path
    alternate: Path | None = None
    settings: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class NativeGit:
    """Starts C Git."""

    def __init__(self, executable: Path, limits: Limits) -> None:
        self._executable = executable
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.native_processes)
        self._waiting = 0

    def beside(self, limits: Limits) -> "NativeGit":
        """The same git with other limits and turns of its own, for runs that must not keep these ones waiting."""
        return NativeGit(self._executable, limits)

    async def output(
        self,
        place: GitPlace,
        arguments: Sequence[str],
        *,
        stdin: bytes | int = b"",
        seconds: int | None = None,
        began: Callable[[], None] | None = None,
    ) -> bytes:
        """All that a run prints; raises as :meth:`stream`. For outputs whose size the caller has bounded."""
        run = self.stream(place, arguments, stdin=stdin, seconds=seconds, began=began)
        async with contextlib.aclosing(run) as pieces:
            return b"".join([piece async for piece in pieces])

    async def stream(
        self,
        place: GitPlace,
        arguments: Sequence[str],
        *,
        stdin: bytes | int = b"",
        seconds: int | None = None,
        began: Callable[[], None] | None = None,
    ) -> AsyncGenerator[bytes]:
        """What a run prints, in pieces as they come; ``stdin`` is bytes or an open file's descriptor.

        ``began`` is called when the run's turn has come and it works.

        The run may take ``seconds``, and never more than the limit, not counting what the reader takes between two
        pieces; it is ended when the iterator is closed early. Raises Unavailable when no turn comes in time or no
        process can be started, NativeGitError when the run fails or takes too long.
        """
        seconds = min(seconds or self._limits.native_seconds, self._limits.native_seconds)
        async with self._turn(), self._process(place, arguments, stdin) as process:
            feeding = asyncio.create_task(_feed(process, stdin))
            complaints = asyncio.create_task(_last_bytes(process))
            if began is not None:
                began()
            seconds_left = float(seconds)
            clock = asyncio.get_running_loop().time
            try:
                while True:
                    since = clock()
                    async with asyncio.timeout(seconds_left):
                        piece = await _next_piece(process)
                    seconds_left -= clock() - since
                    if not piece:
                        break
                    yield piece
            except TimeoutError:
                raise NativeGitError(f"git {arguments[0]} took over {seconds} s") from None
            finally:
                feeding.cancel()
                if process.returncode is None:
                    complaints.cancel()
            if process.returncode != 0:
                said = (await complaints).decode("utf-8", "replace").strip()
                raise NativeGitError(f"git {arguments[0]} ended with status {process.returncode}: {said}")
            await complaints

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Turns are given in the order in which they were asked for."""
        if self._waiting >= self._limits.native_queue:
            raise Unavailable(_BUSY)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.native_wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable(_BUSY) from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    @contextlib.asynccontextmanager
    async def _process(self, place: GitPlace, arguments: Sequence[str], stdin: bytes | int) -> AsyncIterator[Process]:
        process = await self._start(place, arguments, stdin)
        try:
            with contextlib.suppress(ProcessLookupError):
                self._bound(process.pid)
            yield process
        finally:
            await _end(process)

    async def _start(self, place: GitPlace, arguments: Sequence[str], stdin: bytes | int) -> Process:
        settings = [word for entry in self._config() for word in ("-c", entry)]
        program = asyncio.create_subprocess_exec(
            self._executable,
            *settings,
            *arguments,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(place),
            cwd=place.git_dir,
            start_new_session=True,
            limit=PIECE_BYTES,
        )
        starting = asyncio.create_task(program)
        try:
            return await asyncio.shield(starting)
        except OSError as error:  # no memory, processes or descriptors left
            raise Unavailable(f"cannot start git: {error.strerror}") from error
        except asyncio.CancelledError:
            # left alone, asyncio would end the process and not its group
            with contextlib.suppress(OSError):
                await _end(await starting)
            raise

    def _config(self) -> Iterator[str]:
        yield from _CONFIG
        yield f"core.bigFileThreshold={self._limits.native_big_file_bytes}"

    def _bound(self, pid: int) -> None:
        """Bound what the run may allocate (mapped pack files do not count) and burn, and leave no core file."""
        memory, seconds = self._limits.native_memory_bytes, self._limits.native_seconds
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _environment(place: GitPlace) -> Mapping[str, str]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_DIR": str(place.git_dir),
        "GIT_OBJECT_DIRECTORY": str(place.objects),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    if place.alternate is not None:
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(place.alternate)
    if place.settings:
        environment["GIT_CONFIG_COUNT"] = str(len(place.settings))
        for row, (name, value) in enumerate(place.settings):
            environment |= {f"GIT_CONFIG_KEY_{row}": name, f"GIT_CONFIG_VALUE_{row}": value}
    return environment


async def _next_piece(process: Process) -> bytes:
    """What it prints next; nothing once it has ended."""
    assert process.stdout is not None
    piece = await process.stdout.read(PIECE_BYTES)
    if not piece:
        await process.wait()
    return piece


async def _feed(process: Process, stdin: bytes | int) -> None:
    if not isinstance(stdin, bytes):
        return
    assert process.stdin is not None
    # git may stop reading when it has seen enough, or died: its exit status tells which
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(stdin)
        await process.stdin.drain()
    process.stdin.close()


async def _last_bytes(process: Process) -> bytes:
    """Drain standard error, keeping its end only: a full pipe would stop the run."""
    assert process.stderr is not None
    kept = b""
    while piece := await process.stderr.read(_STDERR_BYTES_KEPT):
        kept = (kept + piece)[-_STDERR_BYTES_KEPT:]
    return kept


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(_let_go(process))


async def _let_go(process: Process) -> None:
    """Read what nobody wants any more, for a pipe that is not read to its end stays open, and wait for the end."""
    if process.stdin is not None:
        process.stdin.close()
    assert process.stdout is not None
    while await process.stdout.read(PIECE_BYTES):
        pass
    await process.wait()


def check_severities(executable: Path, fsck: str) -> None:
    """Make sure that this git knows these names of ``git fsck``; raises StorageError with its own words."""
    command = [str(executable), "index-pack", strict_option(fsck), os.devnull]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"cannot run {executable}: {error}") from error
    wrong = _WRONG_SEVERITY.search(done.stderr.decode("utf-8", "replace"))
    if wrong is not None:
        raise StorageError(f"TREEHOLD_LIMITS__FSCK is not for this git: {wrong[1]}")


def strict_option(fsck: str) -> str:
    """How ``git index-pack`` is told to refuse what ``git fsck`` complains of, but for these severities."""
    return f"--strict={fsck}" if fsck else "--strict"


def git_version(executable: Path) -> tuple[int, ...]:
    """The version of an installed git, such as (2, 39, 5); raises StorageError when it is none."""
    try:
        said = subprocess.run([executable, "version"], capture_output=True, timeout=30, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"cannot run {executable}: {error}") from error
    found = re.search(rb"\d+(\.\d+)+", said)
    return tuple(int(number) for number in found[0].split(b".")) if found else ()
