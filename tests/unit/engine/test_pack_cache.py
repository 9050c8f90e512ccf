"""Packs opened for reading."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import Object, blob, history, oid_of
from treehold.catalog.base import PackRow
from treehold.engine import pack_cache
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.pack_cache import PackCache, map_file
from treehold.errors import CorruptStore, NotFound, StorageError
from treehold.packs.build import build_pack


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(pack_memory_bytes=10_000)) as engine:
        yield engine


def noise(size: int) -> Object:
    return blob(os.urandom(size))


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def rows_of(repo: SmallRepo) -> tuple[PackRow, ...]:
    return (await repo.state()).packs


async def test_packs_of_a_repo_are_read_as_one(engine: Engine) -> None:
    """Objects of inline and of stored packs are found, and no others."""
    repo = await SmallRepo.make(engine)
    line = history(b"1", b"2", b"3")
    await repo.grow(line[:3], line[3:6])
    await repo.grow(line[6:], stored=True)
    packs = await engine.node.packs.open_all(await rows_of(repo))
    for item in line:
        assert packs.read(oid_of(item)) == item
    with pytest.raises(NotFound):
        packs.read(oid_of(blob(b"another")))


async def test_an_open_pack_is_not_opened_again(engine: Engine) -> None:
    """While a pack is held its bytes are not fetched anew."""
    repo = await SmallRepo.make(engine)
    await repo.grow(history(b"1"))
    (row,) = await rows_of(repo)
    assert await engine.node.packs.open(row) is await engine.node.packs.open(row)


async def test_memory_is_bounded_by_bytes(engine: Engine) -> None:
    """The packs used last are held up to the bound, tiny ones too, and one over the bound is not held at all."""
    repo = await SmallRepo.make(engine)
    for _ in range(30):
        await repo.push([noise(20)], {})
    await repo.push([noise(20_000)], {})
    rows = await rows_of(repo)
    cache = engine.node.packs
    first = await cache.open(rows[0])
    for row in rows[1:-1]:
        await cache.open(row)
        await cache.open(rows[0])
        assert cache._bytes <= 10_000
    assert await cache.open(rows[0]) is first
    assert 1 < len(cache._open) < 15
    large = await cache.open(rows[-1])
    assert await cache.open(rows[-1]) is not large
    assert cache._bytes <= 10_000


async def test_large_packs_are_mapped_and_mappings_are_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored packs above the size are mapped, smaller files read; no more than so many mappings are held."""
    monkeypatch.setattr(pack_cache, "_MAPPINGS_MAX", 3)
    repo = await SmallRepo.make(engine)
    for _ in range(5):
        await repo.push([noise(300_000)], {}, stored=True)
    cache = engine.node.packs
    open_before = open_files()
    for row in await rows_of(repo):
        await cache.open(row)
        assert cache._mappings <= 3
    assert len(cache._open) == 3
    assert open_files() - open_before <= 4
    small = await SmallRepo.make(engine, "another")
    await small.push([noise(1_000)], {}, stored=True)
    await engine.node.packs.open((await rows_of(small))[0])
    assert cache._mappings == 3


async def test_a_repo_of_many_packs_is_opened_whole(engine: Engine) -> None:
    """More packs than the cache may hold are still all read in one set."""
    repo = await SmallRepo.make(engine)
    objects = [noise(30) for _ in range(150)]
    for item in objects:
        await repo.push([item], {})
    packs = await engine.node.packs.open_all(await rows_of(repo))
    assert all(packs.read(oid_of(item)) == item for item in objects)


async def test_bodies_are_the_entries_alone(engine: Engine) -> None:
    """A pack's body is its bytes without header and trailer, in pieces of a bounded size."""
    repo = await SmallRepo.make(engine)
    item = noise(600_000)
    await repo.push([item], {}, stored=True)
    (row,) = await rows_of(repo)
    pieces = [bytes(piece) async for piece in engine.node.packs.bodies(row)]
    assert b"".join(pieces) == build_pack([item])[0][12:-20]
    assert len(pieces) == 3


async def test_missing_bytes_are_a_corrupt_store(engine: Engine, tmp_path: Path) -> None:
    """A pack whose file is gone, or whose index is, says so, and is not cached as open."""
    repo = await SmallRepo.make(engine)
    await repo.push([noise(100)], {}, stored=True)
    (row,) = await rows_of(repo)
    for suffix in (".index", ""):
        (tmp_path / "store" / f"{row.key}{suffix}").unlink()
        with pytest.raises(CorruptStore):
            await engine.node.packs.open(row)


async def test_a_pack_removed_while_it_is_open_is_read_on(engine: Engine, tmp_path: Path) -> None:
    """Who has a mapped pack open can read it to the end, whatever becomes of its file."""
    repo = await SmallRepo.make(engine)
    item = noise(300_000)
    await repo.push([item], {}, stored=True)
    packs = await engine.node.packs.open_all(await rows_of(repo))
    for path in (tmp_path / "store").rglob("*.pack"):
        path.unlink()
    assert packs.read(oid_of(item)) == item


def test_a_file_that_cannot_be_mapped(tmp_path: Path) -> None:
    """A missing or empty file is a corrupt store; one that cannot be opened for another reason is the disk's fault."""
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with pytest.raises(CorruptStore):
            map_file(tmp_path / name)
    with pytest.raises(StorageError):
        map_file(tmp_path)


async def test_the_same_pack_opened_twice_at_once_is_counted_once(engine: Engine) -> None:
    """Two openings that overlap leave one open pack, with its cost."""
    repo = await SmallRepo.make(engine)
    await repo.grow(history(b"1"))
    (row,) = await rows_of(repo)
    cache = PackCache(engine.catalog, engine.store, bytes_max=1 << 20)
    await cache.open(row)
    cost = cache._bytes
    held = cache._open[row.id]
    cache._keep(row.id, held)
    assert cache._bytes == cost
