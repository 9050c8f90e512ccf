"""Maintenance that dies at any step: nothing is lost, and what was left half done is finished or cleared away."""

import asyncio
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.live_server import Git, LiveServer, Repo, new_git
from tests.scenarios.test_commands import treehold
from treehold.catalog.base import RepoState
from treehold.engine.context import Engine
from treehold.engine.maintenance import sweep
from treehold.ids import AccountId, Milliseconds
from treehold.server.backends import build_engine, clock
from treehold.server.settings import Settings
from treehold.server.startup import require_git

DAY = 86_400
SETTINGS = {
    "TREEHOLD_LIMITS__ROLL_UP_PACKS": "8",
    "TREEHOLD_LIMITS__INLINE_PACK_BYTES": "100",
    "TREEHOLD_LIMITS__LEASE_SECONDS": "1",
    "TREEHOLD_LIMITS__REPACK_REST_SECONDS": "0",
    "TREEHOLD_LIMITS__SWEEP_REST_SECONDS": "0",
    "TREEHOLD_LIMITS__SWEEP_GRACE_SECONDS": "0",
}
STEPS = [
    "keep.pack-stored",
    "rollup.bytes-durable",
    "rollup.committed",
    "repack.bytes-durable",
    "repack.committed",
    "sweep.noted",
    "sweep.rows-gone",
    "sweep.pack-deleted",
]


@dataclass
class Scene:
    """A server's folder with a repo of many packs, a repo that is not exact, and a fork that shares its packs."""

    server: LiveServer
    folder: Path
    work: Git
    repos: dict[str, tuple[Repo, str]]

    @classmethod
    def make(cls, server: LiveServer, folder: Path) -> "Scene":
        many, loose = server.create("many"), server.create("loose")
        work = new_git(folder / "work")
        for number in range(10):
            work.commit({f"file{number}": f"{number}\n" * 40})
            for repo in (many, loose) if number > 7 else (many,):
                work.showing(repo.token)("push", "-q", repo.remote, "main")
        fork, _ = server.fork("loose", "fork")
        work.showing(loose.token)("push", "-qf", loose.remote, "main~4:refs/heads/main")
        return cls(server, folder, work, {"many": (many, "main"), "loose": (loose, "main~4"), "fork": (fork, "main")})

    def check(self, name: str) -> None:
        """Every repo is whole, says what was last pushed to it, and can be pushed to."""
        for repo, tip in self.repos.values():
            mirror = Git(self.folder, repo.token)
            mirror("clone", "-q", "--mirror", repo.remote, f"{name}-{repo.name}")
            mirror.at(f"{name}-{repo.name}").fsck()
            assert mirror.at(f"{name}-{repo.name}")("rev-parse", "refs/heads/main") == self.work("rev-parse", tip)
            self.work.showing(repo.token)("push", "-q", repo.remote, f"{tip}:refs/heads/{name}")

    def engine(self) -> Engine:
        settings = Settings(data_dir=self.server.data_dir)
        engine = build_engine(settings, git=require_git(settings))
        return replace(engine, clock=lambda: Milliseconds(clock() + 2 * DAY * 1000))

    async def finish(self) -> None:
        """Do what is still to be done, with patience for the leases of the dead, and see that nothing is left over."""
        engine = self.engine()
        states: list[RepoState] = []
        while not states:
            done = treehold(self.server.data_dir, "admin", "maintenance", "run", "--grace-seconds", "0", **SETTINGS)
            assert done.returncode == 0, done.stderr
            found = [await engine.catalog.find_repo(AccountId("local"), "default", name) for name in self.repos]
            now = [await engine.catalog.repo_state(row.id) for row in found]
            states = now if all(state.repo.exact for state in now) and len(now[0].packs) < 8 else []
        await sweep(engine, grace_seconds=0)
        keys = {pack.key for state in states for pack in state.packs if pack.key}
        assert {blob.key async for blob in engine.store.blobs()} == keys | {f"{key}.index" for key in keys}
        await engine.catalog.close()


@pytest.mark.parametrize("step", STEPS)
async def test_an_operator_s_round_dies(tmp_path: Path, step: str) -> None:
    """Killed at a step beside a serving server, a round leaves every repo as it was, and the next one finishes it."""
    with LiveServer(tmp_path / "data", settings=SETTINGS) as server:
        scene = Scene.make(server, tmp_path)
        arguments = ("admin", "maintenance", "run", "--grace-seconds", "0")
        died = treehold(server.data_dir, *arguments, **SETTINGS, TREEHOLD_FAILPOINT=step)
        assert died.returncode == -signal.SIGKILL
        scene.check("after")
        await scene.finish()
        scene.check("last")


@pytest.mark.parametrize("step", ["keep.pack-stored", "rollup.committed", "repack.committed", "sweep.rows-gone"])
async def test_a_server_dies_in_the_background(tmp_path: Path, step: str) -> None:
    """Killed at a step of its own maintenance, a server comes back with everything, and finishes it."""
    with LiveServer(tmp_path / "data", settings=SETTINGS) as server:
        scene = Scene.make(server, tmp_path)
    dying = LiveServer(
        server.data_dir,
        settings={**SETTINGS, "TREEHOLD_FAILPOINT": step, "TREEHOLD_MAINTENANCE_SECONDS": "1"},
        port=server.port,
    ).start()
    assert dying.process is not None
    assert dying.process.wait(timeout=60) == -signal.SIGKILL
    with LiveServer(server.data_dir, settings=SETTINGS, port=server.port):
        scene.check("after")
        await scene.finish()
        scene.check("last")


async def test_a_server_that_stops_in_a_round_ends_well(tmp_path: Path) -> None:
    """SIGTERM while the background is at work ends the server with status 0, and nothing is lost."""
    settings = {**SETTINGS, "TREEHOLD_MAINTENANCE_SECONDS": "1"}
    with LiveServer(tmp_path / "data", workers=2, settings=settings) as server:
        scene = Scene.make(server, tmp_path)
        engine = scene.engine()
        while not await engine.catalog.recent_jobs(1):
            await asyncio.sleep(0.02)
        await engine.catalog.close()
        assert server.stop() == 0
    with LiveServer(server.data_dir, settings=SETTINGS, port=server.port):
        scene.check("after")
        await scene.finish()
