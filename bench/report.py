"""The results as Markdown, and where they are kept."""

import math
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.crowd import CrowdResult
from bench.operations import Operation
from bench.runs import Row

Columns = Mapping[str, str]
"""Keys of servers and what they are called, Treehold first."""
RESULTS: Final = Path(__file__).resolve().parent / "RESULTS.md"
OURS: Final = "treehold"
BACKEND: Final = "backend"
JGIT: Final = "jgit"
_BEGIN: Final = "<!-- begin figures: make bench writes them -->"
_END: Final = "<!-- end figures -->"


def ratio(row: Row, key: str) -> float | None:
    """How many times the CPU of Treehold that server needs; None where either was not measured."""
    ours, theirs = row.median(OURS), row.median(key)
    if ours is None or theirs is None or not ours.cpu_ms > 0 or math.isnan(theirs.cpu_ms):
        return None
    return theirs.cpu_ms / ours.cpu_ms


def aim(operation: Operation, key: str) -> float | None:
    """The ratio that is aimed at."""
    return {BACKEND: operation.aim_backend, JGIT: operation.aim_jgit}.get(key)


def costs_table(rows: Sequence[Row], columns: Columns) -> str:
    """Server CPU of one run of each operation, and how long the client waited."""

    def cell(row: Row, key: str) -> str:
        cost = row.median(key)
        if cost is None:
            return "failed" if key in row.failed else "-"
        return f"{_short(cost.cpu_ms)} ({_short(cost.wall_ms)})"

    return _table(rows, list(columns.items()), cell)


def ratios_table(rows: Sequence[Row], columns: Columns) -> str:
    """How many times the CPU of Treehold each peer needs, with what is aimed at."""

    def cell(row: Row, key: str) -> str:
        found, aimed = ratio(row, key), aim(row.operation, key)
        shown = "-" if found is None else f"{_short(found)}x"
        return shown if found is None or aimed is None else f"{shown} (aim {aimed:g})"

    peers = [(key, label) for key, label in columns.items() if key != OURS]
    return _table([row for row in rows if any(ratio(row, key) for key, _ in peers)], peers, cell)


def memory_table(rows: Sequence[Row], columns: Columns) -> str:
    """What the server's memory rose to while it worked, over what it was before."""

    def cell(row: Row, key: str) -> str:
        cost = row.median(key)
        return "-" if cost is None else f"+{(cost.peak_bytes - cost.start_bytes) / 1e6:.0f}"

    return _table([row for row in rows if row.operation.memory], list(columns.items()), cell)


def crowd_table(results: Mapping[str, CrowdResult], columns: Columns, clients: int) -> str:
    """ls-remote beside many slow clones."""
    lines = [
        "| | ls-remote alone, ms | beside them, median | p99 | answered | refused | memory, MB | a clone, MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for key, found in results.items():
        rise = (found.peak_bytes - found.start_bytes) / 1e6
        words = (
            columns[key], _short(found.alone_p50), _short(found.p50), _short(found.p99), found.answered, found.failed,
            f"+{rise:.0f}", _short(rise / clients),
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, words)) + " |")
    return "\n".join(lines)


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    parts = (
        f"{_cpu_model()}, {cores} cores, {memory:.0f} GiB",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        subprocess.check_output(["git", "version"], text=True).strip(),
        f"Treehold {_revision()}",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
    return "; ".join(parts)


def write(text: str, path: Path = RESULTS) -> None:
    """Put the figures in place of those of the last run; what stands around them stays."""
    page = path.read_text() if path.exists() else f"# Results\n\n{_BEGIN}\n{_END}\n"
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")


def failures(rows: Iterable[Row], columns: Columns) -> list[str]:
    """What a server could not do."""
    return [
        f"{row.operation.name} ({row.operation.wire}): {columns[key]} failed: `{reason}`"
        for row in rows
        for key, reason in row.failed.items()
    ]


def _table(rows: Sequence[Row], columns: Sequence[tuple[str, str]], cell: Callable[[Row, str], str]) -> str:
    lines = [
        "| " + " | ".join(["Operation", "wire", *(label for _, label in columns)]) + " |",
        "|---|---" + "|--:" * len(columns) + "|",
    ]
    for row in rows:
        cells = [row.operation.name, row.operation.wire, *(cell(row, key) for key, _ in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _short(number: float) -> str:
    """About three digits."""
    if math.isnan(number):
        return "?"
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _revision() -> str:
    """The commit that was measured, with a mark if the tree differs from it."""
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "of no known commit"
