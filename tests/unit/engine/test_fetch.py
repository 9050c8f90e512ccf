"""What is answered to a fetch."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import commit, history, oid_of
from treehold.catalog.base import Ref
from treehold.engine import fetch
from treehold.engine.anchor import Anchor
from treehold.engine.context import Engine
from treehold.engine.fetch import Negotiation, choose_plan, negotiate
from treehold.engine.limits import Limits
from treehold.engine.plans import Concatenated, Grown, Walked
from treehold.engine.reachable import OidSet
from treehold.engine.view import RepoView
from treehold.errors import UnwantedObject
from treehold.ids import ObjectId, ObjectKind, RefName
from treehold.objects.tag import Tag, encode_tag
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.fetch_request import FetchRequest

LINE = history(*(b"%d" % number for number in range(6)))
COMMITS = [oid_of(item) for item in LINE[2::3]]
SIDE = RefName(b"refs/heads/side")
UNKNOWN = ObjectId(b"\xee" * 20)
PLAIN = FetchRequest(ofs_delta=True, thin_pack=True)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(negotiation_walk_commits=4)) as engine:
        yield engine


@pytest.fixture
async def repo(engine: Engine) -> SmallRepo:
    """A repo with six commits, each pushed by itself."""
    repo = await SmallRepo.make(engine)
    await repo.grow(*(LINE[start : start + 3] for start in range(0, len(LINE), 3)))
    return repo


async def asked(repo: SmallRepo, request: FetchRequest, view: RepoView | None = None) -> Negotiation:
    return await negotiate(repo.engine, view or await repo.view(), request)


async def stored_packs(repo: SmallRepo, request: FetchRequest, view: RepoView | None = None) -> tuple[str, int] | None:
    """The plan's name and how many stored packs it sends; None for a pack made to measure."""
    view = view or await repo.view()
    plan = await choose_plan(repo.engine, view, await asked(repo, request, view))
    return (plan.name, len(plan.packs)) if isinstance(plan, Concatenated) else None


async def test_wants_must_be_reachable(repo: SmallRepo) -> None:
    """A want of an id that is not here is refused by name; old commits, trees and files are fine."""
    with pytest.raises(UnwantedObject, match=f"not our ref {UNKNOWN.hex()}"):
        await asked(repo, FetchRequest(wants=(COMMITS[0], UNKNOWN)))
    wants = tuple(oid_of(item) for item in LINE)
    assert (await asked(repo, FetchRequest(wants=wants))).wants == wants


async def test_many_ids_are_looked_up_alike(repo: SmallRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ids a request has, they are judged the same."""
    monkeypatch.setattr(fetch, "_IDS_LOOKED_UP_IN_LINE", 0)
    with pytest.raises(UnwantedObject):
        await asked(repo, FetchRequest(wants=(UNKNOWN,)))
    settled = await asked(repo, FetchRequest(wants=(COMMITS[5],), haves=(UNKNOWN, COMMITS[2], COMMITS[2])))
    assert settled.common == (COMMITS[2],)


async def test_refs_may_be_wanted_by_name(repo: SmallRepo) -> None:
    """A ref's name, or HEAD, stands for where it is now; each value is wanted once; an unknown name is refused."""
    names = (RefName(b"HEAD"), MAIN)
    settled = await asked(repo, FetchRequest(wants=(COMMITS[0],), want_refs=names))
    assert settled.wanted_refs == ((names[0], COMMITS[5]), (MAIN, COMMITS[5]))
    assert settled.wants == (COMMITS[0], COMMITS[5])
    with pytest.raises(UnwantedObject, match="unknown ref refs/heads/side"):
        await asked(repo, FetchRequest(want_refs=(SIDE,)))


async def test_haves_in_common_come_in_their_order(repo: SmallRepo) -> None:
    """The haves that are here are told once each, in the order in which they came."""
    haves = (COMMITS[3], UNKNOWN, COMMITS[1], oid_of(LINE[0]), COMMITS[3])
    settled = await asked(repo, FetchRequest(wants=(COMMITS[5],), haves=haves))
    assert settled.common == (COMMITS[3], COMMITS[1], oid_of(LINE[0]))


@pytest.mark.parametrize(
    ("have", "ready"), [(COMMITS[4], True), (COMMITS[2], True), (COMMITS[0], False), (oid_of(LINE[0]), False)]
)
async def test_enough_is_when_something_common_is_behind_every_want(
    repo: SmallRepo, have: ObjectId, ready: bool
) -> None:
    """The client need list no more once a short walk from each want meets a commit of its own, a file does not do."""
    settled = await asked(repo, FetchRequest(wants=(COMMITS[5],), haves=(have,)))
    assert settled.ready is ready


async def test_nothing_in_common_is_never_enough(repo: SmallRepo) -> None:
    """Without a common commit the client goes on listing; when it is done it is not asked."""
    assert not (await asked(repo, FetchRequest(wants=(COMMITS[5],), haves=(UNKNOWN,)))).ready
    assert not (await asked(repo, FetchRequest(wants=(COMMITS[5],)))).ready


async def test_every_want_needs_something_in_common(repo: SmallRepo) -> None:
    """One branch without a common commit keeps the client listing; a wanted file needs none."""
    side = history(b"side")
    await repo.push(side, {SIDE: oid_of(side[-1])})
    request = FetchRequest(wants=(COMMITS[5], oid_of(side[-1])), haves=(COMMITS[4],))
    assert not (await asked(repo, request)).ready
    assert (await asked(repo, replace(request, haves=(COMMITS[4], oid_of(side[-1]))))).ready
    assert (await asked(repo, replace(request, wants=(COMMITS[5], oid_of(LINE[0]))))).ready


async def test_all_wants_share_one_budget(repo: SmallRepo) -> None:
    """However many wants there are, no more commits are looked at than the limit says."""
    wants = tuple(reversed(COMMITS[1:]))
    assert not (await asked(repo, FetchRequest(wants=wants, haves=(COMMITS[0],)))).ready


async def test_all_that_there_is(repo: SmallRepo) -> None:
    """Who wants every tip and has nothing gets all packs, if it can take them as they are."""
    request = replace(PLAIN, wants=(COMMITS[5],))
    assert await stored_packs(repo, request) == ("whole", 6)
    assert await stored_packs(repo, replace(request, thin_pack=False)) == ("whole", 6)
    assert await stored_packs(repo, replace(request, ofs_delta=False)) is None
    assert await stored_packs(repo, replace(request, wants=(COMMITS[4],))) is None


@pytest.mark.parametrize("known", range(5))
async def test_what_was_pushed_since(repo: SmallRepo, known: int) -> None:
    """Who has the tips of a generation gets the packs pushed after it."""
    request = replace(PLAIN, wants=(COMMITS[5],), haves=(UNKNOWN, COMMITS[known]))
    settled = await asked(repo, request)
    assert settled.ready
    assert await stored_packs(repo, request) == ("since", 5 - known)
    assert await stored_packs(repo, replace(request, thin_pack=False)) is None


async def test_a_have_that_was_never_a_tip(engine: Engine) -> None:
    """A commit in the middle of a push is no generation's tip: the answer is made to measure."""
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE[:9], LINE[9:])
    assert await stored_packs(repo, replace(PLAIN, wants=(COMMITS[5],), haves=(COMMITS[1],))) is None
    assert await stored_packs(repo, replace(PLAIN, wants=(COMMITS[5],), haves=(COMMITS[2],))) == ("since", 1)


async def test_the_log_is_looked_at_only_so_far_back(repo: SmallRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation beyond the part of the log that is read is not found, nor one that the part cuts in two."""
    monkeypatch.setattr(fetch, "_LOG_ENTRIES_FIRST", 1)
    monkeypatch.setattr(fetch, "_LOG_ENTRIES_LOOKED_AT", 3)
    request = replace(PLAIN, wants=(COMMITS[5],))
    assert await stored_packs(repo, replace(request, haves=(COMMITS[3],))) == ("since", 2)
    assert await stored_packs(repo, replace(request, haves=(COMMITS[2],))) is None


async def test_a_branch_that_came_and_one_that_went(repo: SmallRepo) -> None:
    """Creations and deletions are undone too: what matters is which tips there were."""
    side = commit(LINE[-2], COMMITS[5], message=b"side\n")
    await repo.push([side], {SIDE: oid_of(side)})
    await repo.push([], {SIDE: None, MAIN: oid_of(side)})
    request = replace(PLAIN, wants=(oid_of(side),))
    assert await stored_packs(repo, replace(request, haves=(COMMITS[5],))) == ("since", 1)
    assert await stored_packs(repo, replace(request, haves=(COMMITS[0],))) == ("since", 6)


async def test_a_tag_on_a_known_commit_counts_as_known_unless_it_is_wanted(repo: SmallRepo) -> None:
    """Clients do not list tags among their haves; who wants one does not have it."""
    tag = ObjectKind.TAG, encode_tag(Tag(COMMITS[5], ObjectKind.COMMIT, b"v1", None, b"Tagged\n"))
    news = commit(LINE[-2], COMMITS[5], message=b"news\n")
    await repo.push([tag], {b"refs/tags/v1": Ref(oid_of(tag), COMMITS[5])})
    await repo.push([news], {MAIN: oid_of(news)})
    request = replace(PLAIN, wants=(oid_of(news),), haves=(COMMITS[5],))
    assert await stored_packs(repo, request) == ("since", 1)
    assert await stored_packs(repo, replace(request, wants=(oid_of(news), oid_of(tag)))) == ("since", 2)


async def test_who_ends_where_the_repo_does_gets_stored_packs(repo: SmallRepo) -> None:
    """Clients of a repo without all its history have its ends; one with others needs a pack made to measure."""
    view = await repo.view()
    ending = replace(view, state=replace(view.state, shallow=frozenset({COMMITS[0]})))
    request = replace(PLAIN, wants=(COMMITS[5],), haves=(COMMITS[3],))
    for ends, plan in (((), ("since", 2)), ((COMMITS[0],), ("since", 2)), ((COMMITS[1],), None)):
        assert await stored_packs(repo, replace(request, shallow=frozenset(ends)), ending) == plan
    assert await stored_packs(repo, replace(request, haves=()), ending) == ("whole", 6)


async def test_packs_made_of_old_and_new_ones_are_not_sent_since(repo: SmallRepo) -> None:
    """A pack that was rolled up over the client's generation holds what it has: it gets a pack to measure."""
    view = await repo.view()
    rolled = replace(view.state.packs[4], first_generation=2)
    rows = (view.state.packs[0], rolled, view.state.packs[5])
    odd = replace(view, state=replace(view.state, packs=rows))
    request = replace(PLAIN, wants=(COMMITS[5],))
    assert await stored_packs(repo, replace(request, haves=(COMMITS[4],)), odd) == ("since", 1)
    assert await stored_packs(repo, replace(request, haves=(COMMITS[2],)), odd) is None
    assert await stored_packs(repo, replace(request, haves=(COMMITS[0],)), odd) == ("since", 2)


async def test_a_repo_that_is_not_exact_sends_what_came_after_its_anchor(repo: SmallRepo) -> None:
    """Packs up to the anchor may hold more than the refs reach, and are sent to nobody as they are."""
    view = await repo.view()
    anchor = Anchor(view.state.packs[:3], frozenset({COMMITS[2]}), OidSet(map(oid_of, LINE[:9])), view.state.packs[3:])
    row = replace(view.state.repo, exact=False, anchor=3)
    odd = replace(view, state=replace(view.state, repo=row), anchor=anchor)
    for known, plan in ((4, ("since", 1)), (2, ("since", 3)), (1, None)):
        request = replace(PLAIN, wants=(COMMITS[5],), haves=(COMMITS[known],))
        assert await stored_packs(repo, request, odd) == plan


async def test_all_of_a_repo_that_is_not_exact(repo: SmallRepo) -> None:
    """What was reached at the anchor is made once, whatever came later; without an anchor all of it is made."""
    view = await repo.view()
    anchor = Anchor(view.state.packs[:3], frozenset({COMMITS[2]}), OidSet(map(oid_of, LINE[:9])), view.state.packs[3:])
    odd = replace(view, state=replace(view.state, repo=replace(view.state.repo, exact=False, anchor=3)))
    request = replace(PLAIN, wants=(COMMITS[5],))
    for name in ("walked", "cached"):
        based = replace(odd, anchor=anchor)
        plan = await choose_plan(repo.engine, based, await asked(repo, request, based))
        assert isinstance(plan, Grown)
        assert plan.name == name
        pack = b"".join([bytes(piece) async for piece in plan.pieces(repo.engine)])
        found = resolve_pack(scan_pack(pack), external_base=no_base)
        assert {item.oid for item in found} == set(map(oid_of, LINE))
    assert isinstance(await choose_plan(repo.engine, odd, await asked(repo, request, odd)), Walked)


async def test_a_walk_without_haves_is_kept(repo: SmallRepo) -> None:
    """Who asks the same gets the same pack; what one client lacks is of no use to the next."""
    request = replace(PLAIN, wants=(COMMITS[3],))
    for name in ("walked", "cached"):
        plan = await choose_plan(repo.engine, await repo.view(), await asked(repo, request))
        assert plan.name == name
        assert len([piece async for piece in plan.pieces(repo.engine)]) > 0
    for _ in range(2):
        increment = replace(request, haves=(oid_of(LINE[4]),), wants=(COMMITS[3],))
        plan = await choose_plan(repo.engine, await repo.view(), await asked(repo, increment))
        assert plan.name == "walked"
        assert len([piece async for piece in plan.pieces(repo.engine)]) > 0
