"""C Git, for what is large. The only file that starts a process.

A run gets no hooks, no system or user configuration, no network protocol, no prompt; its own process group, so that
all of it ends with its request; a bound on the memory it may allocate and on its time; and its turn among a bounded
number of runs.
"""

import asyncio
import contextlib
import os
import re
import resource
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treehold.engine.limits import Limits
from treehold.errors import NativeGitError, StorageError, Unavailable

PIECE_BYTES: Final = 256 << 10
_STDERR_BYTES_KEPT: Final = 4096

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
    "gc.auto=0",
    "protocol.allow=never",
)


@dataclass(frozen=True, slots=True)
class GitPlace:
    """Where a run works: a bare repository's folder, its objects, and objects that it may borrow."""

    git_dir: Path
    objects: Path
    alternate: Path | None = None


class NativeGit:
    """Starts C Git."""

    def __init__(self, executable: Path, limits: Limits) -> None:
        self._executable = executable
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.native_processes)

    async def output(self, place: GitPlace, arguments: Sequence[str], *, stdin: bytes | int = b"") -> bytes:
        """All that a run prints; raises as :meth:`stream`. For outputs whose size the caller has bounded."""
        async with contextlib.aclosing(self.stream(place, arguments, stdin=stdin)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def stream(
        self, place: GitPlace, arguments: Sequence[str], *, stdin: bytes | int = b""
    ) -> AsyncGenerator[bytes]:
        """What a run prints, in pieces as they come; ``stdin`` is bytes or an open file's descriptor.

        The run is ended when the iterator is closed early. Raises Unavailable when no turn comes in time,
        NativeGitError when the run fails or takes too long.
        """
        async with self._turn(), self._process(place, arguments, stdin) as process:
            feeding = asyncio.create_task(_feed(process, stdin))
            complaints = asyncio.create_task(_last_bytes(process))
            try:
                async with asyncio.timeout(self._limits.native_seconds):
                    assert process.stdout is not None
                    while piece := await process.stdout.read(PIECE_BYTES):
                        yield piece
                    status = await process.wait()
            except TimeoutError:
                raise NativeGitError(f"git {arguments[0]} took over {self._limits.native_seconds} s") from None
            finally:
                feeding.cancel()
                if process.returncode is None:
                    complaints.cancel()
            if status != 0:
                said = (await complaints).decode("utf-8", "replace").strip()
                raise NativeGitError(f"git {arguments[0]} ended with status {status}: {said}")
            await complaints

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._limits.native_wait_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("the server is busy with other large requests") from None
        try:
            yield
        finally:
            self._turns.release()

    @contextlib.asynccontextmanager
    async def _process(self, place: GitPlace, arguments: Sequence[str], stdin: bytes | int) -> AsyncIterator[Process]:
        settings = [word for entry in self._config() for word in ("-c", entry)]
        process = await asyncio.create_subprocess_exec(
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
        try:
            with contextlib.suppress(ProcessLookupError):
                self._bound(process.pid)
            yield process
        finally:
            await _end(process)

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
    return environment


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
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


def git_version(executable: Path) -> tuple[int, ...]:
    """The version of an installed git, such as (2, 39, 5); raises StorageError when it is none."""
    try:
        said = subprocess.run([executable, "version"], capture_output=True, timeout=30, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"cannot run {executable}: {error}") from error
    found = re.search(rb"\d+(\.\d+)+", said)
    return tuple(int(number) for number in found[0].split(b".")) if found else ()
