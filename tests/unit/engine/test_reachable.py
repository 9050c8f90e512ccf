"""Which objects some refs reach."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.small_repo import SmallRepo, engine_in, fake_git
from tests.wire.raw_git import history, oid_of
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.reachable import OidSet
from treehold.errors import NativeGitError
from treehold.ids import OID_BYTES, ObjectId

oids = st.binary(min_size=OID_BYTES, max_size=OID_BYTES).map(ObjectId)

COUNTING = """
echo run >> $notes/runs
echo "$@" >> $notes/arguments
sort | tee -a $notes/asked
"""
"""Answers that every tip reaches itself alone, and notes each run."""


@given(st.lists(oids), oids)
def test_a_set_of_ids_has_what_was_put_in(chosen: list[ObjectId], other: ObjectId) -> None:
    """An id is in the set if it was given, and each counts once."""
    found = OidSet(chosen)
    assert len(found) == len(set(chosen))
    assert all(oid in found for oid in chosen)
    assert (other in found) == (other in chosen)


def test_an_empty_set_has_nothing() -> None:
    """No id is in the empty set."""
    assert ObjectId(bytes(OID_BYTES)) not in OidSet(())
    assert len(OidSet(())) == 0


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    limits = Limits(reachable_memory_bytes=2_000)
    async with engine_in(tmp_path, limits=limits, git=fake_git(tmp_path, COUNTING)) as engine:
        yield engine


def runs(tmp_path: Path) -> int:
    notes = tmp_path / "runs"
    return len(notes.read_text().splitlines()) if notes.exists() else 0


async def test_a_set_is_computed_once(engine: Engine, tmp_path: Path) -> None:
    """The same question is answered from memory, in whatever order its tips come, and by one run for all who wait."""
    repo = await SmallRepo.make(engine)
    line = history(b"1", b"2")
    await repo.grow(line)
    packs = (await repo.state()).packs
    one, two = oid_of(line[2]), oid_of(line[5])
    answers = await asyncio.gather(
        *(engine.node.reachable.of(packs, tips) for tips in ([one, two], [two, one], {one, two}))
    )
    assert runs(tmp_path) == 1
    assert all(answer is answers[0] for answer in answers)
    assert one in answers[0]
    assert two in answers[0]
    assert len(answers[0]) == 2
    assert "rev-list --objects --no-object-names --use-bitmap-index --stdin" in (tmp_path / "arguments").read_text()


async def test_other_tips_and_other_packs_are_other_questions(engine: Engine, tmp_path: Path) -> None:
    """A set belongs to its tips and its list of packs, and to nothing less."""
    repo = await SmallRepo.make(engine)
    line = history(b"1", b"2")
    await repo.grow(line[:3])
    before = (await repo.state()).packs
    await repo.grow(line[3:])
    after = (await repo.state()).packs
    for packs in (before, after):
        for tips in ([oid_of(line[2])], [oid_of(line[2]), oid_of(line[1])]):
            assert len(await engine.node.reachable.of(packs, tips)) == len(tips)
    assert runs(tmp_path) == 4


async def test_no_tips_reach_nothing(engine: Engine, tmp_path: Path) -> None:
    """Without tips there is nothing to compute."""
    assert len(await engine.node.reachable.of((), [])) == 0
    assert runs(tmp_path) == 0


async def test_memory_is_bounded(engine: Engine, tmp_path: Path) -> None:
    """The sets asked for last are kept up to the bound; a forgotten one is computed again."""
    repo = await SmallRepo.make(engine)
    line = history(*(b"%d" % number for number in range(8)))
    await repo.grow(line)
    packs = (await repo.state()).packs
    reachable = engine.node.reachable
    for item in line:
        await reachable.of(packs, [oid_of(item)])
        assert reachable._bytes <= 2_000
    assert runs(tmp_path) == len(line)
    await reachable.of(packs, [oid_of(line[-1])])
    assert runs(tmp_path) == len(line)
    await reachable.of(packs, [oid_of(line[0])])
    assert runs(tmp_path) == len(line) + 1


async def test_a_failure_is_not_kept(engine: Engine, tmp_path: Path) -> None:
    """When git fails whoever asked is told, and the next one asks again."""
    repo = await SmallRepo.make(engine)
    await repo.grow(history(b"1"))
    packs = (await repo.state()).packs
    fake_git(tmp_path, "echo broken >&2; exit 3")
    tip = [oid_of(history(b"1")[-1])]
    with pytest.raises(NativeGitError, match="broken"):
        await engine.node.reachable.of(packs, tip)
    fake_git(tmp_path, COUNTING)
    assert len(await engine.node.reachable.of(packs, tip)) == 1


async def test_who_gives_up_takes_the_answer_from_nobody(engine: Engine, tmp_path: Path) -> None:
    """When the one whose question is being computed goes away, the next one computes it."""
    repo = await SmallRepo.make(engine)
    await repo.grow(history(b"1"))
    packs = (await repo.state()).packs
    tip = [oid_of(history(b"1")[-1])]
    fake_git(tmp_path, "sleep 600")
    gone = asyncio.create_task(engine.node.reachable.of(packs, tip))
    while not list((tmp_path / "node" / "git").iterdir()):
        await asyncio.sleep(0.01)
    fake_git(tmp_path, COUNTING)
    waiting = asyncio.create_task(engine.node.reachable.of(packs, tip))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await waiting) == 1
    assert not list((tmp_path / "node" / "git").iterdir())
