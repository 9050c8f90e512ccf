"""Fetch: what a client wants and has, answered by the cheapest plan that is right.

A door asks in two steps, because the protocol answers in two: :func:`negotiate` says what is in common and moves the
shallow boundary; :func:`choose_plan` makes the pack once the client is told that it follows.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Final

from treehold.catalog.base import PackRow, RefLogEntry, RepoState
from treehold.engine import history
from treehold.engine.advertise import HEAD, head_target
from treehold.engine.anchor import Anchor
from treehold.engine.context import Engine
from treehold.engine.plans import Computed, Concatenated, Grown, Plan, Walked
from treehold.engine.shallow import ShallowStep, shallow_step
from treehold.engine.view import RepoView
from treehold.engine.walk import Budget, Selection, add_tags, select_objects
from treehold.errors import UnwantedObject
from treehold.ids import ObjectId, ObjectKind, RefName
from treehold.protocol.fetch_request import FetchRequest

_IDS_LOOKED_UP_IN_LINE: Final = 256
"""More wants and haves than this are looked up in a thread: one takes up to 5 µs."""
_LOG_ENTRIES_FIRST: Final = 32
_LOG_ENTRIES_LOOKED_AT: Final = 1000
"""How far back *since* looks for the client's generation: beyond that the packs since are no small answer."""


@dataclass(frozen=True, slots=True)
class Negotiation:
    """Where a fetch stands: the wants with named refs resolved, the haves that are here, whether that is enough to
    send a good pack (``ready``), and the client's new shallow boundary."""

    request: FetchRequest
    wants: tuple[ObjectId, ...]
    wanted_refs: tuple[tuple[RefName, ObjectId], ...]
    common: tuple[ObjectId, ...]
    ready: bool
    shallow: ShallowStep
    packs_since: tuple[PackRow, ...] | None


async def negotiate(engine: Engine, view: RepoView, request: FetchRequest) -> Negotiation:
    """Weigh a request against one generation of the repo.

    Raises UnwantedObject for a want that no ref reaches, MalformedMessage for a shallow bound that nothing satisfies.
    """
    wanted_refs = tuple((name, _wanted_ref(view, name)) for name in request.want_refs)
    wants = tuple(dict.fromkeys((*request.wants, *(oid for _, oid in wanted_refs))))
    if len(wants) + len(request.haves) <= _IDS_LOOKED_UP_IN_LINE:
        common = _check_ids(view, wants, request.haves)
    else:
        common = await asyncio.to_thread(_check_ids, view, wants, request.haves)
    since = await _packs_since(engine, view, request, wants, common)
    ready = since is not None
    if common and not ready and not request.done:
        budget = engine.limits.negotiation_walk_commits
        ready = await asyncio.to_thread(_enough_in_common, view, wants, common, budget=budget)
    return Negotiation(
        request=request,
        wants=wants,
        wanted_refs=wanted_refs,
        common=common,
        ready=ready,
        shallow=await shallow_step(engine, view, request, wants),
        packs_since=since,
    )


async def choose_plan(engine: Engine, view: RepoView, settled: Negotiation) -> Plan:
    """The cheapest plan whose bytes this client can take and which holds nothing that it may not see."""
    if settled.packs_since is not None:
        return Concatenated("since", settled.packs_since)
    if _asks_for_everything(view, settled):
        if view.state.repo.exact:
            return Concatenated("whole", view.state.packs)
        if view.anchor is not None:
            return Grown(await _made_to_measure(engine, *_at_anchor(view, view.anchor)), view.anchor)
    return await _made_to_measure(engine, view, settled)


def _at_anchor(view: RepoView, anchor: Anchor) -> tuple[RepoView, Negotiation]:
    """The repo as it was at its anchor, and what asks for all of it: the same in all repos that rest on that."""
    repo = replace(view.state.repo, size_bytes=sum(pack.size_bytes for pack in anchor.packs))
    state = RepoState(
        repo=replace(repo, object_count=len(anchor.reached)), refs={}, packs=anchor.packs, shallow=view.shallow
    )
    wants = tuple(sorted(anchor.tips))
    everything = Negotiation(
        request=FetchRequest(wants=wants, ofs_delta=True, done=True),
        wants=wants,
        wanted_refs=(),
        common=(),
        ready=True,
        shallow=ShallowStep(boundary=view.shallow),
        packs_since=None,
    )
    return replace(view, state=state), everything


async def _made_to_measure(engine: Engine, view: RepoView, settled: Negotiation) -> Computed | Walked:
    """A pack computed earlier, walked or computed now."""
    computed = Computed(
        view=view, request=settled.request, wants=settled.wants, haves=settled.common, shallow=settled.shallow
    )
    key = computed.key()
    if engine.node.answers.has(key):
        return replace(computed, name="cached")
    selection = await _walked(engine, view, settled)
    if selection is None:
        return computed
    if len(selection.chosen) > engine.limits.walk_indexed_objects:
        engine.node.indexes.want(view.state)
    # what has haves is asked once: the next client has others
    return Walked(view, selection, thin=settled.request.thin_pack, key=None if settled.common else key)


async def _walked(engine: Engine, view: RepoView, settled: Negotiation) -> Selection | None:
    """What a walk in this process chooses, if it is likely to be short and turns out to be."""
    limits = engine.limits
    is_increment = bool(settled.common)
    objects = limits.walk_increment_objects if is_increment else limits.walk_clone_objects
    if is_increment and engine.node.indexes.has(view.state.packs):
        objects = limits.walk_indexed_objects
    is_small = view.state.repo.object_count <= objects
    is_bounded = is_increment or settled.shallow.boundary > view.shallow
    if settled.request.filter is not None or view.state.repo.object_count > limits.walk_repo_objects:
        return None
    if not (is_small or is_bounded):
        return None
    return await asyncio.to_thread(_select, view, settled, Budget(objects, objects, limits.walk_bytes))


def _select(view: RepoView, settled: Negotiation, budget: Budget) -> Selection | None:
    selection = select_objects(
        view,
        (*settled.wants, *settled.shallow.more_wants),
        (*settled.common, *settled.shallow.more_haves),
        boundary=settled.shallow.boundary,
        budget=budget,
    )
    if selection is not None and settled.request.include_tag:
        add_tags(view, selection)
    return selection


def _wanted_ref(view: RepoView, name: RefName) -> ObjectId:
    target = head_target(view.state.repo.default_branch, view.state.refs) if name == HEAD else name
    ref = view.state.refs.get(target)
    if ref is None:
        raise UnwantedObject(f"unknown ref {name.decode('utf-8', 'replace')}")
    return ref.oid


def _check_ids(view: RepoView, wants: Sequence[ObjectId], haves: Sequence[ObjectId]) -> tuple[ObjectId, ...]:
    """The haves that are here, if all the wants are."""
    for oid in wants:
        if oid not in view:
            raise UnwantedObject(f"upload-pack: not our ref {oid.hex()}")
    return tuple(oid for oid in dict.fromkeys(haves) if oid in view)


def _takes_stored_bodies(view: RepoView, request: FetchRequest) -> bool:
    """Whether packs as they were pushed are an answer: offset deltas, and all objects of all the history there is."""
    is_whole = request.shallow <= view.shallow and not request.changes_depth
    return request.ofs_delta and request.filter is None and is_whole


def _asks_for_everything(view: RepoView, settled: Negotiation) -> bool:
    if settled.request.haves or not _takes_stored_bodies(view, settled.request):
        return False
    return view.tips() == set(settled.wants)


async def _packs_since(
    engine: Engine,
    view: RepoView,
    request: FetchRequest,
    wants: Sequence[ObjectId],
    common: Sequence[ObjectId],
) -> tuple[PackRow, ...] | None:
    """The packs that joined since a generation whose every tip the client has, if it asks for all that is new.

    Right from the anchor of a repo on, always in an exact one: then the packs up to that generation give out just what
    its tips reached, so the client has it all, and the later packs hold just what the present tips reach beside.
    """
    tips = view.tips()
    fit = (
        common
        and request.thin_pack
        and _takes_stored_bodies(view, request)
        and set(wants) <= tips
        and tips <= {*wants, *common} | _tags_of(view, common)
    )
    if not fit:
        return None
    anchor = 0 if view.state.repo.exact else view.state.repo.anchor
    generation = None
    for newest in (_LOG_ENTRIES_FIRST, _LOG_ENTRIES_LOOKED_AT):
        log = await engine.catalog.ref_log(view.state.repo.id, newest=newest, after=anchor)
        is_all = len(log) < newest
        if not is_all:  # the oldest generation may be cut in two
            log = [entry for entry in log if entry.generation > log[-1].generation]
        generation = _known_generation(view, log, set(common), set(wants))
        if is_all or generation is not None:
            break
    if generation is None:
        return None
    since = tuple(pack for pack in view.state.packs if pack.generation > generation)
    if any(pack.first_generation <= generation for pack in since):  # made of old and new ones: mostly not needed
        return None
    return since


def _tags_of(view: RepoView, commits: Sequence[ObjectId]) -> set[ObjectId]:
    """Annotated tags on commits that the client has: it never lists tags among its haves."""
    had = set(commits)
    return {ref.oid for ref in view.state.refs.values() if ref.peeled in had}


def _known_generation(
    view: RepoView, log: Sequence[RefLogEntry], had: set[ObjectId], wants: set[ObjectId]
) -> int | None:
    """The latest generation whose every tip the client has, found by undoing the ref log step by step."""

    def is_had(oid: ObjectId, peeled: ObjectId | None) -> bool:
        return oid not in wants and (oid in had or peeled in had)

    refs = {name: is_had(ref.oid, ref.peeled) for name, ref in view.state.refs.items()}
    missing = sum(not known for known in refs.values())
    for generation, entries in groupby(log, key=attrgetter("generation")):
        for entry in entries:
            missing -= not refs.pop(entry.name, True)
            if entry.old is not None:
                refs[entry.name] = is_had(entry.old, entry.old_peeled)
                missing += not refs[entry.name]
        if refs and not missing:
            return int(generation) - 1
    return None


def _enough_in_common(view: RepoView, wants: Iterable[ObjectId], common: Iterable[ObjectId], *, budget: int) -> bool:
    """Whether every wanted commit has something in common behind it, as far as a walk of that many commits can tell."""
    commons = [oid for oid in common if view.kind(oid) is ObjectKind.COMMIT]
    if not commons:
        return False
    goals = set(commons)
    oldest = min(history.commit_time(view, oid) for oid in commons[:budget])
    for commit in filter(None, (history.peel_to_commit(view, want) for want in wants)):
        for oid in history.newest_first(view, [commit], not_before=oldest, budget=budget):
            budget -= 1
            if oid in goals:
                break
        else:
            return False
    return True
