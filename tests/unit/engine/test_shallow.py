"""Where a client's history ends after a fetch."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import blob, commit, history, oid_of, tree
from treehold.engine.context import Engine
from treehold.engine.shallow import ShallowStep, advertised_ends, shallow_step
from treehold.engine.view import RepoView
from treehold.errors import MalformedMessage
from treehold.ids import ObjectId
from treehold.protocol.fetch_request import INFINITE_DEPTH, FetchRequest

LINE = history(*(b"%d" % number for number in range(5)))
COMMITS = [oid_of(item) for item in LINE[2::3]]
"""Oldest first."""
TIP = COMMITS[-1]
UNKNOWN = ObjectId(b"\xee" * 20)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, git=fake_git(tmp_path, "tee $notes/asked >/dev/null; cat $notes/answer")) as engine:
        yield engine


@pytest.fixture
async def view(engine: Engine) -> RepoView:
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE)
    return await repo.view()


def told(step: ShallowStep) -> tuple[list[int], list[int]]:
    """What the client is told: the numbers of the commits that end its history, and of those that no longer do."""
    return [COMMITS.index(oid) for oid in step.shallow], [COMMITS.index(oid) for oid in step.unshallow]


def shallow_at(*numbers: int) -> frozenset[ObjectId]:
    return frozenset(COMMITS[number] for number in numbers)


async def test_a_plain_fetch_has_no_boundary(engine: Engine, view: RepoView) -> None:
    """Without a depth and without ends nothing is cut."""
    assert await shallow_step(engine, view, FetchRequest(wants=(TIP,)), [TIP]) == ShallowStep()


async def test_a_client_keeps_its_ends(engine: Engine, view: RepoView) -> None:
    """A client that does not change its depth is told nothing, and walks stop at its ends: those that are commits
    here."""
    ends = frozenset({COMMITS[2], UNKNOWN, oid_of(LINE[0])})
    step = await shallow_step(engine, view, FetchRequest(wants=(TIP,), shallow=ends), [TIP])
    assert step == ShallowStep(boundary=shallow_at(2))


async def test_a_first_depth(engine: Engine, view: RepoView) -> None:
    """A new client's history ends so many commits deep."""
    for depth, end in ((1, 4), (2, 3), (5, 0)):
        step = await shallow_step(engine, view, FetchRequest(deepen=depth), [TIP])
        assert told(step) == ([end], [])
        assert step.boundary == shallow_at(end)
        assert step.more_wants == step.more_haves == ()
    assert await shallow_step(engine, view, FetchRequest(deepen=6), [TIP]) == ShallowStep()


async def test_a_greater_depth_unshallows(engine: Engine, view: RepoView) -> None:
    """An end that now lies inside is unshallowed: its parents are wanted, and it is had."""
    request = FetchRequest(deepen=4, shallow=shallow_at(3))
    step = await shallow_step(engine, view, request, [TIP])
    assert told(step) == ([1], [3])
    assert step.boundary == shallow_at(1, 3)
    assert step.more_wants == (COMMITS[2],)
    assert step.more_haves == (COMMITS[3],)


async def test_a_smaller_depth_cuts_again(engine: Engine, view: RepoView) -> None:
    """A smaller depth ends the history earlier; what the client has beyond stays known as its end."""
    step = await shallow_step(engine, view, FetchRequest(deepen=2, shallow=shallow_at(1)), [TIP])
    assert told(step) == ([3], [])
    assert step.boundary == shallow_at(1, 3)


async def test_the_same_depth_changes_nothing(engine: Engine, view: RepoView) -> None:
    """A client whose history ends just there already is told nothing."""
    step = await shallow_step(engine, view, FetchRequest(deepen=2, shallow=shallow_at(3)), [TIP])
    assert told(step) == ([], [])


async def test_deepening_counts_from_the_ends(engine: Engine, view: RepoView) -> None:
    """A relative depth moves the client's own ends, wherever the wants are; unknown ends do not count."""
    request = FetchRequest(deepen=2, deepen_relative=True, shallow=shallow_at(4) | {UNKNOWN, oid_of(LINE[1])})
    step = await shallow_step(engine, view, request, [TIP])
    assert told(step) == ([2], [4])
    nothing = await shallow_step(engine, view, FetchRequest(deepen=2, deepen_relative=True), [TIP])
    assert nothing == ShallowStep()


async def test_everything(engine: Engine, view: RepoView) -> None:
    """The infinite depth unshallows every end."""
    step = await shallow_step(engine, view, FetchRequest(deepen=INFINITE_DEPTH, shallow=shallow_at(2)), [TIP])
    assert told(step) == ([], [2])
    assert step.more_wants == (COMMITS[1],)


async def test_what_is_no_commit_has_no_depth(engine: Engine, view: RepoView) -> None:
    """A wanted tree or file does not count towards a depth."""
    step = await shallow_step(engine, view, FetchRequest(deepen=1), [oid_of(LINE[0]), oid_of(LINE[1])])
    assert step == ShallowStep()


@pytest.fixture
def ending(view: RepoView) -> RepoView:
    """The same repo, which has nothing behind its third commit as far as it knows."""
    return replace(view, state=replace(view.state, shallow=shallow_at(2)))


async def test_who_comes_to_the_repos_end_is_told(engine: Engine, ending: RepoView) -> None:
    """In a plain fetch and in one with a depth, but for who knows it; one who stops before it need not know."""
    for request, expected in (
        (FetchRequest(), ([2], [])),
        (FetchRequest(shallow=frozenset({UNKNOWN})), ([2], [])),
        (FetchRequest(shallow=shallow_at(2)), ([], [])),
        (FetchRequest(shallow=shallow_at(3)), ([], [])),
        (FetchRequest(deepen=2), ([3], [])),
        (FetchRequest(deepen=3), ([2], [])),
        (FetchRequest(deepen=4), ([2], [])),
        (FetchRequest(deepen=INFINITE_DEPTH), ([2], [])),
        (FetchRequest(deepen=INFINITE_DEPTH, shallow=shallow_at(3)), ([2], [3])),
        (FetchRequest(deepen=INFINITE_DEPTH, shallow=shallow_at(2)), ([], [])),
        (FetchRequest(deepen=9, deepen_relative=True, shallow=shallow_at(4)), ([2], [4])),
    ):
        step = await shallow_step(engine, ending, request, [TIP])
        assert told(step) == expected
        assert shallow_at(2) <= step.boundary
        assert step.more_wants == tuple(COMMITS[COMMITS.index(oid) - 1] for oid in step.unshallow)


async def test_who_wants_less_is_told_of_what_that_leads_to(engine: Engine, ending: RepoView) -> None:
    """A want from which no way leads to an end has none, nor has one that is no commit."""
    side = replace(ending, state=replace(ending.state, shallow=shallow_at(1, 3)))
    assert told(await shallow_step(engine, side, FetchRequest(), [COMMITS[2]])) == ([1], [])
    assert told(await shallow_step(engine, side, FetchRequest(), [oid_of(LINE[0])])) == ([], [])
    assert told(await shallow_step(engine, side, FetchRequest(), [TIP, COMMITS[2]])) == ([1, 3], [])


async def test_an_end_that_may_not_be_seen_is_not_told(engine: Engine, ending: RepoView) -> None:
    """Neither in an answer nor in an advertisement."""
    state = replace(ending.state, shallow=ending.shallow | {UNKNOWN})
    odd = replace(ending, state=state)
    assert told(await shallow_step(engine, odd, FetchRequest(), [TIP])) == ([2], [])
    assert await advertised_ends(engine, state) == [COMMITS[2]]
    assert await advertised_ends(engine, replace(state, shallow=frozenset())) == ()


async def test_a_bound_by_date_stops_at_the_repos_end(engine: Engine, ending: RepoView, tmp_path: Path) -> None:
    """Git lists such a commit without its parents, so it would be taken for a root."""
    answer(tmp_path, (COMMITS[4], COMMITS[3]), (COMMITS[3], COMMITS[2]), (COMMITS[2],))
    step = await shallow_step(engine, ending, FetchRequest(deepen_since=7, shallow=shallow_at(3)), [TIP])
    assert told(step) == ([2], [3])


def answer(tmp_path: Path, *families: tuple[ObjectId, ...]) -> None:
    """What git will list: commits with their parents."""
    lines = (" ".join(oid.hex() for oid in family) + "\n" for family in families)
    (tmp_path / "answer").write_text("".join(lines))


async def test_a_bound_by_date(engine: Engine, view: RepoView, tmp_path: Path) -> None:
    """History ends at the commits of which a parent is older than the date."""
    answer(tmp_path, (COMMITS[4], COMMITS[3]), (COMMITS[3], COMMITS[2]))
    step = await shallow_step(engine, view, FetchRequest(deepen_since=7, shallow=shallow_at(4)), [TIP])
    assert told(step) == ([3], [4])
    assert (tmp_path / "asked").read_text() == f"{TIP.hex()}\n"


async def test_a_bound_by_date_that_reaches_the_root(engine: Engine, view: RepoView, tmp_path: Path) -> None:
    """A history that is all newer than the date is not cut."""
    families = [(COMMITS[number], *COMMITS[number - 1 : number]) for number in range(5)]
    answer(tmp_path, *((family if number else (COMMITS[0],)) for number, family in enumerate(families)))
    step = await shallow_step(engine, view, FetchRequest(deepen_since=7), [TIP])
    assert step == ShallowStep()


async def test_ends_out_of_reach_are_not_told(engine: Engine, tmp_path: Path) -> None:
    """A commit that only a cut-off one leads to is not sent, so the client is not told that its history ends there."""
    top = tree({b"file": blob(b"text")})
    root = commit(top, message=b"root\n")
    old = commit(top, root, message=b"old\n")
    far = commit(top, root, message=b"far\n")
    near = commit(top, far, message=b"near\n")
    merge = commit(top, old, near, message=b"merge\n")
    repo = await SmallRepo.make(engine)
    await repo.push([blob(b"text"), top, root, old, far, near, merge], {MAIN: oid_of(merge)})
    ids = [oid_of(item) for item in (merge, old, near, far, root)]
    answer(tmp_path, (ids[0], ids[1], ids[2]), (ids[2], ids[3]), (ids[3], ids[4]))
    step = await shallow_step(engine, await repo.view(), FetchRequest(deepen_since=7), [ids[0]])
    assert step.shallow == (ids[0],)
    assert step.boundary == {ids[0]}


@pytest.mark.parametrize("name", [b"main", b"heads/main", b"refs/heads/main", b"HEAD"])
async def test_a_bound_by_ref(engine: Engine, view: RepoView, tmp_path: Path, name: bytes) -> None:
    """A ref is named as git lets one name it, and excludes what it reaches."""
    answer(tmp_path, (COMMITS[4], COMMITS[3]))
    step = await shallow_step(engine, view, FetchRequest(deepen_not=(name,)), [TIP])
    assert told(step) == ([4], [])
    assert (tmp_path / "asked").read_text() == f"{TIP.hex()}\n^{TIP.hex()}\n"


async def test_bounds_that_nothing_satisfies(engine: Engine, view: RepoView, tmp_path: Path) -> None:
    """A bound that leaves no commit, and one by a ref that is not there, are told as the client's mistake."""
    answer(tmp_path)
    with pytest.raises(MalformedMessage, match="no commits selected"):
        await shallow_step(engine, view, FetchRequest(deepen_since=7), [TIP])
    for name in (b"nowhere", TIP.hex().encode()):
        with pytest.raises(MalformedMessage, match="deepen-not is not a ref"):
            await shallow_step(engine, view, FetchRequest(deepen_not=(name,)), [TIP])
    empty = await SmallRepo.make(engine, "empty")
    with pytest.raises(MalformedMessage, match="deepen-not is not a ref"):
        await shallow_step(engine, await empty.view(), FetchRequest(deepen_not=(b"HEAD",)), [])
