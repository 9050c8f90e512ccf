"""``python -m bench.main [--quick]``: measures Treehold beside its peers; README.md says what and how."""

import argparse
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import charts, content, operations, report, runs, wire
from bench.crowd import CrowdResult, stand_in_line
from bench.many import TreeholdWithMany
from bench.operations import Operation, Scale, World
from bench.runs import Row
from bench.servers import PEERS, JGit, Server, Treehold
from bench.wire import BadAnswer

FULL: Final = Scale(
    rounds=7, small_times=32, large_rounds=3, middle_megabytes=100, many_repos=1_000_000, crowd=50, crowd_seconds=10,
    warm_seconds=15, patient=True,
)  # fmt: skip
QUICK: Final = Scale(
    rounds=3, small_times=16, large_rounds=1, middle_megabytes=10, many_repos=10_000, crowd=50, crowd_seconds=3,
    warm_seconds=4, patient=False,
)  # fmt: skip
_CHART: Final = report.RESULTS.with_name("ratios.svg")


class Bench:
    """One run: its content, its servers and what was found."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self._folder = folder
        self._scale = scale
        self._world = World()
        self._servers: list[Server] = []
        self._start = time.monotonic()
        self.skipped: list[str] = []
        self.rows: list[Row] = []
        self.crowds: dict[str, CrowdResult] = {}
        self.notes: list[str] = []

    def say(self, line: str) -> None:
        """Tell whoever waits what goes on."""
        print(f"[{time.monotonic() - self._start:5.0f} s] {line}", flush=True)

    @property
    def columns(self) -> dict[str, str]:
        """The servers that take part."""
        return {server.key: server.label for server in self._servers}

    def measure(self) -> None:
        """All of it."""
        self.say("making the repos")
        self._write_content()
        with self._serving():
            self._fill()
            self._warm_up()
            self._run(operations.small_reads(self._world, self._scale))
            self._run(operations.small_pushes(self._world, self._scale))
            self._run(operations.real_reads(self._world, self._scale))
            self._run(operations.large(self._world, self._scale, self._middle_megabytes()))
            self._note_index_pack()
            self._run_control()
            self._run_crowds()
        self._run_many()

    def _write_content(self) -> None:
        for name, repo in self._world.pools():
            content.write_bare(self._source(name), repo)
        middle = self._source("middle")
        content.write_middle(middle, megabytes=self._scale.middle_megabytes)
        self._world.middle_refs = content.refs_of(middle)
        main = content.MAIN.decode("ascii")
        self._world.middle_pack = self._write_pack("middle", [main])
        if not content.BUNDLE.exists():
            self.skipped.append(f"the real history: {content.BUNDLE.name} is not there")
            return
        real = self._source("real")
        content.write_flask(real)
        self._world.real_refs = content.refs_of(real)
        self._world.real_line = content.first_parents(real, "HEAD", 400)
        tags = content.tag_commits(real)
        self._world.real_tips = [self._world.real_line[0], *tags]
        self._world.real_pack = self._write_pack("real", [name.decode() for name in self._world.real_refs])

    def _source(self, name: str) -> Path:
        return self._folder / "sources" / f"{name}.git"

    def _write_pack(self, name: str, revisions: Sequence[str]) -> Path:
        path = self._folder / f"{name}.pack"
        wanted = "\n".join([*revisions, ""]).encode()
        options = ("--revs", "--stdout", "-q", "--delta-base-offset")
        path.write_bytes(content.git(self._source(name), "pack-objects", *options, data=wanted))
        return path

    def _middle_megabytes(self) -> int:
        sizes = (path.stat().st_size for path in (self._source("middle") / "objects" / "pack").glob("*.pack"))
        return round(sum(sizes) / 1e6)

    @contextmanager
    def _serving(self) -> Iterator[None]:
        try:
            kinds: tuple[type[Server], ...] = (Treehold, *PEERS)
            for kind in kinds:
                self._start_server(kind)
            yield
        finally:
            for server in self._servers:
                server.stop()

    def _start_server(self, kind: type[Server]) -> None:
        missing = kind.missing()
        if missing:
            self.skipped.append(f"{kind.label}: not installed; {missing}")
            self.say(f"skipped {self.skipped[-1]}")
            return
        server = kind(self._folder / kind.key)
        try:
            server.start()
        except BaseException as error:
            server.stop()
            if kind is Treehold or not isinstance(error, RuntimeError | subprocess.CalledProcessError):
                raise
            self.skipped.append(f"{kind.label}: {error}")
            self.say(f"skipped {self.skipped[-1]}")
            return
        self._servers.append(server)

    def _fill(self) -> None:
        for server in self._servers:
            self.say(f"filling {server.label}")
            for name, _ in self._world.pools():
                server.fill(name, self._source(name))
            server.fill("middle", self._source("middle"), is_large=True)
            if self._world.real_refs:
                server.fill("real", self._source("real"), is_large=True)
            self._check(server)

    def _check(self, server: Server) -> None:
        """A real git must be able to clone what was filled in: the figures are of true answers."""
        target = server.target("line-00")
        clone = self._folder / f"check-{server.key}"
        header = target.headers.decode("ascii").strip()
        options = ("-c", f"http.extraHeader={header}") if header else ()
        content.git(self._folder, *options, "clone", "-q", f"http://127.0.0.1:{server.port}{target.path}", str(clone))
        content.git(clone, "fsck", "--strict")
        if content.git(clone, "rev-parse", "HEAD").strip().decode() != self._world.line[0].commits[-1].hex():
            raise RuntimeError(f"{server.label} does not serve what was put into it")

    def _warm_up(self) -> None:
        for server in self._servers:
            seconds = self._scale.warm_seconds if isinstance(server, JGit) else self._scale.warm_seconds / 5
            self.say(f"warming {server.label} for {seconds:.0f} s")
            runs.warm_up(operations.warming(self._world), server, seconds)

    def _run(self, wanted: Iterator[Operation], servers: Sequence[Server] | None = None) -> None:
        for operation in wanted:
            self.say(f"{operation.name} ({operation.wire})")
            row = runs.run(operation, self._servers if servers is None else servers)
            for key, reason in row.failed.items():
                self.say(f"  {key} failed: {reason}")
            self.rows.append(row)

    def _note_index_pack(self) -> None:
        """Git's own indexing of the pushed packs, which any server has to do in some way."""
        for pack, pushed in ((self._world.middle_pack, "MB"), (self._world.real_pack, "real history")):
            if not pack.is_file():
                continue
            taken = _index_pack_ms(pack, self._folder / f"index-{pack.stem}")
            row = next(
                row for row in self.rows if row.operation.name.startswith("push") and pushed in row.operation.name
            )
            ours = row.median(report.OURS)
            times = f"; Treehold's {row.operation.name} needs {ours.cpu_ms / taken:.2f} times that" if ours else ""
            size = pack.stat().st_size / 1e6
            self.notes.append(f"`git index-pack --stdin` of {size:.0f} MB alone: {taken:,.0f} ms of CPU{times}.")

    def _run_control(self) -> None:
        ours = next(server for server in self._servers if isinstance(server, Treehold))
        pages = _catalog_bytes(ours)
        count = 0
        for operation in operations.control(self._scale):
            if operation.name == "fork of a tiny repo":
                pages = _catalog_bytes(ours)
            self._run(iter([operation]))
            if operation.name.startswith("fork"):
                count += operation.times * operation.rounds
        self.notes.append(
            f"A fork takes {(_catalog_bytes(ours) - pages) / count:,.0f} bytes of catalog, its token included."
        )

    def _run_crowds(self) -> None:
        refs = sorted(set(self._world.middle_refs.values()))
        for server in self._servers:
            if not server.serves_many_at_once:
                self.skipped.append(f"slow clones from {server.label}: it serves one request at a time")
                continue
            self.say(f"{self._scale.crowd} slow clones from {server.label}")
            version = 2 if server.speaks_v2 else 0
            clone = wire.fetch(server.target("middle"), version=version, wants=refs)[-1]
            try:
                found = stand_in_line(server, clone, clients=self._scale.crowd, seconds=self._scale.crowd_seconds)
            except BadAnswer as error:
                self.skipped.append(f"slow clones from {server.label}: {error}")
                continue
            self.crowds[server.key] = found

    def _run_many(self) -> None:
        self.say(f"filling a catalog with {self._scale.many_repos:,} repos")
        server = TreeholdWithMany(self._folder / "many", repos=self._scale.many_repos)
        try:
            server.start()
            self._run(operations.among_many(self._scale), [server])
        finally:
            server.stop()

    def text(self) -> str:
        """The results as Markdown."""
        columns = self.columns
        parts = [
            f"{report.machine()}. {self._scale}.",
            f"CPU counted by {self._servers[0].fence.how}.",
            *(f"Left out: {line}." for line in self.skipped),
            "## Server CPU for one operation in ms (in brackets: how long the client waited)",
            report.costs_table(self.rows, columns),
            "## How many times the CPU of Treehold",
            report.ratios_table(self.rows, columns),
            "## Memory while it worked, MB over before",
            report.memory_table(self.rows, columns),
            f"## ls-remote beside {self._scale.crowd} slow clones (256 KiB/s each)",
            report.crowd_table(self.crowds, columns, self._scale.crowd),
            "## Besides",
            *self.notes,
            *report.failures(self.rows, columns),
        ]
        return "\n\n".join(parts)


def _index_pack_ms(pack: Path, place: Path) -> float:
    """CPU time of git index-pack over a pack in a file, into an empty repository."""
    place.mkdir()
    content.git(place, "init", "-q", "--bare")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pack.open("rb") as file:
        subprocess.run(["git", "index-pack", "--stdin"], cwd=place, stdin=file, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def _catalog_bytes(server: Treehold) -> int:
    connection = sqlite3.connect(f"file:{server.data_dir / 'catalog.sqlite3'}?mode=ro", uri=True)
    try:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages) * int(size)
    finally:
        connection.close()


def main() -> None:
    """Measure, print, and keep the results of a full run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under three minutes, smaller repos; prints only")
    quick = parser.parse_args().quick
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers end too
    folder = Path(tempfile.mkdtemp(prefix="treehold-bench-"))
    try:
        bench = Bench(folder, QUICK if quick else FULL)
        bench.measure()
        text = bench.text()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{text}\n")
    if not quick:
        report.write(f"{text}\n\n![The ratios]({_CHART.name})")
        _CHART.write_text(charts.draw(bench.rows, {k: v for k, v in bench.columns.items() if k != report.OURS}))
        print(f"kept in {report.RESULTS} and {_CHART}")


if __name__ == "__main__":
    main()
