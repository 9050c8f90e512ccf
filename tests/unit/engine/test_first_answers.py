"""Tests of treehold.engine.first_answers: real keys over a real catalog; what clients see of it is in tests/wire."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.contract.catalog_samples import NOW
from tests.unit.engine.small_repo import engine_in
from treehold.catalog.answers import KeyedRequest
from treehold.engine.context import Engine
from treehold.engine.first_answers import Answer, Question, answer_once
from treehold.engine.limits import Limits
from treehold.errors import CatalogError, CorruptStore, InvalidInput, NotFound
from treehold.ids import Milliseconds, TokenId

QUESTION = Question(TokenId("token"), b"a secret", "key", b"what is asked")
NONCE = bytes(12)


@dataclass
class Deed:
    """Answers how often it was done, once it may go on."""

    times: int = 0
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Answer:
        self.times += 1
        self.begun.set()
        await self.may_go_on.wait()
        return Answer(201, b"done %d" % self.times)


@dataclass
class SetClock:
    """Stands still until it is moved."""

    now: int = NOW

    def __call__(self) -> Milliseconds:
        return Milliseconds(self.now)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with a clock that tests move, and short leases."""
    async with engine_in(tmp_path, limits=Limits(lease_seconds=1)) as made:
        yield replace(made, clock=SetClock())


@pytest.fixture
def deed() -> Deed:
    """A deed that waits for nothing."""
    made = Deed()
    made.may_go_on.set()
    return made


def test_what_is_kept_depends_on_everything() -> None:
    """Another token, secret, key or request is kept under another name or cannot be opened."""
    sealed = QUESTION.seal(b"answer", NONCE)
    assert QUESTION.open(sealed) == b"answer"
    for other in (
        replace(QUESTION, token=TokenId("other")),
        replace(QUESTION, secret=b"other"),
        replace(QUESTION, key="other"),
        replace(QUESTION, asked=b"other"),
    ):
        assert other.keyed != QUESTION.keyed
        with pytest.raises(CorruptStore):
            other.open(sealed)


@pytest.mark.parametrize("damaged", [b"", b"short", NONCE, NONCE + bytes(40)])
def test_damage_is_told(damaged: bytes) -> None:
    """What was never sealed so is not opened."""
    with pytest.raises(CorruptStore):
        QUESTION.open(damaged)


def test_nothing_that_is_kept_tells_a_secret() -> None:
    """Neither the sealed bytes nor the names hold anything of what was asked, shown or answered."""
    keyed = QUESTION.keyed
    kept = QUESTION.seal(b"answer", NONCE) + keyed.request + keyed.digest + repr(QUESTION).encode()
    for secret in (b"answer", b"a secret", b"what is asked"):
        assert secret not in kept


async def test_a_deed_is_done_once(engine: Engine, deed: Deed) -> None:
    """Whoever asks the same again gets the first answer."""
    assert await answer_once(engine, QUESTION, deed) == Answer(201, b"done 1")
    assert await answer_once(engine, QUESTION, deed) == Answer(201, b"done 1", is_repeated=True)
    assert deed.times == 1


async def test_a_key_is_for_one_question(engine: Engine, deed: Deed) -> None:
    """Another question under the key is refused, and so is the same by a secret that came later."""
    await answer_once(engine, QUESTION, deed)
    for other in (replace(QUESTION, asked=b"other"), replace(QUESTION, secret=b"a new secret")):
        with pytest.raises(InvalidInput, match="Idempotency-Key"):
            await answer_once(engine, other, deed)
    assert deed.times == 1


async def test_a_deed_under_way_is_not_begun_again(engine: Engine) -> None:
    """However often it is asked for, and however long it takes: its claim is renewed."""
    clock, slow = engine.clock, Deed()
    assert isinstance(clock, SetClock)
    first = asyncio.create_task(answer_once(engine, QUESTION, slow))
    await slow.begun.wait()
    assert await answer_once(engine, QUESTION, slow) is None
    clock.now += 10_000
    await renewed(engine, clock)
    assert await answer_once(engine, QUESTION, slow) is None
    slow.may_go_on.set()
    assert await first == Answer(201, b"done 1")
    assert await answer_once(engine, QUESTION, slow) == Answer(201, b"done 1", is_repeated=True)


async def renewed(engine: Engine, clock: SetClock) -> None:
    """Wait until the only claim is as old as the clock says."""
    reader = engine.catalog._reader  # type: ignore[attr-defined]
    deadline = time.monotonic() + 30
    while reader.read(lambda rows: rows.execute("SELECT created_at FROM first_answers").fetchall()) != [(clock.now,)]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [NotFound("gone"), RuntimeError("broken")])
async def test_a_deed_that_fails_leaves_the_key_free(engine: Engine, deed: Deed, error: Exception) -> None:
    """Whoever asked is told, and the next may do it."""

    async def fail() -> Answer:
        raise error

    with pytest.raises(type(error)):
        await answer_once(engine, QUESTION, fail)
    assert await answer_once(engine, QUESTION, deed) == Answer(201, b"done 1")


async def test_a_failure_is_told_though_the_catalog_fails_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong with the deed is what whoever asked wants to know."""

    async def fail_too(asked: KeyedRequest, claim: bytes) -> None:
        raise CatalogError("no room")

    async def fail() -> Answer:
        monkeypatch.setattr(engine.catalog, "release_claim", fail_too)
        raise NotFound("gone")

    with pytest.raises(NotFound):
        await answer_once(engine, QUESTION, fail)


async def test_a_deed_that_was_cut_off_keeps_the_key(engine: Engine, deed: Deed) -> None:
    """Nobody knows whether it was done, so it is begun again only when its lease has run out."""
    clock, slow = engine.clock, Deed()
    assert isinstance(clock, SetClock)
    first = asyncio.create_task(answer_once(engine, QUESTION, slow))
    await slow.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    clock.now += 1000
    assert await answer_once(engine, QUESTION, deed) is None
    clock.now += 1
    assert await answer_once(engine, QUESTION, deed) == Answer(201, b"done 1")
