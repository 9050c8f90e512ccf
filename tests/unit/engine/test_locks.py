"""One lock for each key."""

import asyncio

import pytest

from treehold.engine.locks import KeyedLocks


async def test_one_key_is_held_by_one_at_a_time() -> None:
    """Whoever asks for a held key waits, in the order of asking."""
    locks, order = KeyedLocks(), []

    async def visit(number: int) -> None:
        async with locks.holding("key"):
            order.append((number, "in"))
            await asyncio.sleep(0)
            order.append((number, "out"))

    await asyncio.gather(*map(visit, range(3)))
    assert order == [(number, step) for number in range(3) for step in ("in", "out")]


async def test_other_keys_do_not_wait() -> None:
    """Holding one key holds up nobody who wants another."""
    locks = KeyedLocks()
    async with locks.holding(1), locks.holding(2), locks.holding((1, 2)):
        pass


async def test_nothing_is_kept_of_keys_that_nobody_uses() -> None:
    """A lock is dropped with its last user, be it by an error or because a waiter was cancelled."""
    locks = KeyedLocks()
    with pytest.raises(RuntimeError):
        async with locks.holding("key"):
            raise RuntimeError
    async with locks.holding("key"):
        waiting = asyncio.create_task(_hold(locks, "key"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert not locks._locks


async def test_a_cancelled_waiter_lets_the_next_one_in() -> None:
    """When a waiter gives up, those behind it still come in."""
    locks = KeyedLocks()
    async with locks.holding("key"):
        first, second = (asyncio.create_task(_hold(locks, "key")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
    assert await second
    assert first.cancelled()


async def _hold(locks: KeyedLocks, key: str) -> bool:
    async with locks.holding(key):
        return True
