"""A catalog whose process is killed in the midst of commits loses nothing that was acknowledged."""

import asyncio
import multiprocessing
import sqlite3
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    digest_of,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
)
from treehold.catalog.base import Ref, RefChange
from treehold.catalog.sqlite import SqliteCatalog

CALLERS = 8


async def _push_for_ever(path: Path, pipe: Connection) -> None:
    """Several repos, each pushed to without end; each answer is written to the pipe after it came."""
    catalog = SqliteCatalog.open(path)

    async def caller(me: int) -> None:
        repo = await catalog.create_repo(new_repo(f"repo-{me}", id_=f"id-{me}"), new_token(f"token-{me}"))
        pipe.send((me, 0))
        old = None
        for number in range(1, 1_000_000):
            new = Ref(oid_of(f"{me}-{number}"))
            change = RefChange(MAIN, old, new)
            generation = await push(catalog, repo, number - 1, change, pack=new_pack(f"{me}-{number}"))
            pipe.send((me, generation))
            old = new.oid

    await asyncio.gather(*(caller(me) for me in range(CALLERS)))


def work(path: Path, pipe: Connection) -> None:
    """What the process that will be killed does."""
    asyncio.run(_push_for_ever(path, pipe))


def _told(pipe: Connection) -> dict[int, int]:
    """The last acknowledged generation of each repo."""
    told: dict[int, int] = {}
    try:
        while pipe.poll():
            me, generation = pipe.recv()
            told[me] = generation
    except (EOFError, OSError):
        pass  # killed in the midst of a message
    return told


def _until_killed(path: Path, seconds: float) -> dict[int, int]:
    """Let a process push for a while, kill it, and answer what it had been told."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(path, theirs))
    process.start()
    theirs.close()
    told: dict[int, int] = {}
    while len(told) < CALLERS:
        assert process.is_alive()
        ours.poll(1)
        told |= _told(ours)
    for _ in range(int(seconds * 100)):
        sleep(0.01)
        told |= _told(ours)  # or the pipe would fill and stop the callers
    process.kill()
    process.join()
    told |= _told(ours)
    ours.close()
    process.close()
    return told


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
async def test_a_kill_loses_nothing_acknowledged(tmp_path: Path, seconds: float) -> None:
    """After a SIGKILL all that was told is there, all that is there is whole, and the catalog takes new pushes."""
    path = tmp_path / "catalog.db"
    told = await asyncio.to_thread(_until_killed, path, seconds)
    assert sum(told.values()) > CALLERS
    catalog = SqliteCatalog.open(path)
    for me, acknowledged in told.items():
        repo = await catalog.find_repo(ACCOUNT, NAMESPACE, f"repo-{me}")
        state = await catalog.repo_state(repo.id)
        generation = state.repo.generation
        assert acknowledged <= generation <= acknowledged + 1  # the last one may have been committed and not told
        assert state.refs == ({MAIN: Ref(oid_of(f"{me}-{generation}"))} if generation else {})
        assert [pack.generation for pack in state.packs] == list(range(1, generation + 1))
        for pack in state.packs[-3:]:
            assert (await catalog.inline_pack(pack.id))[0] == b"PACK%d-%d" % (me, pack.generation)
        log = await catalog.ref_log(repo.id, newest=1_000_000)
        assert [entry.generation for entry in log] == list(range(generation, 0, -1))
        assert (await catalog.find_token(digest_of(f"token-{me}")))[1] == repo
        old = state.refs[MAIN].oid if generation else None
        assert await push(catalog, repo, generation, RefChange(MAIN, old, Ref(oid_of("next")))) == generation + 1
    await catalog.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
