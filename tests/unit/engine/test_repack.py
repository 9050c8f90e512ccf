"""What a repack does where git is not needed or not well; tests/scenarios/test_repack.py has the rest."""

from pathlib import Path

import pytest

from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import history, oid_of
from treehold.engine.repack import repack
from treehold.errors import NativeGitError, NotFound, StorageError
from treehold.ids import RepoId

LINE = history(b"1", b"2")


async def test_an_exact_repo_needs_none(tmp_path: Path) -> None:
    """A repo that is exact, or has nothing at all, stays as it is and git is not asked."""
    async with engine_in(tmp_path) as engine:
        repo = await SmallRepo.make(engine)
        assert await repack(engine, repo.row.id) == "nothing to do"
        await repo.grow(LINE)
        before = await repo.state()
        assert await repack(engine, repo.row.id) == "nothing to do"
        assert await repo.state() == before


async def test_a_repo_without_refs_keeps_nothing(tmp_path: Path) -> None:
    """When every ref is gone so are all packs, without git."""
    async with engine_in(tmp_path) as engine:
        repo = await SmallRepo.make(engine)
        await repo.grow(LINE)
        await repo.push([], {MAIN: None}, preserves=False)
        size_bytes = (await repo.state()).repo.size_bytes
        assert await repack(engine, repo.row.id) == f"6 objects in {size_bytes} bytes became 0 in 0"
        state = await repo.state()
        assert (state.packs, state.repo.exact, state.repo.size_bytes) == ((), True, 0)
        await repo.grow(LINE)
        assert (await repo.view()).read(oid_of(LINE[-1])) == LINE[-1]


@pytest.mark.parametrize(
    ("script", "error"),
    [("cat >/dev/null; exit 1", NativeGitError), ("cat >/dev/null", StorageError)],
    ids=["fails", "makes nothing"],
)
async def test_a_git_that_fails_changes_nothing(tmp_path: Path, script: str, error: type[Exception]) -> None:
    """Without a pack from git the repo stays as it was."""
    async with engine_in(tmp_path, git=fake_git(tmp_path, script)) as engine:
        repo = await SmallRepo.make(engine)
        await repo.push(LINE, {MAIN: oid_of(LINE[-1])}, preserves=False)
        before = await repo.state()
        with pytest.raises(error):
            await repack(engine, repo.row.id)
        assert await repo.state() == before


async def test_a_repo_that_is_gone_is_told(tmp_path: Path) -> None:
    """An unknown repo is NotFound."""
    async with engine_in(tmp_path) as engine:
        with pytest.raises(NotFound):
            await repack(engine, RepoId("nobody"))
