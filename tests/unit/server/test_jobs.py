"""Maintenance in the background."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import history
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.ids import Milliseconds
from treehold.server import jobs
from treehold.server.jobs import BackgroundCare

LINE = history(*(b"%d" % number for number in range(8)))
SHORT = 0.01


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(roll_up_packs=8)) as engine:
        yield engine


async def test_rounds_follow_each_other(engine: Engine) -> None:
    """A repo in need is cared for without anybody asking, and one that comes to be in need later too."""
    care = BackgroundCare(engine, seconds=SHORT)
    care.start()
    for name in ("first", "second"):
        repo = await SmallRepo.make(engine, name)
        await repo.grow(*(LINE[start : start + 3] for start in range(0, len(LINE), 3)))
        while len((await repo.state()).packs) > 1:
            await asyncio.sleep(0)
    await care.stop()


async def test_a_round_can_be_brought_about(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot wait for the time of the next one asks for it, and is answered once."""
    monkeypatch.setattr(jobs, "_SECONDS_BETWEEN_HASTY", SHORT)
    care = BackgroundCare(engine, seconds=9999)
    care.start()
    for name in ("first", "second"):
        repo = await SmallRepo.make(engine, name)
        await repo.grow(*(LINE[start : start + 3] for start in range(0, len(LINE), 3)))
        engine.node.care_wanted.set()
        while len((await repo.state()).packs) > 1:
            await asyncio.sleep(0)
        assert not engine.node.care_wanted.is_set()
    await care.stop()


async def test_it_can_be_switched_off(engine: Engine) -> None:
    """With 0 seconds there are no rounds, and stopping is fine."""
    care = BackgroundCare(engine, seconds=0)
    care.start()
    assert len(asyncio.all_tasks()) == 1
    await care.stop()


async def test_stopping_drops_what_is_under_way(engine: Engine) -> None:
    """It ends at once, in a round as well as between two, and nothing runs afterwards."""
    begun = asyncio.Event()
    care = BackgroundCare(replace(engine, failpoint=lambda _: begun.set()), seconds=SHORT)
    care.start()
    await begun.wait()
    await care.stop()
    assert len(asyncio.all_tasks()) == 1
    waiting = BackgroundCare(engine, seconds=1000)
    waiting.start()
    await waiting.stop()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("breaks", ["catalog", "code"])
async def test_whatever_goes_wrong_another_round_follows(engine: Engine, breaks: str) -> None:
    """A catalog that fails, or a mistake of ours, is logged each time and ends nothing."""

    def no_clock() -> Milliseconds:
        raise RuntimeError("no clock")

    if breaks == "catalog":
        await engine.catalog.close()
    with structlog.testing.capture_logs() as logs:
        care = BackgroundCare(replace(engine, clock=no_clock), seconds=SHORT)
        care.start()
        while len(logs) < 3:
            await asyncio.sleep(0)
        await care.stop()
    event = "maintenance_round_failed" if breaks == "catalog" else "maintenance_round_broke"
    assert {entry["event"] for entry in logs} == {event}
