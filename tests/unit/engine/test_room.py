"""Tests of treehold.engine.room."""

from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in
from tests.wire.raw_git import EMPTY_PACK, history, oid_of
from treehold.engine.limits import Limits
from treehold.engine.room import Room, check_any_room, find_room
from treehold.errors import StorageLimitReached
from treehold.ids import AccountId


@pytest.mark.parametrize(
    ("repo_max", "account_max", "left", "named"),
    [
        (1000, 2000, 400, "repo would be larger than 1000"),
        (3000, 2000, 2000, "account would keep more than 2000"),
        (0, 2000, 2000, "account would keep more than 2000"),
        (1000, 0, 400, "repo would be larger than 1000"),
        (500, 0, -100, "repo would be larger than 500"),
    ],
)
async def test_the_nearer_limit_counts(tmp_path: Path, repo_max: int, account_max: int, left: int, named: str) -> None:
    """The room is what the nearer of both limits leaves, and the refusal names that one."""
    async with engine_in(tmp_path, limits=Limits(repo_bytes_max=repo_max, account_bytes_max=account_max)) as engine:
        room = await find_room(engine, ACCOUNT, repo_bytes=600)
        assert room.bytes_left == left
        room.check(max(left, 0))
        with pytest.raises(StorageLimitReached, match=named):
            room.check(max(left + 1, 33))


async def test_without_limits_there_is_room_for_anything(tmp_path: Path) -> None:
    """A limit of 0 is none."""
    async with engine_in(tmp_path, limits=Limits(repo_bytes_max=0, account_bytes_max=0)) as engine:
        (await find_room(engine, ACCOUNT, repo_bytes=1 << 60)).check(1 << 60)
        await check_any_room(engine, ACCOUNT)


async def test_an_account_is_full_by_what_its_repos_keep(tmp_path: Path) -> None:
    """What all repos of an account keep is counted together, and another account has all its room."""
    objects = history(b"content\n")
    async with engine_in(tmp_path, limits=Limits(account_bytes_max=300)) as engine:
        await check_any_room(engine, ACCOUNT)
        for name in ("one", "two"):
            repo = await SmallRepo.make(engine, name)
            await repo.push(objects, {MAIN: oid_of(objects[-1])})
        kept = await engine.catalog.stored_bytes(ACCOUNT)
        assert (await find_room(engine, ACCOUNT, repo_bytes=0)).bytes_left == 300 - kept < 0
        with pytest.raises(StorageLimitReached, match="account would keep more than 300 bytes"):
            await check_any_room(engine, ACCOUNT)
        await check_any_room(engine, AccountId("other"))


@pytest.mark.parametrize("left", [-1000, 0, 31])
def test_a_pack_without_objects_needs_no_room(left: int) -> None:
    """A full repo takes the empty pack that git sends for a new branch on an old commit, and not a byte more."""
    room = Room(left, "full")
    room.check(0)
    room.check(len(EMPTY_PACK))
    with pytest.raises(StorageLimitReached, match="full"):
        room.check(len(EMPTY_PACK) + 1)
