"""Forks, as far as they need no git; tests/scenarios/test_forks.py has the rest."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import history, oid_of
from treehold.engine.context import Engine
from treehold.engine.fork import ForkedRepo, fork_repo
from treehold.engine.repos import RepoWish
from treehold.errors import AlreadyExists, InvalidInput, NativeGitError, NotFound
from treehold.ids import RefName

LINE = history(b"1", b"2")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine whose git always fails."""
    async with engine_in(tmp_path, git=fake_git(tmp_path, "exit 1")) as engine:
        yield engine


async def forked(engine: Engine, name: str = "copy", *, parent: str = "small", part: bool = False) -> ForkedRepo:
    return await fork_repo(engine, ACCOUNT, NAMESPACE, parent, RepoWish(name, "Copied"), default_branch_only=part)


async def test_a_fork_of_all_refs_needs_no_git(engine: Engine) -> None:
    """A fork of an exact repo has its refs and packs, its default branch, and knows how many objects it has."""
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE[:3], LINE[3:])
    fork = await forked(engine)
    assert fork.objects == len(LINE)
    assert (fork.created.row.default_branch, fork.created.row.description) == ("main", "Copied")
    assert fork.created.row.source == f"artifacts:{NAMESPACE}/small"
    copied = await engine.catalog.repo_state(fork.created.row.id)
    assert copied.refs == (await repo.state()).refs
    assert copied.repo.exact
    assert fork.created.token.startswith("art_v1_")


@pytest.mark.parametrize("part", [False, True])
async def test_a_single_branch_and_an_empty_repo_need_no_git(engine: Engine, part: bool) -> None:
    """Where the default branch is all there is, or nothing is, either kind of fork is the same and exact."""
    repo = await SmallRepo.make(engine)
    assert (await forked(engine, "empty-copy", part=part)).objects == 0
    await repo.grow(LINE)
    fork = await forked(engine, part=part)
    assert fork.objects == len(LINE)
    assert fork.created.row.exact


async def test_a_fork_that_fails_is_not_there(engine: Engine) -> None:
    """When the objects cannot be counted nothing was made: the name is still free."""
    repo = await SmallRepo.make(engine)
    await repo.push(LINE, {MAIN: oid_of(LINE[2]), RefName(b"refs/heads/side"): oid_of(LINE[5])})
    with pytest.raises(NativeGitError):
        await forked(engine, part=True)
    with pytest.raises(NotFound):
        await engine.catalog.find_repo(ACCOUNT, NAMESPACE, "copy")
    assert (await forked(engine)).objects == len(LINE)


async def test_a_fork_needs_a_parent_and_a_free_name(engine: Engine) -> None:
    """A parent that is not there, a name that is none and a name that is taken are refused."""
    await SmallRepo.make(engine)
    with pytest.raises(NotFound):
        await forked(engine, parent="nobody")
    with pytest.raises(InvalidInput):
        await forked(engine, "no/name")
    with pytest.raises(AlreadyExists):
        await forked(engine, "small")
