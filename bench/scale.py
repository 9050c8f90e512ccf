"""``python -m bench.scale [--quick]``: what many repos and many forks cost; README.md says how it is measured."""

import argparse
import asyncio
import base64
import json
import mmap
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import wire
from bench.content import MAIN, SmallRepo, refs_of, write_middle
from bench.many import digest_of, fill, name_of
from bench.servers import Treehold
from treehold.catalog.base import NewPack, NewRepo, NewToken, PushCommit, Ref, RefChange, RepoQuery
from treehold.catalog.sqlite import SqliteCatalog
from treehold.ids import ZERO_OID, AccountId, Milliseconds, ObjectId, ObjectKind, RefName, RepoId, TokenId, new_id
from treehold.objects.commit import Commit, encode_commit
from treehold.objects.hash import hash_object
from treehold.objects.tree import MODE_FILE, TreeEntry, encode_tree
from treehold.packs.build import build_pack
from treehold.protocol.receive_pack import RefCommand

RESULTS: Final = Path(__file__).resolve().parent / "SCALE.md"
_ACCOUNT: Final = AccountId("local")
_NAMESPACE: Final = "bench"
_DAY: Final = 86_400_000
_WARM_TIMES: Final = 100
_MAP_LOCKED: Final = 0x2000  # Linux's, for which the module has no name before Python 3.13
_SETTLE_SECONDS: Final = 3.0
_CLONES: Final = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything a run does."""

    few: int
    many: int
    times: int
    forks: int
    megabytes: int
    pushes: int


FULL: Final = Scale(few=10_000, many=10_000_000, times=3_000, forks=10_000, megabytes=130, pushes=10_000)
QUICK: Final = Scale(few=1_000, many=100_000, times=300, forks=200, megabytes=10, pushes=1_000)


@dataclass(slots=True)
class Crowd:
    """A catalog with so many repos, and what has been done to it so far."""

    catalog: SqliteCatalog
    repos: int
    random: random.Random
    parent: RepoId | None = None

    def some(self) -> int:
        """The number of a repo that was there from the beginning."""
        return self.random.randrange(self.repos)


Deed = Callable[[Crowd], Awaitable[object]]


def _new() -> tuple[NewRepo, NewToken]:
    now = Milliseconds(time.time_ns() // 1_000_000)
    repo = NewRepo(
        id=RepoId(new_id(os.urandom)), account=_ACCOUNT, namespace=_NAMESPACE, name=f"new-{new_id(os.urandom)}",
        description=None, default_branch="main", read_only=False, source=None, now=now,
    )  # fmt: skip
    return repo, NewToken(TokenId(new_id(os.urandom)), os.urandom(32), "write", now, Milliseconds(now + _DAY))


async def _find_repo(crowd: Crowd) -> object:
    return await crowd.catalog.find_repo(_ACCOUNT, _NAMESPACE, name_of(crowd.some()))


async def _find_token(crowd: Crowd) -> object:
    return await crowd.catalog.find_token(digest_of(crowd.some()))


async def _create(crowd: Crowd) -> object:
    return await crowd.catalog.create_repo(*_new())


async def _fork(crowd: Crowd) -> object:
    repo, token = _new()
    assert crowd.parent is not None
    source = f"artifacts:{_NAMESPACE}/{name_of(1)}"
    return await crowd.catalog.fork_repo(crowd.parent, replace(repo, source=source), token)


async def _push(crowd: Crowd) -> object:
    repo = await crowd.catalog.find_repo(_ACCOUNT, _NAMESPACE, name_of(crowd.some()))
    return await crowd.catalog.commit_push(_first_push(repo.id, repo.generation))


async def _list(crowd: Crowd) -> object:
    return await crowd.catalog.list_repos(RepoQuery(_ACCOUNT, _NAMESPACE, limit=50))


async def _search(crowd: Crowd, search: str) -> object:
    return await crowd.catalog.list_repos(RepoQuery(_ACCOUNT, _NAMESPACE, limit=50, search=search))


def _first_push(repo: RepoId, generation: int) -> PushCommit:
    oid = ObjectId(os.urandom(20))
    return PushCommit(
        repo=repo, expected_generation=generation, changes=(RefChange(RefName(MAIN), None, Ref(oid)),),
        pack=NewPack(3, 400, os.urandom(120), data=os.urandom(400)), preserves=True, token=None,
        now=Milliseconds(time.time_ns() // 1_000_000),
    )  # fmt: skip


DEEDS: Final[Sequence[tuple[str, Deed, int]]] = (
    ("find a repo by name", _find_repo, 1),
    ("find a token and its repo", _find_token, 1),
    ("list 50 repos, newest first", _list, 1),
    ("create a repo", _create, 1),
    ("fork a repo", _fork, 1),
    ("commit a small push", _push, 1),
    ("search of 5 digits", lambda crowd: _search(crowd, name_of(crowd.some())[-5:]), 20),
    ("search of one name", lambda crowd: _search(crowd, name_of(crowd.some())), 20),
    ("search that finds all", lambda crowd: _search(crowd, "repo"), 300),
    ("search of 2 digits", lambda crowd: _search(crowd, name_of(crowd.some())[-2:]), 300),
)
"""What is measured, and how many times rarer than look-ups."""


async def _compare(crowds: Sequence[Crowd], times: int) -> list[str]:
    """Rows of a table: each deed in turn on every catalog, A B A B."""
    rows = []
    for crowd in crowds:
        parent = await crowd.catalog.find_repo(_ACCOUNT, _NAMESPACE, name_of(1))
        await crowd.catalog.commit_push(_first_push(parent.id, parent.generation))
        crowd.parent = parent.id
    for label, deed, rarer in DEEDS:
        taken: list[list[float]] = [[] for _ in crowds]
        for turn in range(-_WARM_TIMES // rarer, max(3, times // rarer)):
            for crowd, seconds in zip(crowds, taken, strict=True):
                begin = time.perf_counter()
                await deed(crowd)
                if turn >= 0:
                    seconds.append(time.perf_counter() - begin)
        few, many = (_quantiles(seconds) for seconds in taken)
        ratios = " | ".join(f"{b / a:.2f}x" for a, b in zip(few, many, strict=True))
        rows.append(f"| {label} | {_shown(few)} | {_shown(many)} | {ratios} |")
        print(rows[-1], flush=True)
    return rows


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in microseconds."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1e6, ordered[len(ordered) * 99 // 100] * 1e6


def _shown(quantiles: tuple[float, float]) -> str:
    return " | ".join(f"{value:,.0f}" for value in quantiles)


def measure_many(folder: Path, scale: Scale) -> list[str]:
    """A small catalog and a very large one, side by side, both held in memory."""
    sizes = (scale.few, scale.many)
    paths = [folder / f"catalog-{repos}.sqlite3" for repos in sizes]
    for path, repos in zip(paths, sizes, strict=True):
        if not path.exists():
            begin = time.monotonic()
            fill(path, repos)
            print(f"{repos:,} repos filled in within {time.monotonic() - begin:.0f} s", flush=True)
    a_repo = paths[1].stat().st_size / scale.many

    async def run() -> list[str]:
        crowds = [
            Crowd(SqliteCatalog.open(path), repos, random.Random(1)) for path, repos in zip(paths, sizes, strict=True)
        ]
        try:
            return await _compare(crowds, scale.times)
        finally:
            for crowd in crowds:
                await crowd.catalog.close()

    with _hold(paths[0]), _hold(paths[1]):
        measured = asyncio.run(run())
    return [
        f"## {scale.many:,} repos beside {scale.few:,}",
        "",
        "Times in µs, of one call after the other, in turn on both catalogs; writes are durable. A repo with its token",
        f"takes {a_repo:.0f} bytes, all indexes and the index of names among them.",
        "",
        f"| | {scale.few:,}: p50 | p99 | {scale.many:,}: p50 | p99 | p50 | p99 |",
        "|---|---|---|---|---|---|---|",
        *measured,
    ]


def _hold(path: Path) -> mmap.mmap:
    """Bring a file into memory and hold it there, where that of a server at work lies.

    Some machines take away within a minute what lies idle in the page cache, however much memory is free, and then the
    larger file would be measured on the disk. Needs the right to lock that much memory (RLIMIT_MEMLOCK).
    """
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | _MAP_LOCKED, prot=mmap.PROT_READ)


def measure_forks(folder: Path, scale: Scale) -> list[str]:
    """Very many forks of one large repo over REST, each pushed to once over Git."""
    source = folder / "baseline.git"
    write_middle(source, megabytes=scale.megabytes)
    server = Treehold(folder / "server")
    server.start()
    connection = wire.Connection(server.port)
    try:
        server.fill("baseline", source, is_large=True)
        tip = refs_of(source)[MAIN]
        sizes = [_disk_bytes(server.data_dir)]
        costs = []
        targets = []
        begin = server.fence.cpu_seconds()
        for number in range(scale.forks):
            made = connection.make(wire.rest(server.rest, "/repos/baseline/fork", {"name": _fork_name(number)}))
            targets.append(_target(_fork_name(number), json.loads(made.body)["result"]["token"]))
        costs.append(server.fence.cpu_seconds() - begin)
        sizes.append(_disk_bytes(server.data_dir))
        pushed = 0
        begin = server.fence.cpu_seconds()
        for number, target in enumerate(targets):
            commit, pack = _small_commit(number, tip)
            pushed += len(pack)
            for exchange in wire.push(target, [RefCommand(MAIN, tip, commit)], pack):
                connection.make(exchange)
        costs.append(server.fence.cpu_seconds() - begin)
        sizes.append(_disk_bytes(server.data_dir))
        return _forks_report(scale, sizes, costs, pushed)
    finally:
        connection.close()
        server.stop()


def measure_pushes(folder: Path, scale: Scale) -> list[str]:
    """Very many small pushes to one repo, with maintenance in the background as it comes, and a clone now and then."""
    server = Treehold(folder / "busy")
    server.start()
    connection = wire.Connection(server.port)
    content = SmallRepo(1, commits=1)
    rows = []
    try:
        server.make("busy")
        target = server.target("busy")
        tip = ZERO_OID
        window = scale.pushes // 10
        for begin in range(0, scale.pushes, window):
            while len(content.steps) < begin + window:
                content.grow()
            steps = [(step.commit, step.pack) for step in content.steps[begin : begin + window]]
            before = server.fence.cpu_seconds()
            for commit, pack in steps:
                for exchange in wire.push(target, [RefCommand(MAIN, tip, commit)], pack):
                    connection.make(exchange)
                tip = commit
            pushed = server.fence.cpu_seconds()
            for _ in range(_CLONES):
                for exchange in wire.fetch(target, version=2, wants=[tip]):
                    connection.make(exchange)
            cloned = server.fence.cpu_seconds()
            push_ms, clone_ms = (pushed - before) / window * 1e3, (cloned - pushed) / _CLONES * 1e3
            objects = sum(len(step.objects) for step in content.steps)
            rows.append(f"| {begin + window:,} | {push_ms:.2f} | {clone_ms:.2f} | {clone_ms / objects * 1e3:.2f} |")
            print(rows[-1], flush=True)
    finally:
        connection.close()
        server.stop()
    return [
        f"## {scale.pushes:,} pushes to one repo",
        "",
        "Server CPU, with what maintenance did meanwhile in the background.",
        "",
        "| pushes so far | a push, ms (of the last tenth) | a clone, ms | an object of the clone, µs |",
        "|--:|--:|--:|--:|",
        *rows,
    ]


def _fork_name(number: int) -> str:
    return f"fork-{number:06}"


def _target(name: str, token: str) -> wire.Target:
    """A fork, with the token that its creation gave."""
    secret = base64.b64encode(b"x:" + token.partition("?")[0].encode("ascii"))
    return wire.Target(f"/git/{_NAMESPACE}/{name}.git", b"Authorization: Basic " + secret + b"\r\n")


def _small_commit(number: int, parent: ObjectId) -> tuple[ObjectId, bytes]:
    """A commit with a file of its own, and the pack that brings it."""
    blob = b"".join(b"result %d of task %d\n" % (line, number) for line in range(20))
    tree = encode_tree([TreeEntry(MODE_FILE, b"result.txt", hash_object(ObjectKind.BLOB, blob))])
    person = b"A Writer <writer@example.com> 1700000000 +0000"
    tree_id = hash_object(ObjectKind.TREE, tree)
    commit = encode_commit(Commit(tree_id, (parent,), person, person, b"Task %d\n" % number))
    objects = ((ObjectKind.COMMIT, commit), (ObjectKind.TREE, tree), (ObjectKind.BLOB, blob))
    return hash_object(ObjectKind.COMMIT, commit), build_pack(objects)[0]


def _disk_bytes(folder: Path) -> int:
    """What a folder takes on disk, when the catalog's log has been emptied."""
    time.sleep(_SETTLE_SECONDS)
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _forks_report(scale: Scale, sizes: Sequence[int], costs: Sequence[float], pushed: int) -> list[str]:
    base, forked, grown = sizes
    forks = scale.forks

    def row(label: str, size_bytes: int, seconds: float) -> str:
        size = f"{size_bytes / 1e6:.1f} MB | {size_bytes / forks:.0f} bytes"
        return f"| {label} | {size} | {seconds / forks * 1e3:.2f} ms |"

    lines = [
        f"## {forks:,} forks of a repo of {base / 1e6:.0f} MB, each pushed to once",
        "",
        "| | disk, all | disk, each | server CPU, each |",
        "|---|---|---|---|",
        row("forks over REST, with a token each", forked - base, costs[0]),
        row(f"a push of {pushed / forks:.0f} bytes to each over Git", grown - forked, costs[1]),
        "",
        f"Copies would have taken {base * forks / 1e12:.2f} TB; all forks together took {(grown - base) / 1e6:.1f} MB.",
    ]
    print("\n".join(lines), flush=True)
    return lines


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or '?'}, {os.cpu_count()} cores of "
        f"{platform.machine()}, {memory:.0f} GiB of memory, Python {platform.python_version()}, "
        f"load average {os.getloadavg()[0]:.1f} before"
    )


def main() -> None:
    """Measure, print, and keep the figures of a full run."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything, printed only")
    parser.add_argument("--catalogs", type=Path, help="a folder that keeps the filled catalogs for the next run")
    asked = parser.parse_args()
    machine = _machine()
    scale = QUICK if asked.quick else FULL
    with tempfile.TemporaryDirectory(prefix="treehold-scale-") as name:
        folder = Path(name)
        parts = [
            measure_many(asked.catalogs or folder, scale),
            measure_forks(folder, scale),
            measure_pushes(folder, scale),
        ]
    report = ["# Scale", "", f"`make bench-scale`, {machine}.", *("\n".join(["", *part]) for part in parts), ""]
    if scale is FULL:
        RESULTS.write_text("\n".join(report))
    sys.stdout.write("\n".join(report))


if __name__ == "__main__":
    main()
