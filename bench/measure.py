"""What a server costs: the CPU time and the memory of all its processes.

A server is started inside a fence. With cgroup v2 the fence is a control group, whose CPU time counts every process
that was ever in it. Without it the process tree is read from /proc, which misses processes that nobody waited for.
Those of fcgiwrap are such: nine tenths of what `git http-backend` costs, which is then not told at all.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import IO, Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS: Final = 10.0


class Fence:
    """The processes of one server, read from /proc."""

    how = "the process tree in /proc, which cannot count http-backend: no control group could be made"
    sees_all = False

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], *, env: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a process inside the fence."""
        process = subprocess.Popen(self._inside(command), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._started.append(process)
        return process

    def _inside(self, command: Sequence[str]) -> Sequence[str]:
        return command

    def pids(self) -> list[int]:
        """The processes that are in the fence now."""
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found = [process.pid for process in self._started if process.poll() is None]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the processes so far, with that of their ended children."""
        return sum(_cpu_ticks(pid) for pid in self.pids()) / _TICKS_PER_SECOND

    def memory_bytes(self) -> int:
        """Memory of the processes now, without mapped files; pages that several share are counted once (PSS)."""
        return sum(map(_own_bytes, self.pids()))

    def settle(self, *, seconds_max: float = 0.5) -> None:
        """Wait until the server does nothing more for what was asked before."""
        deadline = time.monotonic() + seconds_max
        calm, before = 0, self.cpu_seconds()
        while calm < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
            now = self.cpu_seconds()
            calm = calm + 1 if now - before < 0.0003 else 0
            before = now

    def stop(self) -> None:
        """End the processes: asked first, then made to."""
        left = self.pids()
        for process in self._started:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for pid in {*left, *self.pids()}.intersection(pid for pid, _ in _parents()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            process.wait()


class CgroupFence(Fence):
    """The processes of one server, in a control group of their own."""

    how = "cgroup v2: cpu.stat of a control group for each server"
    sees_all = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir()

    def _inside(self, command: Sequence[str]) -> Sequence[str]:
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._folder / "cgroup.procs"), *command]

    def pids(self) -> list[int]:
        """The processes that are in the control group now."""
        return [int(line) for line in (self._folder / "cgroup.procs").read_text().split()]

    def cpu_seconds(self) -> float:
        """User and system time of all processes that were ever in the control group."""
        words = (self._folder / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6

    def stop(self) -> None:
        """End the processes and take the control group away."""
        super().stop()
        deadline = time.monotonic() + _STOP_SECONDS
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._folder.rmdir()


def new_fence(name: str) -> Fence:
    """The best fence that this machine allows."""
    group = _own_group()
    if group is None:
        return Fence()
    try:
        fence = CgroupFence(group / f"treehold-bench-{os.getpid()}-{name}")
    except OSError:
        return Fence()
    with tempfile.TemporaryFile() as log:
        if fence.start(["true"], env=os.environ, log=log).wait() == 0:
            return fence
    fence.stop()
    return Fence()


def _own_group() -> Path | None:
    """The folder of this process's own cgroup v2."""
    with suppress(OSError, StopIteration):
        mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        mount = next(fields[1] for fields in mounts if fields[2] == "cgroup2")
        groups = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line.removeprefix("0::/") for line in groups if line.startswith("0::"))
        return Path(mount) / own
    return None


@dataclass
class Watch:
    """What a stretch of work cost; filled in when it ends. ``peak_bytes`` stays 0 unless memory was asked for."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    start_bytes: int = 0
    peak_bytes: int = 0
    _done: Event = field(default_factory=Event)


@contextmanager
def watched(fence: Fence, *, memory: bool = False) -> Iterator[Watch]:
    """Measure the work done inside, including what the server still does for it afterwards."""
    watch = Watch()
    fence.settle()
    watcher = Thread(target=_watch_memory, args=(fence, watch), daemon=True)
    if memory:
        watch.start_bytes = fence.memory_bytes()
        watcher.start()
    cpu, start = fence.cpu_seconds(), time.perf_counter()
    try:
        yield watch
        watch.wall_seconds = time.perf_counter() - start
        fence.settle()
        watch.cpu_seconds = fence.cpu_seconds() - cpu
    finally:
        watch._done.set()  # noqa: SLF001 - a watch and its function are one
        if memory:
            watcher.join()


def _watch_memory(fence: Fence, watch: Watch) -> None:
    while True:
        watch.peak_bytes = max(watch.peak_bytes, fence.memory_bytes())
        if watch._done.wait(0.1):  # noqa: SLF001 - a watch and its function are one
            return


def _parents() -> Iterator[tuple[int, int]]:
    """All processes of the machine and the parent of each."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            yield int(entry.name), int(fields[1])


def _cpu_ticks(pid: int) -> int:
    fields = _stat_fields(pid)
    return sum(map(int, fields[11:15])) if fields else 0


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _own_bytes(pid: int) -> int:
    """Memory that no file backs: mapped pages of files are cache, which the kernel takes back when it likes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
