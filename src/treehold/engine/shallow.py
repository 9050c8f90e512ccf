"""Shallow histories: where a client's history will end after a fetch, and what that adds to the fetch."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from treehold.engine import history
from treehold.engine.context import Engine
from treehold.engine.view import RepoView
from treehold.errors import MalformedMessage
from treehold.ids import ObjectId, ObjectKind
from treehold.protocol.fetch_request import INFINITE_DEPTH, FetchRequest


@dataclass(frozen=True, slots=True)
class ShallowStep:
    """How a fetch moves the client's boundary.

    ``shallow`` and ``unshallow`` are told to the client. ``boundary`` is where walks over this fetch must stop: at
    the client's old ends, which it may have nothing behind, and at its new ones. ``more_wants`` are the parents that
    an unshallowed commit now lacks, ``more_haves`` the unshallowed commits themselves.
    """

    shallow: tuple[ObjectId, ...] = ()
    unshallow: tuple[ObjectId, ...] = ()
    boundary: frozenset[ObjectId] = frozenset()
    more_wants: tuple[ObjectId, ...] = ()
    more_haves: tuple[ObjectId, ...] = ()


async def shallow_step(engine: Engine, view: RepoView, request: FetchRequest, wants: Iterable[ObjectId]) -> ShallowStep:
    """Find the new boundary for these wants; raises MalformedMessage for a bound that nothing satisfies."""
    ends = frozenset(oid for oid in request.shallow if oid in view and view.kind(oid) is ObjectKind.COMMIT)
    if not request.changes_depth:
        return ShallowStep(boundary=ends)
    if request.deepen == INFINITE_DEPTH:
        inside, border = set(ends), set[ObjectId]()
    elif request.deepen is not None:
        heads = await asyncio.to_thread(_heads, view, request, wants)
        depth = request.deepen + 1 if request.deepen_relative else request.deepen
        inside, border = await asyncio.to_thread(history.depths, view, heads, depth)
    else:
        inside, border = await _by_bounds(engine, view, request, wants)
    unshallow = sorted(ends & inside)
    return ShallowStep(
        shallow=tuple(sorted(border - ends)),
        unshallow=tuple(unshallow),
        boundary=ends | border,
        more_wants=tuple(dict.fromkeys(parent for oid in unshallow for parent in history.parents(view, oid))),
        more_haves=tuple(unshallow),
    )


def _heads(view: RepoView, request: FetchRequest, wants: Iterable[ObjectId]) -> set[ObjectId]:
    """Where the depth is counted from: the wanted commits, or the client's own ends when it deepens by so many."""
    if request.deepen_relative:
        return {oid for oid in request.shallow if oid in view}
    commits = (history.peel_to_commit(view, want) for want in wants)
    return {commit for commit in commits if commit is not None}


async def _by_bounds(
    engine: Engine, view: RepoView, request: FetchRequest, wants: Iterable[ObjectId]
) -> tuple[set[ObjectId], set[ObjectId]]:
    """By date or by excluded refs: C Git lists the commits that remain, with their parents."""
    commits = [history.peel_to_commit(view, want) for want in wants]
    lines = [commit.hex() for commit in commits if commit is not None]
    lines += [f"^{_resolve(view, name).hex()}" for name in request.deepen_not]
    arguments = ["rev-list", "--parents", "--stdin"]
    if request.deepen_since is not None:
        arguments.insert(1, f"--max-age={request.deepen_since}")
    async with engine.node.repos.objects(view.state.packs) as objects, engine.node.git_dirs.bare(objects) as place:
        listed = await engine.node.native.output(place, arguments, stdin="\n".join([*lines, ""]).encode("ascii"))
    family = [[ObjectId(bytes.fromhex(word)) for word in line.split()] for line in listed.decode("ascii").splitlines()]
    if not family:
        raise MalformedMessage("no commits selected for shallow requests")
    remaining = {commit for commit, *_ in family}
    border = {commit for commit, *parents in family if not remaining.issuperset(parents)}
    return remaining - border, border


def _resolve(view: RepoView, name: bytes) -> ObjectId:
    """A ref by its full or short name, in the order in which git tries them; raises MalformedMessage."""
    by_name: dict[bytes, ObjectId] = {full: ref.oid for full, ref in view.state.refs.items()}
    for prefix in (b"", b"refs/", b"refs/tags/", b"refs/heads/", b"refs/remotes/"):
        if prefix + name in by_name:
            return by_name[prefix + name]
    raise MalformedMessage(f"deepen-not is not a ref: {name[:80]!r}")
