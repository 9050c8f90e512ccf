"""What every catalog backend must do: refs, packs and the ref log."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from tests.contract.catalog_samples import (
    MAIN,
    at,
    drop_ref,
    make_repo,
    new_pack,
    new_repo,
    new_token,
    oid_of,
    push,
    set_ref,
    stored_pack,
)
from treehold.catalog.base import Catalog, PackRow, Ref, RefChange, RefLogEntry, RepoRow
from treehold.errors import AlreadyExists, Conflict, CorruptStore, NotFound
from treehold.ids import ObjectId, PackId, RefName, RepoId, TokenId


def _values(entries: Sequence[RefLogEntry]) -> dict[RefName, ObjectId | None]:
    """What a log, newest first, ends in for each ref that it names."""
    return {entry.name: entry.new for entry in reversed(entries)}


class HistorySuite:
    """Pushing and what is seen of it."""

    async def test_a_push_changes_everything_at_once(self, catalog: Catalog) -> None:
        """Refs, pack, generation, exactness, sizes and times all move, and created_at stays."""
        repo = await make_repo(catalog)
        tag = RefName(b"refs/tags/v1")
        changes = set_ref(MAIN, "a"), set_ref(tag, "t", peeled="a")
        assert await push(catalog, repo, 0, *changes, pack=new_pack("1", objects=4), preserves=False, now=20) == 1
        state = await catalog.repo_state(repo.id)
        assert state.refs == {MAIN: Ref(oid_of("a")), tag: Ref(oid_of("t"), oid_of("a"))}
        assert [replace(pack, id=PackId(0)) for pack in state.packs] == [PackRow(PackId(0), 1, 4, 5, None, 1)]
        moved = replace(repo, generation=1, exact=False, anchor=1, size_bytes=5, object_count=4)
        assert state.repo == replace(moved, updated_at=at(20), last_push_at=at(20))
        assert await catalog.repo_row(repo.id) == state.repo

    async def test_pushes_that_preserve_keep_the_anchor(self, catalog: Catalog) -> None:
        """The anchor is the generation of the last push that did not; a repo once not exact stays so."""
        repo = await make_repo(catalog)
        anchors = []
        for generation, preserves in enumerate((True, False, True, True, False, True)):
            await push(catalog, repo, generation, pack=new_pack(str(generation)), preserves=preserves)
            row = await catalog.repo_row(repo.id)
            anchors.append((row.exact, row.anchor))
        assert anchors == [(True, 0), (False, 2), (False, 2), (False, 2), (False, 5), (False, 5)]

    async def test_packs_are_listed_oldest_first_with_their_generation(self, catalog: Catalog) -> None:
        """Inline and stored packs come in the order of their pushes; a push without a pack adds none."""
        repo = await make_repo(catalog)
        await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
        await push(catalog, repo, 1, set_ref(b"refs/heads/dev", "a"))
        await push(catalog, repo, 2, set_ref(MAIN, "b", old="a"), pack=stored_pack("packs/ab/cd"))
        packs = (await catalog.repo_state(repo.id)).packs
        assert [replace(pack, id=PackId(0)) for pack in packs] == [
            PackRow(PackId(0), 1, 3, 5, None, 1),
            PackRow(PackId(0), 3, 1000, 1 << 20, "packs/ab/cd", 3),
        ]
        row = await catalog.repo_row(repo.id)
        assert (row.size_bytes, row.object_count) == (5 + (1 << 20), 1003)

    async def test_inline_bytes_come_back(self, catalog: Catalog) -> None:
        """An inline pack's bytes and index are what was pushed, empty ones too."""
        repo = await make_repo(catalog)
        await push(catalog, repo, 0, pack=new_pack("1"))
        await push(catalog, repo, 1, pack=replace(new_pack(), data=b"", index=b"", size_bytes=0))
        packs = (await catalog.repo_state(repo.id)).packs
        assert await catalog.inline_pack(packs[0].id) == (b"PACK1", b"index of 1")
        assert await catalog.inline_pack(packs[1].id) == (b"", b"")

    async def test_bytes_that_are_not_inline_are_corruption(self, catalog: Catalog) -> None:
        """Asking for the bytes of a stored pack, or of no pack, is CorruptStore."""
        repo = await make_repo(catalog)
        await push(catalog, repo, 0, pack=stored_pack("packs/1"))
        stored = (await catalog.repo_state(repo.id)).packs[0].id
        for pack in (stored, PackId(10**9)):
            with pytest.raises(CorruptStore):
                await catalog.inline_pack(pack)

    @pytest.mark.parametrize("expected", [0, 2, -1])
    async def test_a_push_that_looked_at_another_generation_conflicts(self, catalog: Catalog, expected: int) -> None:
        """It raises Conflict and changes nothing."""
        repo = await make_repo(catalog)
        await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack("1"))
        before = await catalog.repo_state(repo.id), await catalog.ref_log(repo.id, newest=10)
        with pytest.raises(Conflict):
            await push(catalog, repo, expected, set_ref(MAIN, "b", old="a"), pack=new_pack("2"), now=9)
        assert (await catalog.repo_state(repo.id), await catalog.ref_log(repo.id, newest=10)) == before

    async def test_a_push_to_no_repo_is_not_found(self, catalog: Catalog) -> None:
        """An unknown repo is NotFound."""
        repo = await make_repo(catalog)
        with pytest.raises(NotFound):
            await push(catalog, replace(repo, id=RepoId("nobody")), 0, set_ref(MAIN, "a"))

    async def test_every_push_is_one_generation(self, catalog: Catalog) -> None:
        """The generation rises by one with each push, with or without changes or a pack."""
        repo = await make_repo(catalog)
        assert await push(catalog, repo, 0, set_ref(MAIN, "a"), pack=new_pack()) == 1
        assert await push(catalog, repo, 1, set_ref(b"refs/heads/b", "a")) == 2
        assert await push(catalog, repo, 2, pack=new_pack("2")) == 3
        assert await push(catalog, repo, 3, now=77) == 4
        row = await catalog.repo_row(repo.id)
        assert (row.generation, row.last_push_at) == (4, at(77))

    async def test_refs_move_go_and_come_back(self, catalog: Catalog) -> None:
        """A moved ref has its new value, a deleted one is gone, a recreated one is there with its new peeled value."""
        repo = await make_repo(catalog)
        tag = RefName(b"refs/tags/v1")
        await push(catalog, repo, 0, set_ref(MAIN, "a"), set_ref(tag, "t", peeled="a"))
        await push(catalog, repo, 1, set_ref(MAIN, "b", old="a"), drop_ref(tag, "t"))
        assert (await catalog.repo_state(repo.id)).refs == {MAIN: Ref(oid_of("b"))}
        await push(catalog, repo, 2, set_ref(tag, "light"))
        assert (await catalog.repo_state(repo.id)).refs[tag] == Ref(oid_of("light"))

    async def test_names_of_refs_are_bytes(self, catalog: Catalog) -> None:
        """Ref names keep their bytes and their case, UTF-8 or not."""
        repo = await make_repo(catalog)
        names = [b"refs/heads/A", b"refs/heads/a", b"refs/heads/\xff\xfe", "refs/heads/ü".encode(), b"refs/heads/%_'"]
        await push(catalog, repo, 0, *(set_ref(name, repr(name)) for name in names))
        assert set((await catalog.repo_state(repo.id)).refs) == set(names)

    async def test_concurrent_pushes_have_one_winner(self, catalog: Catalog, second: Catalog) -> None:
        """Of many pushes that looked at the same generation one is committed, the others raise Conflict."""
        repo = await make_repo(catalog)
        pushes = [
            push((catalog, second)[number % 2], repo, 0, set_ref(MAIN, str(number)), pack=new_pack(str(number)))
            for number in range(20)
        ]
        outcomes = await asyncio.gather(*pushes, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 19 + ["int"]
        state = await catalog.repo_state(repo.id)
        assert (state.repo.generation, len(state.packs)) == (1, 1)
        assert state.refs == {MAIN: Ref(oid_of(str(next(n for n, o in enumerate(outcomes) if o == 1))))}

    async def test_a_failing_caller_takes_no_other_with_it(self, catalog: Catalog) -> None:
        """Refused changes beside good ones in one moment leave the good ones standing."""
        await make_repo(catalog, "taken")
        names = [f"good-{number}" if number % 2 else "taken" for number in range(20)]
        outcomes = await asyncio.gather(*(make_repo(catalog, name) for name in names), return_exceptions=True)
        assert [isinstance(outcome, RepoRow) for outcome in outcomes] == [name != "taken" for name in names]
        assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 10
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, RepoRow):
                assert (await catalog.repo_row(outcome.id)).name == name

    async def test_a_cancelled_caller_breaks_nothing(self, catalog: Catalog) -> None:
        """Callers that are cancelled while they wait do not stop the others."""
        tasks = [asyncio.create_task(make_repo(catalog, f"repo-{number}")) for number in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, RepoRow) for outcome in outcomes[1::2])
        assert (await make_repo(catalog, "afterwards")).name == "afterwards"


class RefLogSuite:
    """The ref log."""

    async def test_the_log_tells_each_change_newest_first(self, catalog: Catalog) -> None:
        """Each entry has its generation, old and new value, what the old one peeled to, the token and the time."""
        repo = await make_repo(catalog)
        tag = RefName(b"refs/tags/v1")
        a, b, t = oid_of("a"), oid_of("b"), oid_of("t")
        await push(catalog, repo, 0, set_ref(MAIN, "a"), set_ref(tag, "t", peeled="a"), now=1, token="who")
        await push(catalog, repo, 1, set_ref(MAIN, "b", old="a"), now=2)
        await push(catalog, repo, 2, drop_ref(tag, "t"), now=3, token="else")
        assert await catalog.ref_log(repo.id, newest=10) == [
            RefLogEntry(3, tag, t, None, a, TokenId("else"), at(3)),
            RefLogEntry(2, MAIN, a, b, None, None, at(2)),
            RefLogEntry(1, tag, None, t, None, TokenId("who"), at(1)),
            RefLogEntry(1, MAIN, None, a, None, TokenId("who"), at(1)),
        ]

    @pytest.mark.parametrize(("newest", "generations"), [(0, []), (1, [5]), (3, [5, 4, 3]), (99, [5, 4, 3, 2, 1])])
    async def test_only_the_newest_entries_are_answered(
        self, catalog: Catalog, newest: int, generations: list[int]
    ) -> None:
        """At most that many entries come, the newest ones."""
        repo = await make_repo(catalog)
        for generation in range(5):
            await push(catalog, repo, generation, set_ref(b"refs/heads/%d" % generation, "a"))
        log = await catalog.ref_log(repo.id, newest=newest)
        assert [entry.generation for entry in log] == generations

    async def test_an_unknown_repo_has_an_empty_log(self, catalog: Catalog) -> None:
        """A repo that never was has no entries."""
        assert await catalog.ref_log(RepoId("nobody"), newest=10) == []

    async def test_the_log_knows_what_a_forked_tag_peeled_to(self, catalog: Catalog) -> None:
        """A change in a fork tells what the value that it started with peeled to, moved or deleted."""
        repo = await make_repo(catalog)
        first, second = RefName(b"refs/tags/1"), RefName(b"refs/tags/2")
        await push(catalog, repo, 0, set_ref(first, "t", peeled="a"), set_ref(second, "u", peeled="b"))
        fork = await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
        await push(catalog, fork, 1, set_ref(first, "t2", old="t", peeled="c"), drop_ref(second, "u"))
        await push(catalog, fork, 2, drop_ref(first, "t2"))
        log = await catalog.ref_log(fork.id, newest=10)
        assert [entry.old_peeled for entry in log] == [oid_of("c"), oid_of("b"), oid_of("a")]


class LargeHistorySuite:
    """Many refs and many pushes."""

    async def test_thousands_of_refs_are_kept_and_changed(self, catalog: Catalog) -> None:
        """5,000 refs come back, a change and a deletion among them too, and a fork has them all."""
        repo = await make_repo(catalog)
        names = [RefName(b"refs/tags/release-%04d" % number) for number in range(5000)]
        changes = [set_ref(name, str(n), peeled=f"p{n}" if n % 2 else None) for n, name in enumerate(names)]
        await push(catalog, repo, 0, *changes, pack=new_pack())
        expected = {change.name: change.new for change in changes}
        assert (await catalog.repo_state(repo.id)).refs == expected
        await push(catalog, repo, 1, set_ref(names[7], "moved", old="7"), drop_ref(names[9], "9"))
        expected[names[7]] = Ref(oid_of("moved"))
        del expected[names[9]]
        assert (await catalog.repo_state(repo.id)).refs == expected
        assert [entry.old_peeled for entry in await catalog.ref_log(repo.id, newest=2)] == [oid_of("p9"), oid_of("p7")]
        fork = await catalog.fork_repo(repo.id, new_repo("fork"), new_token())
        assert (await catalog.repo_state(fork.id)).refs == expected

    async def test_a_long_history_reads_as_it_was_written(self, catalog: Catalog, second: Catalog) -> None:
        """After every one of some hundred random pushes and forks the state is that of a plain model of it."""
        random = Random(20)
        repo = await make_repo(catalog)
        refs: dict[RefName, Ref] = {}
        packs: list[tuple[int, str | None]] = []
        log_from = 0
        for generation in range(300):
            changes = _random_changes(random, refs, generation)
            pack = random.choice([None, new_pack(str(generation)), stored_pack(f"packs/{generation}")])
            assert await push(catalog, repo, generation, *changes, pack=pack) == generation + 1
            _apply(changes, refs)
            if pack:
                packs.append((generation + 1, pack.key))
            if generation % 10 == 0:
                fork = await catalog.fork_repo(repo.id, new_repo(f"fork-{generation}"), new_token())
                assert (await second.repo_state(fork.id)).refs == refs
                if random.random() < 0.5:
                    repo = fork  # goes on in the fork, whose packs and refs came with it
                    log_from = generation + 1
            state = await second.repo_state(repo.id)
            assert (state.repo.generation, state.refs) == (generation + 1, refs)
            assert [(pack.generation, pack.key) for pack in state.packs] == packs
        log = await second.ref_log(repo.id, newest=10_000)
        assert {entry.generation for entry in log} <= set(range(log_from + 1, 301))
        assert len(log) > 10
        assert all(oid == (refs[name].oid if name in refs else None) for name, oid in _values(log).items())

    async def test_a_reader_sees_whole_generations_only(self, catalog: Catalog, second: Catalog) -> None:
        """While pushes go on, every state read has as many packs and the value that belong to its generation."""
        repo = await make_repo(catalog)

        async def write() -> None:
            for generation in range(150):
                old = None if generation == 0 else str(generation)
                change = set_ref(MAIN, str(generation + 1), old=old)
                await push(catalog, repo, generation, change, pack=new_pack(str(generation)))

        writing = asyncio.create_task(write())
        while not writing.done():
            state = await second.repo_state(repo.id)
            generation = state.repo.generation
            assert len(state.packs) == generation == state.repo.object_count // 3
            assert state.refs == ({MAIN: Ref(oid_of(str(generation)))} if generation else {})
            await asyncio.sleep(0)
        await writing


def _random_changes(random: Random, refs: dict[RefName, Ref], generation: int) -> list[RefChange]:
    """A few refs that come, move or go."""
    changes = []
    for name in random.sample(range(40), random.randrange(4)):
        ref = RefName(b"refs/heads/%d" % name)
        old = refs.get(ref)
        peeled = oid_of(f"p{generation}") if random.random() < 0.3 else None
        new = None if old and random.random() < 0.4 else Ref(oid_of(f"{generation}-{name}"), peeled)
        changes.append(RefChange(ref, old.oid if old else None, new))
    return changes


def _apply(changes: list[RefChange], refs: dict[RefName, Ref]) -> None:
    for change in changes:
        if change.new is None:
            refs.pop(change.name, None)
        else:
            refs[change.name] = change.new
