"""Several processes on one catalog file, as worker processes are, lose nothing and repeat nothing."""

import asyncio
import multiprocessing
from collections import Counter
from pathlib import Path

from tests.contract.catalog_samples import MAIN, make_repo, new_pack, oid_of, push
from treehold.catalog.base import Ref, RefChange
from treehold.catalog.sqlite import SqliteCatalog
from treehold.errors import Conflict
from treehold.ids import RefName, RepoId

PROCESSES = 3
CALLERS = 4
PUSHES = 12


def _text(process: int, caller: int, number: int) -> str:
    return f"{process}-{caller}-{number}"


async def _one_push(catalog: SqliteCatalog, repo: RepoId, process: int, caller: int, number: int) -> int:
    """Push until nobody else was first; answer the generation that it made."""
    text = _text(process, caller, number)
    own = RefName(b"refs/heads/%d-%d" % (process, caller))
    while True:
        state = await catalog.repo_state(repo)
        present = state.refs.get(MAIN), state.refs.get(own)
        changes = [
            RefChange(name, ref.oid if ref else None, Ref(oid_of(text)))
            for name, ref in zip((MAIN, own), present, strict=True)
        ]
        try:
            return await push(catalog, state.repo, state.repo.generation, *changes, pack=new_pack(text))
        except Conflict:
            await asyncio.sleep(0)


async def _callers(path: Path, repo: RepoId, process: int) -> list[tuple[int, str]]:
    """What several callers of one process were told: each push's generation and text."""
    catalog = SqliteCatalog.open(path)

    async def caller(me: int) -> list[tuple[int, str]]:
        return [
            (await _one_push(catalog, repo, process, me, number), _text(process, me, number))
            for number in range(PUSHES)
        ]

    told = await asyncio.gather(*(caller(me) for me in range(CALLERS)))
    await catalog.close()
    return [pair for pairs in told for pair in pairs]


def work(path: Path, repo: RepoId, process: int) -> list[tuple[int, str]]:
    """What one process does."""
    return asyncio.run(_callers(path, repo, process))


async def test_processes_push_to_one_repo_without_loss(tmp_path: Path) -> None:
    """Every acknowledged push is there once, generations have no gap, and refs, packs and log agree."""
    path = tmp_path / "catalog.db"
    catalog = SqliteCatalog.open(path)
    repo = await make_repo(catalog)
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        jobs = [pool.apply_async(work, (path, repo.id, process)) for process in range(PROCESSES)]
        told = [pair for job in jobs for pair in await asyncio.to_thread(job.get, 60)]
        pool.close()
        await asyncio.to_thread(pool.join)
    total = PROCESSES * CALLERS * PUSHES
    text_of = dict(told)
    assert sorted(text_of) == list(range(1, total + 1))
    state = await catalog.repo_state(repo.id)
    assert (state.repo.generation, state.repo.size_bytes) == (total, sum(pack.size_bytes for pack in state.packs))
    assert state.refs[MAIN] == Ref(oid_of(text_of[total]))
    for pack in state.packs:
        assert (await catalog.inline_pack(pack.id))[0] == b"PACK" + text_of[pack.generation].encode()
    assert [pack.generation for pack in state.packs] == list(range(1, total + 1))
    log = await catalog.ref_log(repo.id, newest=10_000)
    assert Counter(entry.generation for entry in log) == dict.fromkeys(range(1, total + 1), 2)
    assert all(entry.new == oid_of(text_of[entry.generation]) for entry in log)
    await catalog.close()
