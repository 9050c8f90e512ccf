"""What every catalog backend must do: repos in need, leases, the job log and the purge."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    at,
    digest_of,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    push,
    replace_packs,
    set_ref,
)
from treehold.catalog.base import Catalog, RepoQuery, RepoRow
from treehold.catalog.care import JOB_DETAIL_CHARACTERS_MAX, PACKS_IN_NEED_MIN, JobRow, PurgedCounts, RepoNeed
from treehold.errors import NotFound
from treehold.ids import RepoId, TokenId

JOB = JobRow("j1", "roll-up", RepoId("r1"), at(1), None, "running", "")


async def _with_packs(catalog: Catalog, name: str, count: int, *, preserves: bool = True) -> RepoRow:
    repo = await make_repo(catalog, name)
    for generation in range(count):
        await push(catalog, repo, generation, pack=new_pack(f"{name}-{generation}"), preserves=preserves)
    return await catalog.repo_row(repo.id)


async def _names(catalog: Catalog, packs_min: int = PACKS_IN_NEED_MIN) -> list[str]:
    needs = await catalog.repos_in_need(packs_min=packs_min, limit=100)
    return [(await catalog.repo_row(need.repo)).name for need in needs]


class NeedSuite:
    """Repos in need."""

    async def test_repos_with_many_packs_or_not_exact_are_found(self, catalog: Catalog) -> None:
        """They are told in the order of their creation, with what there is to know; the others are not."""
        await _with_packs(catalog, "idle", PACKS_IN_NEED_MIN - 1)
        many = await _with_packs(catalog, "many", 10)
        await make_repo(catalog, "empty")
        loose = await _with_packs(catalog, "loose", 2, preserves=False)
        found = await catalog.repos_in_need(packs_min=10, limit=9)
        assert [replace(need, place=0) for need in found] == [
            RepoNeed(many.id, 10, True, False, many.size_bytes, None, 0),
            RepoNeed(loose.id, 2, False, False, loose.size_bytes, None, 0),
        ]

    async def test_the_number_of_packs_is_chosen(self, catalog: Catalog) -> None:
        """Fewer packs than asked for is no need, and asking for very few finds no more than a certain number does."""
        for count in (PACKS_IN_NEED_MIN - 1, PACKS_IN_NEED_MIN, 12):
            await _with_packs(catalog, f"with-{count}", count)
        assert await _names(catalog, 13) == []
        assert await _names(catalog, 12) == ["with-12"]
        assert await _names(catalog, 9) == ["with-12"]
        assert await _names(catalog, 0) == await _names(catalog) == [f"with-{PACKS_IN_NEED_MIN}", "with-12"]

    async def test_a_walk_goes_on_where_it_was(self, catalog: Catalog) -> None:
        """Pages follow each other by place, whatever changes in between, and end with an empty one."""
        for number in range(5):
            await _with_packs(catalog, f"repo-{number}", 1, preserves=False)
        first = await catalog.repos_in_need(packs_min=9, limit=2)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "repo-1", at(1))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "repo-2", at(1))
        second = await catalog.repos_in_need(packs_min=9, limit=2, after=first[-1].place)
        names = [(await catalog.repo_row(need.repo)).name for need in second]
        assert (len(first), names) == (2, ["repo-3", "repo-4"])
        assert await catalog.repos_in_need(packs_min=9, limit=2, after=second[-1].place) == []
        assert await catalog.repos_in_need(packs_min=9, limit=0) == []

    async def test_the_need_ends_with_the_repair(self, catalog: Catalog) -> None:
        """A replacement that leaves few packs and sets exact ends it, and is remembered with its time."""
        repo = await _with_packs(catalog, "many", 9, preserves=False)
        packs = (await catalog.repo_state(repo.id)).packs
        await replace_packs(catalog, repo, packs[:2], new_pack("some"), now=77)
        (need,) = await catalog.repos_in_need(packs_min=8, limit=9)
        assert (need.packs, need.exact, need.replaced_at) == (8, False, at(77))
        packs = (await catalog.repo_state(repo.id)).packs
        await replace_packs(catalog, repo, packs, new_pack("all"), expected=10, exact=True, is_repack=True)
        assert await _names(catalog) == []

    async def test_forks_have_needs_of_their_own(self, catalog: Catalog) -> None:
        """A fork counts the packs of its own, needs nothing for being inexact, and says that it is one."""
        parent = await _with_packs(catalog, "parent", 8)
        await push(catalog, parent, 8, set_ref(MAIN, "a"), set_ref(b"refs/heads/b", "b"))
        fork = await catalog.fork_repo(parent.id, new_repo("fork"), new_token(), only=frozenset({MAIN}))
        for generation in range(9, 16):
            await push(catalog, fork, generation, pack=new_pack(f"fork-{generation}"))
        assert await _names(catalog) == ["parent"]
        await push(catalog, fork, 16, pack=new_pack("fork-16"))
        assert await _names(catalog) == ["parent", "fork"]
        needs = await catalog.repos_in_need(packs_min=8, limit=9)
        assert [(need.packs, need.exact, need.is_fork) for need in needs] == [(8, True, False), (8, False, True)]
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "parent", at(1))
        assert await _names(catalog) == ["fork"]

    async def test_a_repacked_fork_stands_alone(self, catalog: Catalog) -> None:
        """A repack replaces what a fork shares too: the one pack is its own then, and it begins at nothing."""
        parent = await _with_packs(catalog, "parent", 2)
        fork = await catalog.fork_repo(parent.id, new_repo("fork"), new_token())
        await push(catalog, fork, 2, pack=new_pack("mine"))
        packs = (await catalog.repo_state(fork.id)).packs
        await replace_packs(catalog, fork, packs, new_pack("all"), expected=3, is_repack=True)
        assert (await catalog.repo_row(fork.id)).origin == 0
        for generation in range(4, 11):
            await push(catalog, fork, generation, pack=new_pack(f"fork-{generation}"))
        assert [need.packs for need in await catalog.repos_in_need(packs_min=8, limit=9)] == [8]


class LeaseSuite:
    """Leases."""

    async def test_a_lease_has_one_holder(self, catalog: Catalog, second: Catalog) -> None:
        """Until it runs out nobody else gets it, from whichever instance."""
        assert await catalog.acquire_lease("sweep", "a", now=at(0), until=at(10))
        assert not await second.acquire_lease("sweep", "b", now=at(0), until=at(10))
        assert not await catalog.acquire_lease("sweep", "b", now=at(9), until=at(99))
        assert await second.acquire_lease("other", "b", now=at(0), until=at(10))

    async def test_a_holder_renews_its_lease(self, catalog: Catalog) -> None:
        """The same holder gets it again, and the last end counts."""
        assert await catalog.acquire_lease("sweep", "a", now=at(0), until=at(10))
        assert await catalog.acquire_lease("sweep", "a", now=at(5), until=at(20))
        assert not await catalog.acquire_lease("sweep", "b", now=at(15), until=at(30))
        assert await catalog.acquire_lease("sweep", "a", now=at(25), until=at(30))

    async def test_a_lease_that_ran_out_is_taken_over(self, catalog: Catalog) -> None:
        """From its end on anybody gets it, and the old holder no longer does."""
        assert await catalog.acquire_lease("sweep", "a", now=at(0), until=at(10))
        assert await catalog.acquire_lease("sweep", "b", now=at(10), until=at(20))
        assert not await catalog.acquire_lease("sweep", "a", now=at(10), until=at(20))

    async def test_a_lease_is_given_back_by_its_holder(self, catalog: Catalog) -> None:
        """Given back it is free at once; somebody else's, or none, is left alone."""
        assert await catalog.acquire_lease("sweep", "a", now=at(0), until=at(10))
        await catalog.release_lease("sweep", "b")
        await catalog.release_lease("unknown", "b")
        assert not await catalog.acquire_lease("sweep", "b", now=at(1), until=at(10))
        await catalog.release_lease("sweep", "a")
        assert await catalog.acquire_lease("sweep", "b", now=at(1), until=at(10))

    async def test_of_many_one_gets_it(self, catalog: Catalog, second: Catalog) -> None:
        """Asked for at the same time by many, a lease goes to one."""
        asked = [
            (catalog, second)[number % 2].acquire_lease("sweep", str(number), now=at(0), until=at(10))
            for number in range(20)
        ]
        assert sorted(await asyncio.gather(*asked)) == [False] * 19 + [True]


class JobSuite:
    """The job log."""

    async def test_a_job_is_kept_as_it_goes_on(self, catalog: Catalog) -> None:
        """What is recorded under an id replaces what was."""
        await catalog.record_job(JOB)
        assert await catalog.recent_jobs(9) == [JOB]
        done = replace(JOB, finished_at=at(5), outcome="done", detail="9 packs into 1")
        await catalog.record_job(done)
        assert await catalog.recent_jobs(9) == [done]

    async def test_jobs_are_told_newest_first(self, catalog: Catalog) -> None:
        """By their beginning, ties by id, and no more than asked for; a job may be about no repo."""
        begun = (("a", 3), ("b", 1), ("d", 3), ("c", 3), ("e", 2))
        jobs = {name: JobRow(name, "sweep", None, at(start), at(9), "failed", "why") for name, start in begun}
        for job in jobs.values():
            await catalog.record_job(job)
        assert await catalog.recent_jobs(9) == [jobs[name] for name in "dcaeb"]
        assert await catalog.recent_jobs(2) == [jobs["d"], jobs["c"]]
        assert await catalog.recent_jobs(0) == []

    async def test_a_long_detail_is_cut(self, catalog: Catalog) -> None:
        """Only the beginning is kept."""
        detail = "x" * JOB_DETAIL_CHARACTERS_MAX
        await catalog.record_job(replace(JOB, detail=detail + "y" * 100_000))
        assert (await catalog.recent_jobs(1))[0].detail == detail


class PurgeSuite:
    """What has ended."""

    async def test_an_empty_catalog_has_nothing_to_purge(self, catalog: Catalog) -> None:
        """Nothing is counted."""
        assert await catalog.purge(at(0)) == PurgedCounts()

    async def test_expired_and_revoked_tokens_go(self, catalog: Catalog) -> None:
        """Those that ended earlier are gone, the others are there."""
        repo = await catalog.create_repo(new_repo("repo"), new_token("good", expires=99))
        for name, expires in (("old", 9), ("edge", 10), ("revoked", 99), ("lately", 99), ("both", 3)):
            await catalog.create_token(repo.id, new_token(name, expires=expires))
        for name, time in (("revoked", 9), ("lately", 10), ("both", 2)):
            await catalog.revoke_token(ACCOUNT, NAMESPACE, TokenId(name), at(time))
        assert await catalog.purge(at(10)) == PurgedCounts(tokens=3)
        tokens, _ = await catalog.list_tokens(repo.id, state="all", now=at(0), limit=9, offset=0)
        assert {token.id for token in tokens} == {"good", "edge", "lately"}
        for name in ("old", "revoked", "both"):
            with pytest.raises(NotFound):
                await catalog.find_token(digest_of(name))

    async def test_deleted_repos_go_with_their_logs(self, catalog: Catalog) -> None:
        """Those deleted earlier are as if they had never been; later ones and live ones stay."""
        for name, time in (("old", 5), ("edge", 10), ("live", None)):
            repo = await make_repo(catalog, name)
            await push(catalog, repo, 0, set_ref(MAIN, "a"), set_ref(b"refs/heads/b", "b"), pack=new_pack(name))
            if time is not None:
                await catalog.delete_repo(ACCOUNT, NAMESPACE, name, at(time))
        assert await catalog.purge(at(10)) == PurgedCounts(repos=1, log_entries=2)
        with pytest.raises(NotFound):
            await catalog.delete_repo(ACCOUNT, NAMESPACE, "old", at(20))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "edge", at(20))
        assert (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 9))).total == 1
        assert len(await catalog.ref_log(repo.id, newest=9)) == 2
        assert await catalog.purge(at(99)) == PurgedCounts(repos=1, log_entries=2)

    async def test_the_fork_of_a_purged_repo_lives_on(self, catalog: Catalog) -> None:
        """Refs, packs and their bytes stay with a fork."""
        parent = await make_repo(catalog, "parent")
        await push(catalog, parent, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        before = await catalog.repo_state(child.id)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "parent", at(1))
        await catalog.purge(at(5))
        assert await catalog.repo_state(child.id) == before
        assert (await catalog.inline_pack(before.packs[0].id))[0] == b"PACK1"

    async def test_old_leases_and_jobs_go(self, catalog: Catalog) -> None:
        """Leases that ran out and jobs that were begun earlier, even those that never ended."""
        for number in (9, 10):
            await catalog.acquire_lease(f"lease-{number}", "a", now=at(0), until=at(number))
            await catalog.record_job(replace(JOB, id=f"job-{number}", started_at=at(number)))
        assert await catalog.purge(at(10)) == PurgedCounts(leases=1, jobs=1)
        assert [job.id for job in await catalog.recent_jobs(9)] == ["job-10"]
        assert not await catalog.acquire_lease("lease-10", "b", now=at(9), until=at(20))

    async def test_much_is_purged_at_once(self, catalog: Catalog) -> None:
        """A long log, many repos and many tokens go in one call."""
        repo = await make_repo(catalog, "busy")
        await push(catalog, repo, 0, *(set_ref(b"refs/heads/%d" % number, "a") for number in range(1500)))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "busy", at(1))
        names = [f"repo-{number}" for number in range(600)]
        await asyncio.gather(*(make_repo(catalog, name) for name in names))
        await asyncio.gather(*(catalog.delete_repo(ACCOUNT, NAMESPACE, name, at(1)) for name in names))
        live = await make_repo(catalog, "live")
        tokens = (new_token(f"k-{number}", expires=5) for number in range(1100))
        await asyncio.gather(*(catalog.create_token(live.id, token) for token in tokens))
        assert await catalog.purge(at(10)) == PurgedCounts(tokens=1100, repos=601, log_entries=1500)
        assert await catalog.purge(at(10)) == PurgedCounts()
