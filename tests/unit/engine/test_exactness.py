"""Tests of treehold.engine.exactness."""

from collections.abc import Sequence

import pytest

from tests.unit.engine.pushed_repo import MAIN, TOPIC, Object, blob, commit, line, oid_of, tag, tree, view
from treehold.catalog.base import Ref
from treehold.engine.exactness import preserves
from treehold.engine.ingest import QUICK_WORK, ingest_small
from treehold.engine.limits import Limits
from treehold.engine.refs import judge
from treehold.engine.view import RepoView
from treehold.ids import ZERO_OID, RefName
from treehold.packs.build import build_pack
from treehold.protocol.receive_pack import RefCommand

TAG_NAME = RefName(b"refs/tags/v1")
OLD = line(*(b"%d" % number for number in range(200)))
TIP = OLD[-1]
TAG = tag(TIP)


def repo(*objects: Object, visible: Sequence[Object] | None = None, **refs: Object) -> RepoView:
    names = {"main": MAIN, "topic": TOPIC, "tag": TAG_NAME}
    return view(objects, refs={names[name]: item for name, item in refs.items()}, visible=visible)


async def is_growth(
    before: RepoView, *steps: tuple[RefName, Object | None], pushed: Sequence[Object] = (), budget: int = 1000
) -> bool:
    """Move refs to objects (None: delete them) and ask; every step must be one that is taken."""
    refs = before.state.refs
    commands = [
        RefCommand(name, refs.get(name, Ref(ZERO_OID)).oid, ZERO_OID if item is None else oid_of(item))
        for name, item in steps
    ]
    ingest = ingest_small(build_pack(pushed)[0], before, Limits(), QUICK_WORK)
    verdict = judge(commands, refs, ingest, atomic=True, refs_max=100)
    assert not any(verdict.reasons)
    return await preserves(ingest, verdict, budget=budget)


async def test_a_push_forward_stays_exact() -> None:
    """All that came is reached, and so is all that was there."""
    new = commit(OLD[1], TIP)
    assert await is_growth(repo(*OLD, main=TIP), (MAIN, new), pushed=[new])


@pytest.mark.parametrize("behind", [1, 3600, 10**6])
async def test_a_clock_that_is_behind_does_not_end_it(behind: int) -> None:
    """A commit may say that it is older than its parent."""
    tip = commit(OLD[1], at=10**7)
    new = commit(OLD[4], tip, at=10**7 - behind)
    assert await is_growth(repo(*OLD[:6], tip, main=tip), (MAIN, new), pushed=[new])
    newer = commit(OLD[1], new, at=10**7 - behind)
    assert await is_growth(repo(*OLD[:6], tip, main=tip), (MAIN, newer), pushed=[new, newer]) == (behind < 86_400)


async def test_a_first_push_is_growth() -> None:
    """Of anything, to an empty repo."""
    assert await is_growth(repo(), (MAIN, OLD[5]), pushed=OLD[:6])
    assert await is_growth(repo(), (TAG_NAME, blob(b"x")), pushed=[blob(b"x")])


async def test_useless_objects_end_it() -> None:
    """What no ref reaches must not be sent, and packs are sent as they are."""
    assert not await is_growth(repo(), (MAIN, OLD[2]), pushed=[*OLD[:3], blob(b"stray")])


async def test_a_repo_that_is_not_exact_grows_as_well() -> None:
    """What it had beside what its refs reach does not matter, as long as none of it comes to light."""
    hidden = blob(b"hidden")
    before = repo(*OLD, hidden, visible=OLD, main=TIP)
    new = commit(OLD[1], TIP)
    assert await is_growth(before, (MAIN, new), pushed=[new])
    assert await is_growth(before, (MAIN, new), pushed=[new, OLD[1]])
    assert not await is_growth(before, (MAIN, OLD[2]))
    shows = commit(tree(file=hidden), TIP)
    assert not await is_growth(before, (MAIN, shows), pushed=[shows, tree(file=hidden), hidden])


async def test_a_rewrite_ends_it() -> None:
    """The old commit is reached by nothing any more."""
    assert not await is_growth(repo(*OLD[:6], main=OLD[5]), (MAIN, OLD[2]))
    new = commit(OLD[1], at=5000)
    assert not await is_growth(repo(*OLD[:6], main=OLD[5]), (MAIN, new), pushed=[new])


async def test_the_last_deletion_ends_it() -> None:
    """Nothing is reached then."""
    assert not await is_growth(repo(*OLD[:3], main=OLD[2]), (MAIN, None))


@pytest.mark.parametrize("age", [0, 1, 150])
async def test_deleting_a_merged_branch_stays_exact(age: int) -> None:
    """However far behind the default branch it was."""
    assert await is_growth(repo(*OLD, main=TIP, topic=OLD[-1 - 3 * age]), (TOPIC, None))


async def test_deleting_an_unmerged_branch_ends_it() -> None:
    """Its own commits are reached by nothing."""
    topic = commit(OLD[1], OLD[-4], at=9000)
    assert not await is_growth(repo(*OLD, topic, main=TIP, topic=topic), (TOPIC, None))


async def test_a_rewind_is_exact_while_another_ref_holds_the_rest() -> None:
    """Where the old value is still some ref's value nothing is lost."""
    assert await is_growth(repo(*OLD, main=TIP, topic=TIP), (TOPIC, OLD[2]))
    assert await is_growth(repo(*OLD, main=TIP, topic=TIP), (MAIN, None))


async def test_several_refs_are_followed_together() -> None:
    """Each old value may be reached from any ref that moved."""
    left, right = commit(OLD[1], OLD[-4], at=9000), commit(OLD[4], OLD[-4], at=9001)
    merge = commit(OLD[1], left, right, at=9002)
    before = repo(*OLD, left, right, main=left, topic=right)
    assert await is_growth(before, (MAIN, merge), (TOPIC, None), pushed=[merge])
    assert not await is_growth(before, (MAIN, left), (TOPIC, None))


async def test_an_annotated_tag_that_goes_ends_it() -> None:
    """The tag object itself is reached by nothing else, wherever it pointed."""
    assert not await is_growth(repo(*OLD, TAG, main=TIP, tag=TAG), (TAG_NAME, None))
    assert not await is_growth(repo(*OLD, TAG, main=TIP, tag=TAG), (TAG_NAME, TIP))


async def test_a_ref_to_a_tree_that_goes_ends_it() -> None:
    """What is no commit is not looked for."""
    assert not await is_growth(repo(*OLD, main=TIP, tag=OLD[1]), (TAG_NAME, None))


async def test_a_lightweight_tag_that_goes_stays_exact() -> None:
    """Its commit is a branch's."""
    assert await is_growth(repo(*OLD, main=TIP, tag=OLD[5]), (TAG_NAME, None))


async def test_a_tag_that_takes_a_branchs_place_holds_its_history() -> None:
    """Walks go through tags, and past refs that lead to no commit."""
    assert await is_growth(repo(*OLD, main=TIP), (MAIN, None), (TAG_NAME, TAG), (TOPIC, OLD[2]), pushed=[TAG])
    assert not await is_growth(repo(*OLD, main=TIP), (MAIN, None), (TAG_NAME, tree()), pushed=[tree()])


async def test_beyond_its_budget_it_gives_up() -> None:
    """Not proven is not growth: too many commits between, or too many refs to look for."""
    before = repo(*OLD, main=TIP, topic=OLD[2])
    assert not await is_growth(before, (TOPIC, None), budget=100)
    assert await is_growth(before, (TOPIC, None), budget=200)
    assert not await is_growth(before, (TOPIC, None), budget=0)
