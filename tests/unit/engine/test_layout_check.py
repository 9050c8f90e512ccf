"""Whether a layout is as it was made."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import history
from treehold.catalog.base import PackRow
from treehold.engine import materialise
from treehold.engine.context import Engine
from treehold.engine.layout_check import is_sound

LINE = history(b"1", b"2")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path) as engine:
        yield engine


@pytest.fixture
async def rows(engine: Engine) -> tuple[PackRow, ...]:
    """A repo of two pushes."""
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE[:3], LINE[3:])
    return (await repo.state()).packs


async def laid_out(engine: Engine, rows: tuple[PackRow, ...]) -> Path:
    async with engine.node.repos.objects(rows) as objects:
        return objects


async def test_a_fresh_layout_is_sound(engine: Engine, rows: tuple[PackRow, ...]) -> None:
    """So is that of an empty repo, and one in which C Git is just writing something."""
    objects = await laid_out(engine, rows)
    assert is_sound(objects, rows)
    (objects / "pack" / "multi-pack-index.lock").write_bytes(b"half")
    assert is_sound(objects, rows)
    assert is_sound(await laid_out(engine, ()), ())


@pytest.mark.parametrize("name", ["*.pack", "*.idx"])
@pytest.mark.parametrize("how", ["changed", "cut", "emptied", "removed"])
async def test_any_damage_is_seen(engine: Engine, rows: tuple[PackRow, ...], name: str, how: str) -> None:
    """A byte that changed anywhere, a lost end, and a lost file."""
    objects = await laid_out(engine, rows)
    (file,) = (objects / "pack").glob(name)
    data = file.read_bytes()
    if how == "removed":
        file.unlink()
    elif how == "changed":
        file.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
    else:
        os.truncate(file, len(data) - 1 if how == "cut" else 0)
    assert not is_sound(objects, rows)


async def test_what_c_git_added_is_checked_too(engine: Engine, rows: tuple[PackRow, ...]) -> None:
    """Bitmaps and the commit graph end with their checksums as well."""
    objects = await laid_out(engine, rows)
    (objects / "info").mkdir()
    for name in ("pack/multi-pack-index", "pack/multi-pack-index-1234.bitmap", "info/commit-graph"):
        (objects / name).write_bytes(b"not what it was")
        assert not is_sound(objects, rows)
        (objects / name).unlink()
    assert is_sound(objects, rows)


@pytest.mark.parametrize("alternates", [None, b"", b"\n", b"/nonexistent\n", b"\0\xff\n"])
async def test_what_is_borrowed_must_be_there(
    engine: Engine, rows: tuple[PackRow, ...], monkeypatch: pytest.MonkeyPatch, alternates: bytes | None
) -> None:
    """A layout with fewer objects than the packs needs a base, unless it has them all."""
    monkeypatch.setattr(materialise, "_SPLIT_FROM_BYTES", 1)
    rows = await grown_a_little(engine)
    objects = await laid_out(engine, rows)
    assert is_sound(objects, rows)
    file = objects / "info" / "alternates"
    if alternates is None:
        file.unlink()
    else:
        file.write_bytes(alternates)
    assert not is_sound(objects, rows)


async def grown_a_little(engine: Engine) -> tuple[PackRow, ...]:
    """A list with a base and something after it."""
    repo = await SmallRepo.make(engine, "grown")
    await repo.grow(history(os.urandom(3500)), history(b"little"))
    return (await repo.state()).packs
