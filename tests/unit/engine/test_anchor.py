"""What a repo that is not exact rests on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.catalog_samples import new_repo, new_token
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import blob, history, oid_of
from treehold.engine import anchor
from treehold.engine.context import Engine
from treehold.ids import RefName

LINE = history(b"1", b"2", b"3")
COMMITS = [oid_of(item) for item in LINE[2::3]]
HIDDEN = blob(b"hidden")
SIDE = RefName(b"refs/heads/side")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine whose git counts how often it is asked, and says that the first commit is all that is reachable."""
    ids = "\\n".join(oid_of(item).hex() for item in LINE[:3])
    script = f"cat >/dev/null\necho asked >>$notes/asked\nprintf '{ids}\\n'"
    async with engine_in(tmp_path, git=fake_git(tmp_path, script)) as engine:
        yield engine


@pytest.fixture
async def repo(engine: Engine) -> SmallRepo:
    """A repo that lost something with its second push, and has grown twice since."""
    repo = await SmallRepo.make(engine)
    await repo.push([*LINE[:3], HIDDEN], {MAIN: COMMITS[0], SIDE: COMMITS[0]})
    await repo.push([], {SIDE: None}, preserves=False)
    await repo.grow(LINE[3:6], LINE[6:])
    return repo


async def test_the_anchor_stays_where_it_is(repo: SmallRepo, tmp_path: Path) -> None:
    """What was reached there is asked of git once, however the repo grows; what came later may be seen as it is."""
    view = await repo.view()
    assert view.anchor is not None
    assert view.anchor.tips == {COMMITS[0]}
    assert [pack.generation for pack in view.anchor.packs] == [1]
    assert [pack.generation for pack in view.anchor.later] == [3, 4]
    assert view.anchor.objects == 9
    assert all(oid_of(item) in view for item in LINE)
    assert oid_of(HIDDEN) not in view
    more = history(b"more")
    await repo.push(more, {SIDE: oid_of(more[-1])})
    again = await repo.view()
    assert again.anchor is not None
    assert (again.anchor.tips, oid_of(more[0]) in again) == (view.anchor.tips, True)
    assert (tmp_path / "asked").read_text() == "asked\n"


async def test_forks_of_one_generation_share_what_they_rest_on(repo: SmallRepo, tmp_path: Path) -> None:
    """Their packs and their refs were the same when they began."""
    forks = []
    for name in ("one", "two"):
        row = await repo.engine.catalog.fork_repo(repo.row.id, new_repo(name), new_token(), only=frozenset({MAIN}))
        forks.append(SmallRepo(repo.engine, row))
    for fork in forks:
        assert (await fork.view()).anchor is not None
        await fork.push([blob(b"new")], {})
        view = await fork.view()
        assert view.anchor is not None
        assert [pack.generation for pack in view.anchor.later] == [5]
    assert (tmp_path / "asked").read_text() == "asked\n"


async def test_a_state_read_before_a_push_is_not_told_of_it(repo: SmallRepo) -> None:
    """The log may be ahead of what was read: changes that came after are not undone."""
    state = await repo.state()
    more = history(b"more")
    await repo.push(more, {MAIN: oid_of(more[-1])})
    found = await anchor.find_anchor(repo.engine, state)
    assert found is not None
    assert found.tips == {COMMITS[0]}


async def test_a_pack_of_both_sides_leaves_no_anchor(repo: SmallRepo) -> None:
    """Where packs were merged across it nothing can be told by packs: all that the refs reach is computed."""
    state = await repo.state()
    merged = replace(state.packs[1], first_generation=1)
    odd = replace(state, packs=(merged, state.packs[2]))
    assert await anchor.find_anchor(repo.engine, odd) is None


async def test_a_long_log_is_not_undone(repo: SmallRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repo with too many changes since its anchor is looked at anew, as one without."""
    monkeypatch.setattr(anchor, "LOG_ENTRIES_MAX", 2)
    view = await repo.view()
    assert view.anchor is None
    assert oid_of(HIDDEN) not in view


async def test_what_is_kept_is_bounded(repo: SmallRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tips are kept for so many repos, and not for those that have very many."""
    monkeypatch.setattr(anchor, "_ANCHORS_KEPT", 0)
    await repo.view()
    assert not repo.engine.node.anchor_tips
    monkeypatch.setattr(anchor, "_ANCHORS_KEPT", 9)
    monkeypatch.setattr(anchor, "_TIPS_KEPT", 0)
    await repo.view()
    assert not repo.engine.node.anchor_tips
