"""Tests of treehold.catalog.sqlite."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    NOW,
    api_token,
    at,
    digest_of,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
    replace_packs,
    set_ref,
)
from treehold.catalog.base import Catalog, Ref, RepoQuery
from treehold.catalog.care import JobRow, PurgedCounts
from treehold.catalog.sqlite import INLINE_DECODE_BYTES_MAX, INLINE_ROWS_MAX, SqliteCatalog
from treehold.catalog.sqlite_connection import SqliteLimits
from treehold.errors import CatalogError, CorruptStore, Unavailable
from treehold.ids import RefName, TokenId


async def test_it_is_made_privately_where_it_is_asked_for(tmp_path: Path) -> None:
    """Folder and files are for their owner only, and after closing only the database and the lock are left."""
    path = tmp_path / "data" / "catalog.db"
    catalog: Catalog = SqliteCatalog.open(path)
    await make_repo(catalog)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    await catalog.close()
    assert {file.name for file in path.parent.iterdir()} == {"catalog.db", "catalog.db.lock"}


async def test_it_is_there_after_opening_again(tmp_path: Path) -> None:
    """What was written before a close is read after an open."""
    first = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(first)
    await push(first, repo, 0, set_ref(MAIN, "a"), pack=new_pack())
    await first.close()
    second = SqliteCatalog.open(tmp_path / "catalog.db", limits=SqliteLimits(batch_max=1))
    assert (await second.repo_state(repo.id)).refs == {MAIN: Ref(oid_of("a"))}
    await second.close()


async def test_every_question_reaches_its_statement(tmp_path: Path) -> None:
    """Each method of the catalog does what its name says, once through a repo's life."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await catalog.create_repo(new_repo("repo"), new_token("one"))
    await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
    fork = await catalog.fork_repo(repo.id, new_repo("fork"), new_token(), only=frozenset())
    assert (await catalog.find_repo(ACCOUNT, NAMESPACE, "fork")).id == fork.id == (await catalog.repo_row(fork.id)).id
    assert (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 5))).total == 2
    assert len(await catalog.ref_log(repo.id, newest=5)) == 1
    assert (await catalog.inline_pack((await catalog.repo_state(fork.id)).packs[0].id))[0] == b"PACK1"
    await catalog.create_token(repo.id, new_token("two"))
    await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId("two"), NOW)
    assert (await catalog.find_token(digest_of("two")))[0].revoked_at == NOW
    assert (await catalog.list_tokens(repo.id, state="active", now=NOW, limit=5, offset=0))[1] == 1
    packs = (await catalog.repo_state(repo.id)).packs
    assert await replace_packs(catalog, repo, packs, new_pack("2"), exact=False) == 2
    assert [need.repo for need in await catalog.repos_in_need(packs_min=9, limit=5)] == [repo.id]
    assert await catalog.delete_repo(ACCOUNT, NAMESPACE, "repo", NOW) == repo.id
    await catalog.create_api_token(api_token("api"), digest_of("api"))
    await catalog.revoke_api_token(TokenId("api"), NOW)
    assert [await catalog.find_api_token(digest_of("api"))] == await catalog.list_api_tokens()
    await catalog.close()


async def test_every_chore_reaches_its_statement(tmp_path: Path) -> None:
    """Each method for maintenance does what its name says."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await catalog.create_repo(new_repo("repo"), new_token("one"))
    await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
    await catalog.delete_repo(ACCOUNT, NAMESPACE, "repo", NOW)
    assert await catalog.doom_unreferenced(at(1)) == 1
    doomed = await catalog.doomed_packs(at(2), 5)
    await catalog.forget_packs([pack.id for pack in doomed])
    assert (len(doomed), await catalog.doomed_packs(at(2), 5)) == (1, [])
    assert await catalog.acquire_lease("sweep", "a", now=NOW, until=at(1))
    await catalog.release_lease("sweep", "a")
    assert await catalog.acquire_lease("sweep", "b", now=NOW, until=at(1))
    job = JobRow("j", "sweep", None, NOW, None, "running", "")
    await catalog.record_job(job)
    assert await catalog.recent_jobs(5) == [job]
    assert await catalog.purge(at(2)) == PurgedCounts(repos=1, log_entries=1, leases=1, jobs=1)
    await catalog.close()


async def test_a_snapshot_is_decoded_once(tmp_path: Path) -> None:
    """A state read again is the same, in a dict of its own, and the snapshot need not be read for it."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog, "parent")
    await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack())
    fork = await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
    first = await catalog.repo_state(repo.id)
    first.refs.clear()
    await catalog._writer.run(lambda connection: connection.execute("UPDATE snapshots SET refs = x'01'"))
    for same in (repo, fork):
        state = await catalog.repo_state(same.id)
        assert (state.refs, state.packs) == ({MAIN: Ref(oid_of("a"))}, first.packs)
    await catalog.close()


async def test_a_generation_is_read_once(tmp_path: Path) -> None:
    """Its refs and packs stay what they are; the repo's row is read each time, and so is the next generation."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack())
    first = await catalog.repo_state(repo.id)
    first.refs.clear()
    await catalog._writer.run(lambda connection: connection.execute("DELETE FROM refs"))
    await catalog._writer.run(lambda connection: connection.execute("UPDATE repos SET description = 'new'"))
    again = await catalog.repo_state(repo.id)
    assert (again.repo.description, again.refs, again.packs) == ("new", {MAIN: Ref(oid_of("a"))}, first.packs)
    await push(catalog, repo, 1, set_ref(MAIN, "b", old="a"))
    assert (await catalog.repo_state(repo.id)).refs == {MAIN: Ref(oid_of("b"))}
    await catalog.close()


async def test_many_rows_over_a_snapshot_are_laid_beside_the_event_loop(tmp_path: Path) -> None:
    """A repo with a large overlay over a larger snapshot answers the same, and other tasks run meanwhile."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    names = [b"refs/tags/%d" % number for number in range(INLINE_ROWS_MAX + 10)]
    await push(catalog, repo, 0, *(set_ref(name, "a") for name in names))
    await catalog.repo_state(repo.id)
    await push(catalog, repo, 1, *(set_ref(name, "b", old="a") for name in names[1:]))
    beside = asyncio.create_task(catalog.repo_row(repo.id))
    refs = (await catalog.repo_state(repo.id)).refs
    assert beside.done()
    assert [refs[RefName(names[0])], refs[RefName(names[1])]] == [Ref(oid_of("a")), Ref(oid_of("b"))]
    await catalog.close()


async def test_a_large_state_is_decoded_beside_the_event_loop(tmp_path: Path) -> None:
    """A repo with many refs answers the same, and other tasks run meanwhile."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    changes = [set_ref(b"refs/tags/%d" % number, str(number)) for number in range(INLINE_DECODE_BYTES_MAX // 30)]
    await push(catalog, repo, 0, *changes)
    beside = asyncio.create_task(catalog.repo_row(repo.id))
    state = await catalog.repo_state(repo.id)
    assert beside.done()
    assert state.refs == {change.name: change.new for change in changes}
    await catalog.close()


async def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    """The file of a later program is CatalogError and is left as it is."""
    path = tmp_path / "catalog.db"
    await SqliteCatalog.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(CatalogError, match="version 7, newer"):
        SqliteCatalog.open(path)
    assert path.read_bytes() == before


def test_what_is_no_catalog_is_refused(tmp_path: Path) -> None:
    """A file that is no database, and a folder that cannot be made, are CatalogError naming the path."""
    (tmp_path / "text").write_bytes(b"these bytes are no database at all " * 100)
    for path in (tmp_path / "text", tmp_path / "text" / "catalog.db", tmp_path):
        with pytest.raises(CatalogError, match=str(path)):
            SqliteCatalog.open(path)


async def test_a_closed_catalog_answers_with_errors_of_ours(tmp_path: Path) -> None:
    """After close a read is CatalogError and a write Unavailable."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    await catalog.close()
    with pytest.raises(CatalogError):
        await catalog.repo_row(repo.id)
    with pytest.raises(CatalogError):
        await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 5, search="a"))
    with pytest.raises(Unavailable):
        await make_repo(catalog, "late")


async def test_reads_do_not_wait_for_a_write(tmp_path: Path) -> None:
    """While a write is under way in another instance, reads answer the state before it."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    with closing(sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        foreign.execute("UPDATE repos SET generation = 99")
        assert (await catalog.repo_state(repo.id)).repo.generation == 0
        assert (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 5, search="agent"))).rows == (repo,)
        foreign.execute("ROLLBACK")
    await catalog.close()


async def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    """A push that finds no room is CatalogError and changes nothing; reads go on, and writes when there is room."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog)
    writer = catalog._writer
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    for _ in range(3):
        with pytest.raises(CatalogError):
            await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("x" * 500_000))
    assert (await catalog.repo_state(repo.id)).repo == repo
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("x" * 500_000)) == 1
    await catalog.close()


async def test_a_thousand_forks_cost_little_disk(tmp_path: Path) -> None:
    """A thousand forks of a repo with a thousand refs, their tokens among them, take less than a megabyte."""
    path = tmp_path / "catalog.db"
    catalog = SqliteCatalog.open(path)
    repo = await make_repo(catalog, "parent")
    changes = [set_ref(b"refs/heads/%d" % number, str(number)) for number in range(1000)]
    await push(catalog, repo, 0, *changes, pack=new_pack())
    await catalog.fork_repo(repo.id, new_repo("first"), new_token())
    await catalog.close()
    before = path.stat().st_size
    catalog = SqliteCatalog.open(path)
    forks = (new_repo(f"session-{number:06d}", source="artifacts:agents/parent") for number in range(1000))
    await asyncio.gather(*(catalog.fork_repo(repo.id, fork, new_token()) for fork in forks))
    await catalog.close()
    assert path.stat().st_size - before < 1_000_000


async def test_a_damaged_snapshot_is_corruption(tmp_path: Path) -> None:
    """A snapshot that does not decode is CorruptStore for its repo."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    repo = await make_repo(catalog, "parent")
    await push(catalog, repo, 0, set_ref(MAIN, "a"))
    await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
    await catalog._writer.run(lambda connection: connection.execute("UPDATE snapshots SET packs = x'01'"))
    with pytest.raises(CorruptStore):
        await catalog.repo_state(repo.id)
    await catalog.close()
