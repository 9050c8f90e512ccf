"""Computed packs on disk: computed once, read by many, never trusted."""

import asyncio
import errno
import os
import resource
from collections.abc import AsyncGenerator
from hashlib import sha1
from pathlib import Path

import pytest

from treehold.engine.answer_cache import AnswerCache
from treehold.errors import CorruptStore, LimitExceeded, NotFound, StorageError

BODY = os.urandom(700_000)
PACK = BODY + sha1(BODY).digest()


class Source:
    """A computation that can be held up, and counts how often it began and was ended early."""

    def __init__(self, pack: bytes = PACK, error: Exception | None = None) -> None:
        self.pack = pack
        self.error = error
        self.begun = 0
        self.ended_early = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> AsyncGenerator[bytes | memoryview]:
        self.begun += 1
        try:
            for start in range(0, len(self.pack), 100_000):
                yield memoryview(self.pack)[start : start + 100_000]
                await self.go_on.wait()
            if self.error is not None:
                raise self.error
        except (GeneratorExit, asyncio.CancelledError):
            self.ended_early += 1
            raise


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers", bytes_max=10_000_000, entropy=os.urandom)


async def read(pieces: AsyncGenerator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "answers").iterdir()}


async def settle(turns: int = 20) -> None:
    """Let other tasks have their turn."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_it_is_computed_once_for_all_who_ask(cache: AnswerCache, tmp_path: Path) -> None:
    """Many who ask at once, and one who asks later, get the same pack from one computation."""
    source = Source()
    answers = await asyncio.gather(*(read(cache.pieces("key", source)) for _ in range(20)))
    assert set(answers) == {PACK}
    assert await read(cache.pieces("key", source)) == PACK
    assert source.begun == 1
    assert files(tmp_path) == {"key"}


async def test_a_slow_reader_holds_up_nobody(cache: AnswerCache) -> None:
    """While one reader has stopped after a piece, another reads all of it, and then the first one can go on."""
    source = Source()
    slow = cache.pieces("key", source)
    first = await anext(slow)
    assert await read(cache.pieces("key", source)) == PACK
    assert first + await read(slow) == PACK
    assert source.begun == 1


async def test_pieces_come_while_it_is_computed(cache: AnswerCache) -> None:
    """A reader gets what there is before the computation is over."""
    source = Source()
    source.go_on.clear()
    pieces = cache.pieces("key", source)
    first = await anext(pieces)
    assert PACK.startswith(first)
    assert cache.has("key")
    source.go_on.set()
    assert first + await read(pieces) == PACK


async def test_a_computation_without_readers_is_ended(cache: AnswerCache, tmp_path: Path) -> None:
    """When the last reader leaves in the middle the computation ends, leaves nothing, and can be begun again."""
    source = Source()
    source.go_on.clear()
    readers = [cache.pieces("key", source) for _ in range(2)]
    for reader in readers:
        await anext(reader)
    await readers[0].aclose()
    await settle()
    assert source.ended_early == 0
    await readers[1].aclose()
    joined = asyncio.create_task(read(cache.pieces("key", source)))
    await settle()
    assert source.ended_early == 1
    source.go_on.set()
    assert await joined == PACK
    assert source.begun == 2
    assert files(tmp_path) == {"key"}


@pytest.mark.parametrize("error", [NotFound("gone"), RuntimeError("odd")])
async def test_what_goes_wrong_is_told_to_all(cache: AnswerCache, tmp_path: Path, error: Exception) -> None:
    """Everybody who waits is told of a failed computation, and the next one who asks begins another."""
    source = Source(error=error)
    outcomes = await asyncio.gather(*(read(cache.pieces("key", source)) for _ in range(3)), return_exceptions=True)
    assert outcomes == [error] * 3
    assert files(tmp_path) == set()
    source.error = None
    assert await read(cache.pieces("key", source)) == PACK


@pytest.mark.parametrize(
    "damaged", [PACK[:-1], PACK[:1000] + b"xyz" + PACK[1003:], b""], ids=["cut", "changed", "empty"]
)
async def test_a_damaged_file_is_never_served_as_whole(cache: AnswerCache, tmp_path: Path, damaged: bytes) -> None:
    """A truncated, changed or emptied file ends in an error, is dropped, and is computed anew for the next one."""
    source = Source()
    await read(cache.pieces("key", source))
    (tmp_path / "answers" / "key").write_bytes(damaged)
    with pytest.raises(CorruptStore):
        await read(cache.pieces("key", source))
    assert await read(cache.pieces("key", source)) == PACK
    assert source.begun == 2


async def test_a_file_removed_while_it_is_served_is_served_on(cache: AnswerCache, tmp_path: Path) -> None:
    """Who has begun to read a file reads it to its end, whoever removes it."""
    source = Source()
    await read(cache.pieces("key", source))
    pieces = cache.pieces("key", source)
    first = await anext(pieces)
    (tmp_path / "answers" / "key").unlink()
    assert first + await read(pieces) == PACK


async def test_the_longest_unused_goes_when_space_is_needed(tmp_path: Path) -> None:
    """All finished packs together stay within the bound, and the one just computed stays."""
    cache = AnswerCache(tmp_path / "answers", bytes_max=2 * len(PACK), entropy=os.urandom)
    keys = ["one", "two", "three", "four"]
    for age, key in enumerate(keys):
        await read(cache.pieces(key, Source()))
        os.utime(tmp_path / "answers" / key, (age, age))
    async with asyncio.timeout(30):
        while len(files(tmp_path)) > 2:  # the folder is looked through in a thread
            await asyncio.sleep(0.01)
    assert "four" in files(tmp_path)


async def test_an_answer_larger_than_the_whole_cache_is_refused(tmp_path: Path) -> None:
    """A computation cannot fill the disk beyond the bound."""
    cache = AnswerCache(tmp_path / "answers", bytes_max=1000, entropy=os.urandom)
    with pytest.raises(LimitExceeded):
        await read(cache.pieces("key", Source()))
    assert files(tmp_path) == set()


async def test_a_full_disk_is_told(cache: AnswerCache, tmp_path: Path) -> None:
    """A disk that fails in the middle of a computation is told as such, and leaves nothing."""
    source = Source(error=OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(StorageError, match="No space left"):
        await read(cache.pieces("key", source))
    assert files(tmp_path) == set()


async def test_everything_can_be_dropped(cache: AnswerCache, tmp_path: Path) -> None:
    """What is kept goes, what is being computed is read to its end and not kept, and both can be computed anew."""
    kept, running = Source(), Source()
    await read(cache.pieces("kept", kept))
    running.go_on.clear()
    pieces = cache.pieces("running", running)
    first = await anext(pieces)
    await cache.drop_all()
    assert not cache.has("kept")
    assert not cache.has("running")
    running.go_on.set()
    assert first + await read(pieces) == PACK
    assert files(tmp_path) == set()
    assert await read(cache.pieces("kept", kept)) == PACK
    assert await read(cache.pieces("running", running)) == PACK
    assert (kept.begun, running.begun) == (2, 2)


async def test_what_is_damaged_while_it_is_computed_is_not_kept(cache: AnswerCache, tmp_path: Path) -> None:
    """When a reader finds less on the disk than was written, the computation goes on for nobody."""
    source = Source()
    source.go_on.clear()
    pieces = cache.pieces("key", source)
    await anext(pieces)
    (unfinished,) = (tmp_path / "answers").iterdir()
    source.go_on.set()
    await settle()
    os.truncate(unfinished if unfinished.exists() else tmp_path / "answers" / "key", 200_000)
    with pytest.raises(CorruptStore):
        await read(pieces)
    await settle()
    assert files(tmp_path) == set()
    assert await read(cache.pieces("key", source)) == PACK


async def test_a_disk_that_takes_a_part_of_a_piece(tmp_path: Path) -> None:
    """A file that can grow no more is told as a failure, not taken for a shorter pack."""
    cache = AnswerCache(tmp_path / "answers", bytes_max=10_000_000, entropy=os.urandom)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(PACK) - 10, before[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            await read(cache.pieces("key", Source()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("how", ["sound", "damaged", "removed"])
async def test_what_a_reader_has_left_is_checked_before_it_is_read_again(
    cache: AnswerCache, tmp_path: Path, how: str
) -> None:
    """The reader may have left because of what it read: only a sound file is served on, and trusted once checked."""
    source = Source()
    await read(cache.pieces("key", source))
    file = tmp_path / "answers" / "key"
    if how == "damaged":
        file.write_bytes(PACK[:300_000] + b"xyz" + PACK[300_003:])
    reader = cache.pieces("key", source)
    await anext(reader)
    if how == "removed":
        file.unlink()
    await reader.aclose()
    assert await read(cache.pieces("key", source)) == PACK
    assert source.begun == (1 if how == "sound" else 2)
    assert file.stat().st_mtime > 1
