"""What is measured: each operation as the exchanges that a client makes for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bench import wire
from bench.content import MAIN, SmallRepo, Step
from bench.servers import HttpBackendBitmaps, Server, Treehold
from bench.wire import Exchange
from treehold.ids import ZERO_OID, ObjectId
from treehold.protocol.receive_pack import RefCommand

POOL: Final = 16
"""Small operations go over so many equal repos in turn: a single one would stay in every cache."""
HISTORY: Final = 60
_HAD: Final = 40
_HAVES: Final = 16  # what git sends in its first round

Exchanges = Callable[[Server, int], list[Exchange]]
"""The requests of an operation's n-th run on a server."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything a run does."""

    rounds: int
    small_times: int
    large_rounds: int
    middle_megabytes: int
    many_repos: int
    crowd: int
    crowd_seconds: float
    warm_seconds: float
    patient: bool
    """Whether to wait for servers that take many seconds for a large operation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the results. ``times`` runs make a sample, ``rounds`` samples its median.

    ``aim_backend`` and ``aim_jgit`` say how many times less CPU than these peers Treehold is to need.
    """

    name: str
    wire: str
    exchanges: Exchanges
    times: int
    rounds: int
    at_once: int = 1
    fits: Callable[[Server], bool] = lambda _: True
    before: Callable[[Server, int], None] = lambda _server, _number: None
    memory: bool = False
    needs_calm: bool = False
    aim_backend: float | None = None
    aim_jgit: float | None = None


@dataclass
class World:
    """The repos that every server holds."""

    tiny: list[SmallRepo] = field(default_factory=lambda: [SmallRepo(seed, commits=1) for seed in range(POOL)])
    work: list[SmallRepo] = field(default_factory=lambda: [SmallRepo(100 + seed, commits=1) for seed in range(POOL)])
    rush: list[SmallRepo] = field(default_factory=lambda: [SmallRepo(200 + seed, commits=1) for seed in range(POOL)])
    warm: list[SmallRepo] = field(default_factory=lambda: [SmallRepo(400 + seed, commits=1) for seed in range(POOL)])
    line: list[SmallRepo] = field(default_factory=lambda: [SmallRepo(300 + s, commits=HISTORY) for s in range(POOL)])
    middle_refs: dict[bytes, ObjectId] = field(default_factory=dict)
    middle_pack: Path = Path()
    real_refs: dict[bytes, ObjectId] = field(default_factory=dict)
    real_line: list[ObjectId] = field(default_factory=list)
    real_tips: list[ObjectId] = field(default_factory=list)
    real_pack: Path = Path()

    def pools(self) -> Iterator[tuple[str, SmallRepo]]:
        """All small repos by their names."""
        for pool in ("tiny", "work", "rush", "warm", "line"):
            for number, repo in enumerate(getattr(self, pool)):
                yield f"{pool}-{number:02}", repo


def warming(world: World) -> list[Exchanges]:
    """What a server is warmed up with: small reads, and pushes to repos of which nothing else is asked."""
    return [
        lambda server, number: _ls_remote(_version(server), server, number),
        lambda server, number: _tiny_clone(world, _version(server), server, number),
        lambda server, number: _line_fetch(world, _version(server), server, number),
        partial(_push, world.warm, "warm"),
    ]


def small_reads(world: World, scale: Scale) -> Iterator[Operation]:
    """Refs, clones and fetches of small repos, in both wire protocols."""
    times, rounds = scale.small_times, scale.rounds
    for version in (2, 0):
        fits = partial(_speaks, version)
        shown = f"v{version}"
        yield Operation(
            "ls-remote", shown, partial(_ls_remote, version), times, rounds, fits=fits, aim_backend=20, aim_jgit=1
        )
        yield Operation(
            "tiny clone (10 files)", shown, partial(_tiny_clone, world, version), times, rounds, fits=fits,
            aim_backend=20, aim_jgit=1.5,
        )  # fmt: skip
        yield Operation(
            "fetch, arbitrary haves (60 commits)", shown, partial(_line_fetch, world, version), times, rounds,
            fits=fits, aim_backend=4, aim_jgit=1,
        )  # fmt: skip


def small_pushes(world: World, scale: Scale) -> Iterator[Operation]:
    """Pushes of one commit, and fetches of what they brought."""
    times, pushes = POOL, scale.rounds  # each repo once in a sample
    yield Operation(
        "tiny push, durable", "v0", partial(_push, world.work, "work"), times, scale.rounds, fits=_is_for_small,
        needs_calm=True, aim_backend=12, aim_jgit=5,
    )  # fmt: skip
    yield Operation(
        f"tiny push, {POOL} at once", "v0", partial(_push, world.rush, "rush"), times, scale.rounds, at_once=POOL,
        fits=_serves_many, needs_calm=True, aim_backend=12, aim_jgit=5,
    )  # fmt: skip
    for version in (2, 0):
        fits = partial(_speaks, version)
        yield Operation(
            "fetch of the pushed tip", f"v{version}", partial(_pushed_fetch, world, pushes, version), times,
            scale.rounds, fits=fits, aim_backend=20, aim_jgit=1.5,
        )  # fmt: skip
        yield Operation(
            f"tiny clone after {pushes} pushes", f"v{version}", partial(_pushed_clone, world, pushes, version), times,
            scale.rounds, fits=fits,
        )  # fmt: skip


def real_reads(world: World, scale: Scale) -> Iterator[Operation]:
    """Reads of a real history of 26,000 objects."""
    if not world.real_refs:
        return
    rounds = scale.large_rounds
    waits = partial(_waits_for, scale)
    for name, shallow in (("shallow clone", True), ("blobless clone", False)):
        ask = partial(_partial_clone, world, shallow)
        fits = waits if shallow else partial(_filters, scale)
        aimed = 12 if shallow else None
        yield Operation(f"{name}, first", "newest", partial(ask, is_first=True), 1, scale.rounds, fits=fits)
        yield Operation(
            f"{name}, repeated", "newest", partial(ask, is_first=False), 1, scale.rounds, fits=fits, aim_backend=aimed
        )
    yield Operation(
        "fetch, arbitrary haves (real history)", "newest", partial(_real_fetch, world), 1, scale.rounds, fits=waits,
        aim_backend=4, aim_jgit=1,
    )  # fmt: skip
    yield Operation(
        "clone of the real history", "newest", partial(_whole_clone, world.real_refs, "real"), 1, rounds, fits=waits
    )


def large(world: World, scale: Scale, megabytes: int) -> Iterator[Operation]:
    """A clone and pushes of whole repos."""
    rounds = scale.large_rounds
    waits = partial(_waits_for, scale)
    yield Operation(
        f"clone of {megabytes} MB", "newest", partial(_whole_clone, world.middle_refs, "middle"), 1, rounds, fits=waits,
        memory=True, aim_backend=20, aim_jgit=8,
    )  # fmt: skip
    main = {MAIN: world.middle_refs[MAIN]}
    size = round(world.middle_pack.stat().st_size / 1e6)
    yield Operation(
        f"push of {size} MB", "v0", partial(_whole_push, main, world.middle_pack, "pushed"), 1, rounds, fits=waits,
        before=partial(_make, "pushed"), memory=True,
    )  # fmt: skip
    if world.real_refs:
        yield Operation(
            "push of the real history", "v0", partial(_whole_push, world.real_refs, world.real_pack, "real-pushed"), 1,
            rounds, fits=waits, before=partial(_make, "real-pushed"), memory=True,
        )  # fmt: skip


def control(scale: Scale) -> Iterator[Operation]:
    """What only Treehold does: repos over REST."""
    times, rounds = 4 * scale.small_times, scale.rounds
    yield Operation("create", "REST", partial(_create, "made"), times, rounds, fits=_is_treehold)
    yield Operation(
        f"create, {POOL} at once", "REST", partial(_create, "rush-made"), times, rounds, at_once=POOL, fits=_is_treehold
    )
    yield Operation("fork of a tiny repo", "REST", partial(_fork, "tiny-00"), times, rounds, fits=_is_treehold)
    yield Operation("fork of the large repo", "REST", partial(_fork, "middle"), times, rounds, fits=_is_treehold)


def among_many(scale: Scale) -> Iterator[Operation]:
    """REST in a namespace with very many repos."""
    count = f"{scale.many_repos:,}"
    times, rounds = scale.small_times, scale.rounds
    yield Operation(f"list 50 among {count}", "REST", partial(_get, "/repos?limit=50"), times, rounds)
    yield Operation(
        f"list 50 by name among {count}",
        "REST",
        partial(_get, "/repos?limit=50&sort=name&direction=asc"),
        times,
        rounds,
    )
    yield Operation(f"search among {count}", "REST", partial(_get, "/repos?limit=50&search=77777"), 1, rounds)
    yield Operation(f"look up among {count}", "REST", partial(_look_up, scale.many_repos), times, rounds)
    yield Operation(f"create among {count}", "REST", partial(_create, "made"), 4 * times, rounds)


def _speaks(version: int, server: Server) -> bool:
    return _is_for_small(server) and (version == 0 or server.speaks_v2)


def _serves_many(server: Server) -> bool:
    return _is_for_small(server) and server.serves_many_at_once


def _is_for_small(server: Server) -> bool:
    """Small repos get no bitmaps, so one of the two servers that differ in them is enough."""
    return not isinstance(server, HttpBackendBitmaps)


def _waits_for(scale: Scale, server: Server) -> bool:
    return scale.patient or not server.is_slow_at_large


def _filters(scale: Scale, server: Server) -> bool:
    return server.filters and _waits_for(scale, server)


def _is_treehold(server: Server) -> bool:
    return isinstance(server, Treehold)


def _version(server: Server) -> int:
    return 2 if server.speaks_v2 else 0


def _make(name: str, server: Server, number: int) -> None:
    server.make(f"{name}-{number}")


def _ls_remote(version: int, server: Server, number: int) -> list[Exchange]:
    return wire.ls_remote(server.target(f"tiny-{number % POOL:02}"), version=version)


def _tiny_clone(world: World, version: int, server: Server, number: int) -> list[Exchange]:
    repo = number % POOL
    return wire.fetch(server.target(f"tiny-{repo:02}"), version=version, wants=world.tiny[repo].commits[-1:])


def _line_fetch(world: World, version: int, server: Server, number: int) -> list[Exchange]:
    repo = number % POOL
    commits = world.line[repo].commits
    haves = commits[:_HAD][: -_HAVES - 1 : -1]
    return wire.fetch(server.target(f"line-{repo:02}"), version=version, wants=commits[-1:], haves=haves)


def _step(pool: Sequence[SmallRepo], repo: int, number: int) -> Step:
    while len(pool[repo].steps) <= number:
        pool[repo].grow()
    return pool[repo].steps[number]


def _push(pool: Sequence[SmallRepo], name: str, server: Server, number: int) -> list[Exchange]:
    after, repo = divmod(number, POOL)
    old, new = _step(pool, repo, after), _step(pool, repo, after + 1)
    return wire.push(server.target(f"{name}-{repo:02}"), [RefCommand(MAIN, old.commit, new.commit)], new.pack)


def _pushed_fetch(world: World, pushes: int, version: int, server: Server, number: int) -> list[Exchange]:
    repo = number % POOL
    commits = world.work[repo].commits[: pushes + 1]
    haves = commits[:-1][: -_HAVES - 1 : -1]
    return wire.fetch(server.target(f"work-{repo:02}"), version=version, wants=commits[-1:], haves=haves)


def _pushed_clone(world: World, pushes: int, version: int, server: Server, number: int) -> list[Exchange]:
    repo = number % POOL
    tip = _step(world.work, repo, pushes).commit
    return wire.fetch(server.target(f"work-{repo:02}"), version=version, wants=[tip])


def _partial_clone(world: World, shallow: bool, server: Server, number: int, *, is_first: bool) -> list[Exchange]:  # noqa: FBT001 - bound by partial
    """First: of another tip each time, so that no answer was computed before."""
    tip = world.real_tips[(1 + number) % len(world.real_tips)] if is_first else world.real_tips[0]
    depth = 1 if shallow else None
    return wire.fetch(server.target("real"), version=_version(server), wants=[tip], depth=depth, blobless=not shallow)


def _real_fetch(world: World, server: Server, number: int) -> list[Exchange]:
    """Haves at another place each time: a client may have stopped anywhere."""
    start = 20 + 7 * (number % 20)
    haves = world.real_line[start : start + _HAVES]
    return wire.fetch(server.target("real"), version=_version(server), wants=world.real_line[:1], haves=haves)


def _whole_clone(refs: dict[bytes, ObjectId], name: str, server: Server, number: int) -> list[Exchange]:
    del number
    return wire.fetch(server.target(name), version=_version(server), wants=sorted(set(refs.values())))


def _whole_push(refs: dict[bytes, ObjectId], pack: Path, name: str, server: Server, number: int) -> list[Exchange]:
    commands = [RefCommand(ref, ZERO_OID, oid) for ref, oid in refs.items()]
    return wire.push(server.target(f"{name}-{number}"), commands, upload=pack)


def _create(prefix: str, server: Server, number: int) -> list[Exchange]:
    assert isinstance(server, Treehold)
    return [wire.rest(server.rest, "/repos", {"name": f"{prefix}-{number}"})]


def _fork(parent: str, server: Server, number: int) -> list[Exchange]:
    assert isinstance(server, Treehold)
    return [wire.rest(server.rest, f"/repos/{parent}/fork", {"name": f"fork-of-{parent}-{number}"})]


def _get(path: str, server: Server, number: int) -> list[Exchange]:
    del number
    assert isinstance(server, Treehold)
    return [server.rest.get(path, expected=b"result")]


def _look_up(count: int, server: Server, number: int) -> list[Exchange]:
    assert isinstance(server, Treehold)
    return [server.rest.get(f"/repos/repo-{number * 7919 % count:08}", expected=b"result")]
