"""Shallow histories: where a client's history will end after a fetch, and what that adds to the fetch.

It ends where the client wants, and wherever the repo's own does: at the commits of its boundary, of which a client must
know, or it would look for parents that nobody has.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from treehold.catalog.base import RepoState
from treehold.engine import history
from treehold.engine.context import Engine
from treehold.engine.revision import find_ref
from treehold.engine.view import RepoView, view_of
from treehold.errors import MalformedMessage
from treehold.ids import ObjectId, ObjectKind
from treehold.protocol.fetch_request import INFINITE_DEPTH, FetchRequest


@dataclass(frozen=True, slots=True)
class ShallowStep:
    """How a fetch moves the client's boundary.

    ``shallow`` and ``unshallow`` are told to the client. ``boundary`` is where walks over this fetch must stop: at
    the client's old ends, which it may have nothing behind, at its new ones, and at the repo's. ``more_wants`` are the
    parents that an unshallowed commit now lacks, ``more_haves`` the unshallowed commits themselves.
    """

    shallow: tuple[ObjectId, ...] = ()
    unshallow: tuple[ObjectId, ...] = ()
    boundary: frozenset[ObjectId] = frozenset()
    more_wants: tuple[ObjectId, ...] = ()
    more_haves: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which commits keep their parents (``inside``) and which lose them (``border``)."""

    inside: set[ObjectId]
    border: set[ObjectId]


async def advertised_ends(engine: Engine, state: RepoState) -> Sequence[ObjectId]:
    """The commits at which the repo's own history ends, sorted, as far as anybody may see them.

    Raises NativeGitError, Unavailable, CorruptStore.
    """
    if not state.shallow:
        return ()
    view = await view_of(engine, state)
    return await asyncio.to_thread(lambda: sorted(oid for oid in view.shallow if oid in view))


async def shallow_step(engine: Engine, view: RepoView, request: FetchRequest, wants: Iterable[ObjectId]) -> ShallowStep:
    """Find the new boundary for these wants; raises MalformedMessage for a bound that nothing satisfies."""
    if not (request.shallow or request.changes_depth or view.shallow):
        return ShallowStep()
    ends = await asyncio.to_thread(_known_ends, view, request)
    if request.changes_depth:
        if request.deepen is None:
            cut = await _cut_by_bounds(engine, view, request, wants)
        else:
            cut = await asyncio.to_thread(_cut_by_depth, view, request, wants, ends)
        return await asyncio.to_thread(_step, view, ends, cut)
    met = await asyncio.to_thread(_met, view, set(wants), ends) if view.shallow - ends else set[ObjectId]()
    return ShallowStep(shallow=tuple(sorted(met)), boundary=ends | view.shallow)


def _known_ends(view: RepoView, request: FetchRequest) -> frozenset[ObjectId]:
    """The client's ends that are commits of this repo; what else it has is cut off is none of our business."""
    return frozenset(oid for oid in request.shallow if oid in view and view.kind(oid) is ObjectKind.COMMIT)


def _met(view: RepoView, wants: set[ObjectId], ends: frozenset[ObjectId]) -> set[ObjectId]:
    """The commits of the repo's boundary to which these wants lead, without going beyond the client's ends."""
    unknown = {oid for oid in view.shallow - ends if oid in view}
    if not unknown or (not ends and wants >= view.tips()):
        return unknown
    return history.depths(view, _commits(view, wants), INFINITE_DEPTH, ends=ends)[1] - ends


def _step(view: RepoView, ends: frozenset[ObjectId], cut: _Cut) -> ShallowStep:
    unshallow = sorted(ends & cut.inside)
    return ShallowStep(
        shallow=tuple(sorted(cut.border - ends)),
        unshallow=tuple(unshallow),
        boundary=ends | cut.border | view.shallow,
        more_wants=tuple(dict.fromkeys(parent for oid in unshallow for parent in history.parents(view, oid))),
        more_haves=tuple(unshallow),
    )


def _cut_by_depth(view: RepoView, request: FetchRequest, wants: Iterable[ObjectId], ends: frozenset[ObjectId]) -> _Cut:
    """So many commits deep, counted from the wanted commits, or from the client's own ends if it says so."""
    assert request.deepen is not None
    if request.deepen == INFINITE_DEPTH and not view.shallow:
        return _Cut(set(ends), set())
    if request.deepen_relative:
        return _Cut(*history.depths(view, ends, request.deepen + 1))
    return _Cut(*history.depths(view, _commits(view, wants), request.deepen))


def _commits(view: RepoView, wants: Iterable[ObjectId]) -> list[ObjectId]:
    commits = (history.peel_to_commit(view, want) for want in wants)
    return [commit for commit in commits if commit is not None]


async def _cut_by_bounds(engine: Engine, view: RepoView, request: FetchRequest, wants: Iterable[ObjectId]) -> _Cut:
    """By date or by excluded refs: C Git lists the commits that remain, with their parents."""
    heads = await asyncio.to_thread(_commits, view, wants)
    lines = [*(oid.hex() for oid in heads), *(f"^{_resolve(view, name).hex()}" for name in request.deepen_not)]
    arguments = ["rev-list", "--parents", "--stdin"]
    if request.deepen_since is not None:
        arguments.insert(1, f"--max-age={request.deepen_since}")
    async with (
        engine.node.repos.objects(view.state.packs) as objects,
        engine.node.git_dirs.bare(objects, shallow=view.shallow) as place,
    ):
        listed = await engine.node.native.output(place, arguments, stdin="\n".join([*lines, ""]).encode("ascii"))
    parents = await asyncio.to_thread(_parse_parents, listed)
    if not parents:
        raise MalformedMessage("no commits selected for shallow requests")
    return await asyncio.to_thread(_cut_to, parents, heads, view.shallow)


def _parse_parents(listed: bytes) -> dict[ObjectId, Sequence[ObjectId]]:
    families = ([ObjectId(bytes.fromhex(word)) for word in line.split()] for line in listed.decode("ascii").split("\n"))
    return {family[0]: family[1:] for family in families if family}


def _cut_to(
    parents: Mapping[ObjectId, Sequence[ObjectId]], heads: Iterable[ObjectId], shallow: frozenset[ObjectId]
) -> _Cut:
    """Keep to the listed commits: one of which a parent is not listed loses all its parents, as the repo's ends have.

    Listed commits that only such a one leads to are out of reach then. C Git's own server tells of their ends too, and
    not of the repo's, and its clients trip over commits that they never got.
    """
    cut = _Cut(set(), set())
    queue = [oid for oid in heads if oid in parents]
    seen = set(queue)
    while queue:
        oid = queue.pop()
        if oid in shallow or not all(parent in parents for parent in parents[oid]):
            cut.border.add(oid)
            continue
        cut.inside.add(oid)
        fresh = [parent for parent in parents[oid] if parent not in seen]
        seen.update(fresh)
        queue += fresh
    return cut


def _resolve(view: RepoView, name: bytes) -> ObjectId:
    """A ref by its full or short name; raises MalformedMessage."""
    ref = find_ref(view.state, name)
    if ref is None:
        raise MalformedMessage(f"deepen-not is not a ref: {name[:80]!r}")
    return ref.oid
