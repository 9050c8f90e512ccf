"""The random lives of test_random_repos, with maintenance of some repo or of all after each step."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live_server import LiveServer, new_git
from tests.scenarios.test_random_repos import STEPS, Family
from treehold.engine.limits import Limits
from treehold.engine.maintenance import sweep
from treehold.engine.repack import repack
from treehold.engine.rollup import roll_up
from treehold.ids import AccountId
from treehold.server.backends import build_engine
from treehold.server.settings import Settings
from treehold.server.startup import require_git


@dataclass
class CaredForFamily(Family):
    """A family of repos whose packs are replaced and swept under it."""

    def step(self) -> None:
        super().step()
        asyncio.run(self.care(self.dice.choice(["roll-up", "roll-up", "repack", "sweep"])))

    async def care(self, kind: str) -> None:
        """Do a piece of maintenance, as another process than the server."""
        settings = Settings(data_dir=self.server.data_dir, limits=Limits(roll_up_packs=2))
        engine = build_engine(settings, git=require_git(settings))
        name = self.dice.choice(self.twins).repo.name
        repo = await engine.catalog.find_repo(AccountId("local"), "default", name)
        if kind == "roll-up":
            await roll_up(engine, repo.id)
        elif kind == "repack":
            await repack(engine, repo.id)
        else:
            await sweep(engine, grace_seconds=0)
        self.deeds[kind] += 1
        await engine.catalog.close()


@pytest.mark.parametrize("seed", range(3))
def test_maintenance_changes_nothing_that_can_be_seen(tmp_path: Path, seed: int) -> None:
    """Through roll-ups, repacks and sweeps in between, of forks too, clones hold the refs' closure and no more."""
    with LiveServer(tmp_path / "data") as server:
        family = CaredForFamily(server, new_git(tmp_path / "model"), random.Random(seed), tmp_path)
        family.adopt(server.create(f"cared-for-{seed}"), {})
        family.push(family.twins[0])
        for number in range(2 * STEPS):
            family.step()
            family.check(number)
