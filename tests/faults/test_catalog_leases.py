"""Several processes that want the same leases never hold one at the same time."""

import asyncio
import multiprocessing
import time
from pathlib import Path

from treehold.catalog.sqlite import SqliteCatalog
from treehold.ids import Milliseconds

PROCESSES = 2
LEASES = 60
NAMES = [f"lease-{number}" for number in range(LEASES)]


def _now() -> Milliseconds:
    return Milliseconds(time.time_ns() // 1_000_000)


async def _gather_leases(path: Path, holder: str, seconds: int) -> list[str]:
    """Ask for every lease and answer those that were got."""
    catalog = SqliteCatalog.open(path)
    until = Milliseconds(_now() + 1000 * seconds)
    got = [name for name in NAMES if await catalog.acquire_lease(name, holder, now=_now(), until=until)]
    await catalog.close()
    return got


def work(path: Path, holder: str, seconds: int) -> list[str]:
    """What one process does."""
    return asyncio.run(_gather_leases(path, holder, seconds))


async def test_each_lease_goes_to_one_process(tmp_path: Path) -> None:
    """Processes that ask for all leases at once share them out, and a process that is gone holds its own until then."""
    path = tmp_path / "catalog.db"
    await SqliteCatalog.open(path).close()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        jobs = [pool.apply_async(work, (path, f"process-{number}", 3600)) for number in range(PROCESSES)]
        got = [name for job in jobs for name in await asyncio.to_thread(job.get, 60)]
        pool.close()
        await asyncio.to_thread(pool.join)
    assert sorted(got) == sorted(NAMES)
    assert await _gather_leases(path, "late", 1) == []


async def test_leases_of_a_process_that_is_gone_run_out(tmp_path: Path) -> None:
    """After their time another process takes them over."""
    path = tmp_path / "catalog.db"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert await asyncio.to_thread(pool.apply, work, (path, "gone", 0)) == NAMES
    assert await _gather_leases(path, "next", 60) == NAMES
