"""Making a pack durable."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import engine_in
from tests.wire.raw_git import history
from treehold.engine.context import Engine
from treehold.engine.keep import keep_pack
from treehold.engine.limits import Limits
from treehold.errors import StorageError
from treehold.packs.build import build_pack

DATA, INDEX = build_pack(history(b"1", b"2"))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path) as engine:
        yield engine


def with_room_for(engine: Engine, inline_bytes: int) -> Engine:
    return replace(engine, limits=Limits(inline_pack_bytes=inline_bytes))


@pytest.fixture(params=["bytes", "file"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> bytes | Path:
    """The pack, in memory or as a file."""
    file = tmp_path / "made.pack"
    file.write_bytes(DATA)
    return DATA if request.param == "bytes" else file


async def test_a_small_pack_rides_in_its_row(engine: Engine, source: bytes | Path) -> None:
    """Up to the bound it goes with its index into the row that will name it, and the store gets nothing."""
    pack = await keep_pack(with_room_for(engine, len(DATA)), source, INDEX, size_bytes=len(DATA))
    assert (pack.objects, pack.size_bytes, pack.data, pack.index, pack.key) == (
        6,
        len(DATA),
        DATA,
        INDEX.encode(),
        None,
    )
    assert [blob async for blob in engine.store.blobs()] == []


async def test_a_large_pack_lies_in_the_store(engine: Engine, source: bytes | Path) -> None:
    """Beyond the bound the store has it and, beside it, its index; each pack has a key of its own."""
    roomy = with_room_for(engine, len(DATA) - 1)
    packs = [await keep_pack(roomy, source, INDEX, size_bytes=len(DATA)) for _ in range(2)]
    assert len({pack.key for pack in packs}) == 2
    for pack in packs:
        assert pack.key is not None
        assert (pack.objects, pack.size_bytes, pack.data, pack.index) == (6, len(DATA), None, b"")
        assert await engine.store.read(pack.key, 0, len(DATA) + 1) == DATA
        index = INDEX.encode()
        assert await engine.store.read(pack.key + ".index", 0, len(index) + 1) == index


async def test_the_pack_is_stored_before_its_index(engine: Engine) -> None:
    """A crash between the two leaves a pack alone, never an index alone."""
    reached: list[str] = []

    def die(name: str) -> None:
        reached.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await keep_pack(replace(with_room_for(engine, 0), failpoint=die), DATA, INDEX, size_bytes=len(DATA))
    assert reached == ["keep.pack-stored"]
    (blob,) = [blob async for blob in engine.store.blobs()]
    assert blob.key.endswith(".pack")


@pytest.mark.parametrize("inline_bytes", [0, 1 << 20])
async def test_a_file_that_is_gone_is_told(engine: Engine, tmp_path: Path, inline_bytes: int) -> None:
    """A new pack that cannot be read is the disk's fault."""
    with pytest.raises(StorageError):
        await keep_pack(with_room_for(engine, inline_bytes), tmp_path / "gone", INDEX, size_bytes=len(DATA))
