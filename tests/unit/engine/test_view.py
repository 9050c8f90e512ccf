"""A repo as its clients may see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import blob, history, oid_of
from treehold.catalog.base import PushCommit
from treehold.engine.context import Engine
from treehold.engine.reachable import OidSet
from treehold.engine.view import RepoView, open_view
from treehold.errors import NotFound
from treehold.ids import ObjectKind, RepoId

LINE = history(b"1", b"2")
HIDDEN = blob(b"hidden")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine whose git says that the line is all that is reachable."""
    ids = "\n".join(oid_of(item).hex() for item in LINE)
    async with engine_in(tmp_path, git=fake_git(tmp_path, f"cat >/dev/null\necho '{ids}'")) as engine:
        yield engine


async def test_an_exact_repo_shows_all_that_it_has(engine: Engine) -> None:
    """While the packs hold what the refs reach, every stored object may be seen, and git is not asked."""
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE)
    view = await open_view(engine, repo.row.id)
    assert view.visible is view.stored
    assert view.tips() == {oid_of(LINE[-1])}
    for item in LINE:
        assert oid_of(item) in view
        assert view.read(oid_of(item)) == item
        assert view.kind(oid_of(item)) is item[0]


async def test_a_repo_that_is_not_exact_hides_what_no_ref_reaches(engine: Engine) -> None:
    """An object that is stored but not reached is not there: neither to ask for, nor to read, nor its kind."""
    repo = await SmallRepo.make(engine)
    await repo.push([*LINE, HIDDEN], {MAIN: oid_of(LINE[-1])}, preserves=False)
    view = await repo.view()
    assert oid_of(HIDDEN) in view.stored
    assert oid_of(HIDDEN) not in view
    for ask in (view.read, view.kind):
        with pytest.raises(NotFound):
            ask(oid_of(HIDDEN))
    assert view.read(oid_of(LINE[0])) == LINE[0]


async def test_a_repo_without_refs_shows_nothing(engine: Engine) -> None:
    """Packs that are left over show nothing while there are no refs, and git is not asked either."""
    repo = await SmallRepo.make(engine)
    await repo.push(LINE, {}, preserves=False)
    view = await repo.view()
    assert not any(oid_of(item) in view for item in LINE)
    assert view.tips() == set()


async def test_a_view_tells_where_history_ends(engine: Engine) -> None:
    """At the commits with which the repo was filled."""
    repo = await SmallRepo.make(engine)
    assert (await repo.view()).shallow == frozenset()
    end = oid_of(LINE[-1])
    bounded = PushCommit(repo.row.id, 0, (), None, True, None, engine.clock(), frozenset({end}))
    await engine.catalog.commit_push(bounded)
    assert (await repo.view()).shallow == {end}


async def test_a_repo_that_is_gone(engine: Engine) -> None:
    """There is no view of a repo that does not exist."""
    with pytest.raises(NotFound):
        await open_view(engine, RepoId("x" * 16))


async def test_what_may_be_seen_need_not_be_stored(engine: Engine) -> None:
    """An id that should be reachable and is in no pack is not found, instead of something else being shown."""
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE)
    view = await repo.view()
    odd = RepoView(state=view.state, stored=view.stored, visible=OidSet([oid_of(HIDDEN)]))
    with pytest.raises(NotFound):
        odd.read(oid_of(HIDDEN))
    assert ObjectKind.BLOB is HIDDEN[0]
