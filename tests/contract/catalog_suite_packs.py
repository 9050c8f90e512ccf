"""What every catalog backend must do: replacing packs, and finding and forgetting those that nobody needs."""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from tests.contract.catalog_samples import (
    ACCOUNT,
    MAIN,
    NAMESPACE,
    at,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
    replace_packs,
    set_ref,
    stored_pack,
)
from treehold.catalog.base import Catalog, PackRow, Ref, RepoRow
from treehold.catalog.care import DoomedPack
from treehold.errors import Conflict, CorruptStore, InvalidInput, NotFound
from treehold.ids import PackId, RepoId

TAG = b"refs/tags/v1"


async def _pushed(catalog: Catalog, count: int, name: str = "repo") -> RepoRow:
    """A repo with that many packs of 3 objects, pushed at generations 1, 2, ..."""
    repo = await make_repo(catalog, name)
    await push(catalog, repo, 0, set_ref(MAIN, "1"), set_ref(TAG, "t", peeled="1"), pack=new_pack("01"))
    for generation in range(1, count):
        change = set_ref(MAIN, str(generation + 1), old=str(generation))
        await push(catalog, repo, generation, change, pack=new_pack(f"{generation + 1:02d}"))
    return await catalog.repo_row(repo.id)


async def _packs(catalog: Catalog, repo: RepoRow) -> tuple[PackRow, ...]:
    return (await catalog.repo_state(repo.id)).packs


def _spans(packs: tuple[PackRow, ...]) -> list[tuple[int, int]]:
    return [(pack.first_generation, pack.generation) for pack in packs]


class ReplacementSuite:
    """One pack in the place of others."""

    @pytest.mark.parametrize("folded", [False, True])
    @pytest.mark.parametrize(
        ("first", "last", "spans"),
        [
            (0, 4, [(1, 4), (5, 5)]),
            (1, 3, [(1, 1), (2, 3), (4, 4), (5, 5)]),
            (3, 5, [(1, 1), (2, 2), (3, 3), (4, 5)]),
            (0, 5, [(1, 5)]),
            (2, 3, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]),
        ],
    )
    async def test_a_roll_up_stands_where_its_packs_stood(
        self, catalog: Catalog, folded: bool, first: int, last: int, spans: list[tuple[int, int]]
    ) -> None:
        """It spans their generations, the others stay, and a repo that has been forked does the same."""
        repo = await _pushed(catalog, 5)
        if folded:
            await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
        before = await _packs(catalog, repo)
        assert await replace_packs(catalog, repo, before[first:last], stored_pack("k", objects=99), expected=5) == 6
        after = await _packs(catalog, repo)
        assert _spans(after) == spans
        assert after[:first] == before[:first]
        assert after[first + 1 :] == before[last:]
        assert (after[first].objects, after[first].size_bytes, after[first].key) == (99, 1 << 20, "k")
        assert after[first].id not in {pack.id for pack in before}

    async def test_only_packs_sizes_generation_and_exactness_change(self, catalog: Catalog) -> None:
        """Refs, ref log, updated_at and last_push_at stay; sizes follow the packs; exactness is as given."""
        repo = await _pushed(catalog, 3)
        state, log = await catalog.repo_state(repo.id), await catalog.ref_log(repo.id, newest=99)
        for exact, is_exact, generation in ((None, True, 4), (False, False, 5), (None, False, 6), (True, True, 7)):
            packs = await _packs(catalog, repo)
            assert await replace_packs(catalog, repo, packs, new_pack("roll", objects=7), exact=exact) == generation
            moved = replace(repo, generation=generation, exact=is_exact, size_bytes=8, object_count=7)
            assert await catalog.repo_row(repo.id) == moved
        after = await catalog.repo_state(repo.id)
        assert (after.refs, await catalog.ref_log(repo.id, newest=99)) == (state.refs, log)
        assert await catalog.inline_pack(after.packs[0].id) == (b"PACKroll", b"index of roll")

    async def test_packs_are_replaced_by_nothing(self, catalog: Catalog) -> None:
        """Without a new pack the old ones are simply gone from the list."""
        repo = await _pushed(catalog, 3)
        packs = await _packs(catalog, repo)
        await replace_packs(catalog, repo, packs[1:2], None)
        assert _spans(await _packs(catalog, repo)) == [(1, 1), (3, 3)]
        await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
        await replace_packs(catalog, repo, (packs[0], packs[2]), None)
        row = await catalog.repo_row(repo.id)
        assert (await _packs(catalog, repo), row.size_bytes, row.object_count) == ((), 0, 0)

    async def test_a_repack_spans_all_generations_to_its_own(self, catalog: Catalog) -> None:
        """Its pack cannot tell when its objects came, so it begins at 0 and ends at the generation that it makes."""
        repo = await _pushed(catalog, 3)
        packs = await _packs(catalog, repo)
        assert await replace_packs(catalog, repo, packs, new_pack("all"), expected=3, exact=True, is_repack=True) == 4
        assert await push(catalog, repo, 4, set_ref(MAIN, "x", old="3"), pack=new_pack("x")) == 5
        assert _spans(await _packs(catalog, repo)) == [(0, 4), (5, 5)]
        await replace_packs(catalog, repo, await _packs(catalog, repo), new_pack("roll"), expected=5)
        assert _spans(await _packs(catalog, repo)) == [(0, 5)]

    async def test_a_repack_may_keep_the_packs_beside_it(self, catalog: Catalog) -> None:
        """A part of the list is repacked in its place, though its generation is then the newest."""
        repo = await _pushed(catalog, 4)
        packs = await _packs(catalog, repo)
        await replace_packs(catalog, repo, packs[1:3], new_pack("some"), expected=4, is_repack=True)
        await push(catalog, repo, 5, set_ref(MAIN, "x", old="4"), pack=new_pack("x"))
        assert _spans(await _packs(catalog, repo)) == [(1, 1), (0, 5), (4, 4), (6, 6)]

    async def test_roll_ups_are_rolled_up(self, catalog: Catalog) -> None:
        """A roll-up of roll-ups spans from the first to the last push in it."""
        repo = await _pushed(catalog, 6)
        packs = await _packs(catalog, repo)
        await replace_packs(catalog, repo, packs[:3], new_pack("a"))
        await replace_packs(catalog, repo, packs[3:5], new_pack("b"))
        assert _spans(await _packs(catalog, repo)) == [(1, 3), (4, 5), (6, 6)]
        await replace_packs(catalog, repo, (await _packs(catalog, repo))[:2], new_pack("c"))
        assert _spans(await _packs(catalog, repo)) == [(1, 5), (6, 6)]

    async def test_another_generation_conflicts(self, catalog: Catalog) -> None:
        """A replacement that looked at another generation is Conflict and changes nothing."""
        repo = await _pushed(catalog, 3)
        before = await catalog.repo_state(repo.id)
        for expected in (0, 2, 4):
            with pytest.raises(Conflict):
                await replace_packs(catalog, repo, before.packs[:2], new_pack("roll"), expected=expected)
        assert await catalog.repo_state(repo.id) == before

    async def test_a_roll_up_may_take_whatever_was_pushed_meanwhile(self, catalog: Catalog) -> None:
        """Without an expected generation pushes do not disturb a roll-up, but another roll-up of the packs does."""
        repo = await _pushed(catalog, 3)
        packs = await _packs(catalog, repo)
        await push(catalog, repo, 3, set_ref(MAIN, "x", old="3"), pack=new_pack("x"))
        assert await replace_packs(catalog, repo, packs[:2], new_pack("roll")) == 5
        before = await catalog.repo_state(repo.id)
        assert _spans(before.packs) == [(1, 2), (3, 3), (4, 4)]
        with pytest.raises(Conflict):
            await replace_packs(catalog, repo, packs[1:], new_pack("late"))
        assert await catalog.repo_state(repo.id) == before

    async def test_a_push_that_a_replacement_overtook_conflicts(self, catalog: Catalog) -> None:
        """A replacement is a change of the repo like any other."""
        repo = await _pushed(catalog, 2)
        await replace_packs(catalog, repo, await _packs(catalog, repo), new_pack("roll"))
        with pytest.raises(Conflict):
            await push(catalog, repo, 2, set_ref(MAIN, "x", old="2"))

    async def test_what_is_no_run_of_the_list_is_refused(self, catalog: Catalog) -> None:
        """Nothing, gaps, another order, another repo's packs and a repack of any generation are InvalidInput."""
        repo, other = await _pushed(catalog, 4), await _pushed(catalog, 1, "other")
        packs, foreign = await _packs(catalog, repo), await _packs(catalog, other)
        before = await catalog.repo_state(repo.id)
        for wrong in ((), packs[::2], packs[1::-1], foreign, (packs[3], foreign[0]), (packs[0], packs[0])):
            with pytest.raises(InvalidInput):
                await replace_packs(catalog, repo, wrong, new_pack("roll"), expected=4)
        with pytest.raises(InvalidInput):
            await replace_packs(catalog, repo, packs, new_pack("all"), is_repack=True)
        assert await catalog.repo_state(repo.id) == before

    async def test_a_repo_that_is_gone_is_not_found(self, catalog: Catalog) -> None:
        """An unknown and a deleted repo are NotFound."""
        repo = await _pushed(catalog, 2)
        packs = await _packs(catalog, repo)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
        for gone in (repo, replace(repo, id=RepoId("nobody"))):
            with pytest.raises(NotFound):
                await replace_packs(catalog, gone, packs, new_pack("roll"))

    async def test_forks_keep_what_their_parent_replaces(self, catalog: Catalog) -> None:
        """Forks and parent have their own lists, made before and after, and neither sees the other's replacement."""
        parent = await _pushed(catalog, 3, "parent")
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        packs = await _packs(catalog, parent)
        await replace_packs(catalog, parent, packs, new_pack("roll"))
        assert await _packs(catalog, child) == packs
        late = await catalog.fork_repo(parent.id, new_repo("late"), new_token())
        assert _spans(await _packs(catalog, late)) == [(1, 3)]
        await replace_packs(catalog, child, packs[1:], new_pack("of child"))
        assert _spans(await _packs(catalog, child)) == [(1, 1), (2, 3)]
        assert _spans(await _packs(catalog, parent)) == [(1, 3)]
        assert (await catalog.inline_pack(packs[2].id))[0] == b"PACK03"

    async def test_a_long_history_with_roll_ups_reads_as_it_was_written(
        self, catalog: Catalog, second: Catalog
    ) -> None:
        """After every one of some hundred pushes, roll-ups, repacks and forks the packs are those of a plain model."""
        random = Random(7)
        repo = await make_repo(catalog)
        model: list[tuple[int, int, int, int]] = []  # first and last generation, objects, bytes
        for step in range(250):
            deed = random.random()
            packs = await _packs(second, repo)
            if deed < 0.6 or not packs:
                pack = new_pack("x" * random.randrange(9), objects=random.randrange(5))
                old = None if step == 0 else "m"
                generation = await push(catalog, repo, step, set_ref(MAIN, "m", old=old), pack=pack)
                model.append((generation, generation, pack.objects, pack.size_bytes))
            else:
                begin = random.randrange(len(packs))
                end = random.randrange(begin, len(packs)) + 1
                await _model_replacement(catalog, repo, packs, model, (begin, end), random)
            if step % 20 == 0:
                repo = await catalog.fork_repo(repo.id, new_repo(f"fork-{step}"), new_token())
            state = await second.repo_state(repo.id)
            found = [(pack.first_generation, pack.generation, pack.objects, pack.size_bytes) for pack in state.packs]
            assert found == model
            assert state.repo.size_bytes == sum(pack[3] for pack in model)
            assert state.repo.object_count == sum(pack[2] for pack in model)
            assert state.repo.generation == step + 1
            assert state.refs == {MAIN: Ref(oid_of("m"))}


async def _model_replacement(
    catalog: Catalog,
    repo: RepoRow,
    packs: tuple[PackRow, ...],
    model: list[tuple[int, int, int, int]],
    run: tuple[int, int],
    random: Random,
) -> None:
    """Replace a run of packs in the catalog and in the model."""
    begin, end = run
    is_repack = random.random() < 0.2
    pack = random.choice([None, new_pack("y" * random.randrange(9)), stored_pack(f"k{random.random()}")])
    present = (await catalog.repo_row(repo.id)).generation
    expected = present if is_repack else random.choice([None, present])
    await replace_packs(catalog, repo, packs[begin:end], pack, expected=expected, is_repack=is_repack)
    of_run = min(row[0] for row in model[begin:end]), max(row[1] for row in model[begin:end])
    span = (0, present + 1) if is_repack else of_run
    model[begin:end] = [(*span, pack.objects, pack.size_bytes)] if pack else []


async def _doomed(catalog: Catalog, before: int = 10**9) -> list[DoomedPack]:
    return list(await catalog.doomed_packs(at(before), 100))


class SweepSuite:
    """Unreferenced packs."""

    async def test_what_some_repo_lists_is_not_doomed(self, catalog: Catalog) -> None:
        """Packs over a snapshot, in one, in a fork's and in a deleted parent's fork's are all needed."""
        await _pushed(catalog, 3, "plain")
        parent = await _pushed(catalog, 2, "parent")
        child = await catalog.fork_repo(parent.id, new_repo("child"), new_token())
        await push(catalog, child, 2, set_ref(MAIN, "c", old="2"), pack=stored_pack("k"))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "parent", at(1))
        assert await catalog.doom_unreferenced(at(5)) == 0
        assert await _doomed(catalog) == []

    async def test_what_no_repo_lists_is_doomed(self, catalog: Catalog) -> None:
        """Packs of deleted repos and replaced ones are found, inline and stored, unless a fork has them."""
        gone = await _pushed(catalog, 1, "gone")
        await push(catalog, gone, 1, pack=stored_pack("far/away"))
        rolled, shared = await _pushed(catalog, 3, "rolled"), await _pushed(catalog, 2, "shared")
        await catalog.fork_repo(shared.id, new_repo("fork"), new_token())
        lost = [*await _packs(catalog, gone), *await _packs(catalog, rolled)]
        for repo in (rolled, shared):
            await replace_packs(catalog, repo, await _packs(catalog, repo), new_pack("roll"))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "gone", at(1))
        assert await catalog.doom_unreferenced(at(5)) == 5
        assert await _doomed(catalog) == [DoomedPack(pack.id, pack.key) for pack in lost]
        assert [pack.key for pack in await _doomed(catalog)][:3] == [None, "far/away", None]

    async def test_a_doomed_pack_keeps_its_first_time(self, catalog: Catalog) -> None:
        """A later sweep finds only what is new, and the list is cut by time, strictly, and by number."""
        for name, now in (("one", 5), ("two", 9)):
            repo = await _pushed(catalog, 2, name)
            await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
            assert await catalog.doom_unreferenced(at(now)) == 2
            assert await catalog.doom_unreferenced(at(now)) == 0
        assert [len(await _doomed(catalog, before)) for before in (5, 6, 9, 10)] == [0, 2, 2, 4]
        everything = await _doomed(catalog)
        assert [await catalog.doomed_packs(at(99), limit) for limit in (0, 1, 3)] == [
            everything[:limit] for limit in (0, 1, 3)
        ]

    async def test_a_doomed_pack_can_be_read_until_it_is_forgotten(self, catalog: Catalog) -> None:
        """Whoever began before may go on; once forgotten, its bytes are gone and it is found no more."""
        repo = await _pushed(catalog, 2)
        packs = await _packs(catalog, repo)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
        await catalog.doom_unreferenced(at(2))
        assert (await catalog.inline_pack(packs[0].id))[0] == b"PACK01"
        await catalog.forget_packs([packs[0].id])
        with pytest.raises(CorruptStore):
            await catalog.inline_pack(packs[0].id)
        assert (await catalog.inline_pack(packs[1].id))[0] == b"PACK02"
        assert [pack.id for pack in await _doomed(catalog)] == [packs[1].id]
        assert await catalog.doom_unreferenced(at(3)) == 0

    async def test_only_doomed_packs_are_forgotten(self, catalog: Catalog) -> None:
        """A pack that was never doomed stays; unknown ones and none at all are fine; forgetting may be repeated."""
        repo = await _pushed(catalog, 1)
        (pack,) = await _packs(catalog, repo)
        for _ in range(2):
            await catalog.forget_packs([pack.id, PackId(10**9)])
        await catalog.forget_packs([])
        assert (await catalog.inline_pack(pack.id))[0] == b"PACK01"

    async def test_the_store_s_keys_are_told_from_those_that_nobody_names(self, catalog: Catalog) -> None:
        """A key is named while there is a row with it: of a live repo's pack, or of one that is doomed."""
        live, gone = await make_repo(catalog, "live"), await make_repo(catalog, "gone")
        await push(catalog, live, 0, pack=stored_pack("live/0"))
        await push(catalog, live, 1, pack=new_pack("inline"))
        await push(catalog, gone, 0, pack=stored_pack("gone/0"))
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "gone", at(1))
        await catalog.doom_unreferenced(at(2))
        keys = ["orphan", "live/0", "gone/0", *map(str, range(1200)), "live/0.index"]
        assert await catalog.named_keys(keys) == {"live/0", "gone/0"}
        assert await catalog.named_keys([]) == frozenset()
        await catalog.forget_packs([pack.id for pack in await _doomed(catalog)])
        assert await catalog.named_keys(keys) == {"live/0"}

    async def test_many_packs_are_doomed_and_forgotten(self, catalog: Catalog) -> None:
        """Thousands go and those between them stay."""
        kept, gone = await make_repo(catalog, "kept"), await make_repo(catalog, "gone")
        for generation in range(400):
            pushes = (
                push(catalog, repo, generation, pack=new_pack(f"{repo.name}-{generation}")) for repo in (kept, gone)
            )
            await asyncio.gather(*pushes)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "gone", at(1))
        assert await catalog.doom_unreferenced(at(2)) == 400
        doomed = await catalog.doomed_packs(at(3), 1000)
        await catalog.forget_packs([pack.id for pack in doomed])
        assert await _doomed(catalog) == []
        for generation, pack in enumerate(await _packs(catalog, kept)):
            assert (await catalog.inline_pack(pack.id))[0] == b"PACKkept-%d" % generation
        assert await catalog.doom_unreferenced(at(4)) == 0

    async def test_no_pack_is_doomed_that_moves_meanwhile(self, catalog: Catalog, second: Catalog) -> None:
        """While sweeps run, pushes fold, fork, roll up and delete; whatever a repo lists afterwards is not doomed."""
        changing = asyncio.create_task(_churn(catalog))
        while not changing.done():
            await second.doom_unreferenced(at(1))
        repo = await changing
        doomed = {pack.id for pack in await catalog.doomed_packs(at(99), 10**6)}
        listed = {pack.id for pack in await _packs(catalog, repo)}
        assert doomed
        assert listed
        assert not doomed & listed


async def _churn(catalog: Catalog) -> RepoRow:
    """Push to a repo, rolling up now and then, and go on in forks whose parents are deleted; answer the last one."""
    repo = await make_repo(catalog, "start")
    for step in range(200):
        generation = (await catalog.repo_row(repo.id)).generation
        await push(catalog, repo, generation, pack=new_pack(str(step)))
        if step % 7 == 6:
            await replace_packs(catalog, repo, (await _packs(catalog, repo))[-3:], new_pack(f"roll-{step}"))
        if step % 11 == 10:
            fork = await catalog.fork_repo(repo.id, new_repo(f"fork-{step}"), new_token())
            await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
            repo = fork
    return repo
