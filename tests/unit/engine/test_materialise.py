"""Repos laid out for C Git."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import Object, blob, history, oid_of
from treehold.catalog.base import NewPack, PackRow
from treehold.engine import materialise
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.materialise import Materialiser
from treehold.errors import CorruptStore, NativeGitError, StorageError
from treehold.ids import PackId
from treehold.packs.git_index import from_git_index
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet

LINE = history(b"1", b"2", b"3")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, limits=Limits(cache_bytes_max=0)) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where layouts are."""
    return tmp_path / "node" / "repos"


def another(engine: Engine, folder: Path, *, bytes_max: int = 0) -> Materialiser:
    """A second one over the same folder, as another process has it."""
    return Materialiser(folder, packs=engine.node.packs, store=engine.store, entropy=os.urandom, bytes_max=bytes_max)


async def rows_of(engine: Engine, *, stored: bool = False, content: Sequence[Object] = LINE) -> tuple[PackRow, ...]:
    """The packs of a new repo with some pushes."""
    repo = await SmallRepo.make(engine, f"repo-{os.urandom(4).hex()}")
    await repo.grow(*([content] if stored else [content[:3], content[3:]]), stored=stored)
    return (await repo.state()).packs


def read_layout(objects: Path) -> PackSet:
    """The one pack of a layout, read by its index."""
    (pack_file,) = (objects / "pack").glob("*.pack")
    data = pack_file.read_bytes()
    assert pack_file.stem == f"pack-{data[-20:].hex()}"
    return PackSet([OpenPack(data, from_git_index(pack_file.with_suffix(".idx").read_bytes()))])


async def test_packs_are_laid_out_as_one_with_its_index(engine: Engine) -> None:
    """Every object of the packs is in the one pack, where the one index says."""
    async with engine.node.repos.objects(await rows_of(engine)) as objects:
        packs = read_layout(objects)
        assert all(packs.read(oid_of(item)) == item for item in LINE)


async def test_a_single_stored_pack_is_linked(engine: Engine, tmp_path: Path) -> None:
    """A repo of one stored pack costs no second copy of it."""
    rows = await rows_of(engine, stored=True)
    async with engine.node.repos.objects(rows) as objects:
        (pack_file,) = (objects / "pack").glob("*.pack")
        assert rows[0].key
        assert pack_file.samefile(tmp_path / "store" / rows[0].key)
        assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]


async def test_a_pack_on_another_file_system_is_copied(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stored file cannot be linked its bytes are copied."""

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    rows = await rows_of(engine, stored=True)
    monkeypatch.setattr(os, "link", refuse)
    async with engine.node.repos.objects(rows) as objects:
        (pack_file,) = (objects / "pack").glob("*.pack")
        assert pack_file.stat().st_nlink == 1
        assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]


async def test_an_empty_repo_has_an_empty_layout(engine: Engine) -> None:
    """A repo without packs is a folder for objects without any."""
    async with engine.node.repos.objects(()) as objects:
        assert list((objects / "pack").iterdir()) == []


def sizes(*sizes: int) -> tuple[PackRow, ...]:
    """Packs of these sizes."""
    return tuple(PackRow(PackId(row), row, 1, size, None, row) for row, size in enumerate(sizes, 1))


def test_the_base_of_a_list_stays_while_it_grows_a_little() -> None:
    """It changes when the list has grown by half, and then it is nearly all of the list; a small list is its own."""
    rows = sizes(3 << 20, *[50_000] * 100)
    counts = [len(materialise.split(rows[:count])[0]) for count in range(1, len(rows) + 1)]
    assert counts == sorted(counts)
    assert len(set(counts)) == 4
    for count, base in enumerate(counts, 1):
        before, after = materialise.split(rows[:count])
        assert (*before, *after) == rows[:count]
        assert sum(row.size_bytes for row in after) <= sum(row.size_bytes for row in before) / 2
        assert materialise.split(before) == (before, ())
        assert base == len(before)
    for rows in (sizes(), sizes(100, 5), sizes(1 << 20, 500 << 20), sizes(100 << 20, 60 << 20)):
        assert materialise.split(rows) == (rows, ())
    rows = sizes(1 << 20, 500 << 20, *[1000] * 50)
    assert materialise.split(rows) == (rows[:2], rows[2:])


async def test_what_came_after_the_base_is_laid_out_beside_it(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later packs are made complete with the bases of their deltas; the base stays, and is there while in use."""
    monkeypatch.setattr(materialise, "_SPLIT_FROM_BYTES", 1)
    old, new = os.urandom(3000), os.urandom(100)
    repo = await SmallRepo.make(engine)
    await repo.grow([blob(old)])
    delta = PackWriter()
    offset = delta.ref(blob_oid(old), encode_delta(old, old + new))
    index = PackIndex.build([(blob_oid(old + new), 0, offset)])
    await repo.commit(NewPack(1, len(delta.pack()), index.encode(), data=delta.pack()))
    rows = (await repo.state()).packs
    async with engine.node.repos.objects(rows) as objects:
        base = Path((objects / "info" / "alternates").read_text().strip())
        assert base == engine.node.repos.base_objects(rows)
        assert read_layout(base).read(blob_oid(old))[1] == old
        assert read_layout(objects).read(blob_oid(old + new))[1] == old + new
        assert len(list(folder.iterdir())) == 2
        async with another(engine, folder).objects(await rows_of(engine)):
            assert base.exists()
    monkeypatch.setattr(materialise, "_BASES_BYTES_MAX", 10)
    async with another(engine, folder).objects(await rows_of(engine)):
        pass
    async with engine.node.repos.objects(rows) as objects:
        assert not (objects / "info").exists()
        assert read_layout(objects).read(blob_oid(old + new))[1] == old + new


async def test_who_asks_together_gets_the_same_layout(engine: Engine, folder: Path) -> None:
    """However many ask at once, in this process and in another, there is one layout, and nothing is left beside it."""
    rows = await rows_of(engine)
    makers = [engine.node.repos, another(engine, folder), another(engine, folder)]
    gate = asyncio.Barrier(9)

    async def use(maker: Materialiser) -> Path:
        async with maker.objects(rows) as objects:
            await gate.wait()
            assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]
            return objects

    found = await asyncio.gather(*(use(makers[number % 3]) for number in range(9)))
    assert len(set(found)) == 1
    assert [path.name for path in folder.iterdir()] == [found[0].parent.name]


async def test_a_layout_in_use_is_not_evicted(engine: Engine, folder: Path) -> None:
    """With no room at all, what is in use stays, and goes once it is not and another comes."""
    first, second, third = [await rows_of(engine) for _ in range(3)]
    other = another(engine, folder)
    async with engine.node.repos.objects(first) as held:
        async with other.objects(second) as gone:
            assert read_layout(held).read(oid_of(LINE[0])) == LINE[0]
            assert gone.exists()
        async with engine.node.repos.objects(third) as kept:
            assert held.exists()
            assert not gone.exists()
            assert kept.exists()
    async with other.objects(second):
        assert not held.exists()
        assert not kept.exists()


async def test_the_longest_unused_is_evicted_first(engine: Engine, folder: Path, tmp_path: Path) -> None:
    """When there is room for two, the one that was used last of all stays, used again or new."""
    sets = [await rows_of(engine, content=[*LINE, blob(os.urandom(50_000))]) for _ in range(3)]
    roomy = another(engine, folder, bytes_max=120_000)
    paths = []
    for number in (0, 1, 0, 2):
        async with roomy.objects(sets[number]) as objects:
            paths.append(objects)
        os.utime(objects.parent / "in-use.lock", (len(paths), len(paths)))
    assert [path.exists() for path in paths] == [True, False, True, True]


async def test_many_who_need_more_than_there_is_room_for(engine: Engine, folder: Path) -> None:
    """Users of different repos who evict each other's layouts all get theirs, whole, for as long as they use it."""
    sets = [await rows_of(engine) for _ in range(4)]
    makers = [engine.node.repos, another(engine, folder)]

    async def use(number: int) -> None:
        async with makers[number % 2].objects(sets[number % 4]) as objects:
            for _ in range(3):
                await asyncio.sleep(0)
                assert read_layout(objects).read(oid_of(LINE[-1])) == LINE[-1]

    await asyncio.gather(*map(use, range(40)))
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


async def test_an_evicted_layout_is_built_again(engine: Engine, folder: Path) -> None:
    """A layout can be thrown away at any time that it is not in use."""
    rows = await rows_of(engine)
    for _ in range(2):
        async with engine.node.repos.objects(rows) as objects:
            assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]
        shutil.rmtree(objects.parent)


async def test_a_lock_on_what_was_evicted_meanwhile_is_none(engine: Engine, folder: Path, tmp_path: Path) -> None:
    """Who waited for a layout that was then evicted, or evicted and built anew, does not hold the new one's lock."""
    async with engine.node.repos.objects(await rows_of(engine)) as objects:
        layout = objects.parent
    old = materialise._lock_shared(layout)
    assert old is not None
    shutil.copytree(layout, tmp_path / "copy")
    layout.rename(tmp_path / "aside")
    assert materialise._lock_shared(layout) is None
    (tmp_path / "copy").rename(layout)
    new = materialise._lock_shared(layout)
    assert new is not None
    assert os.fstat(new).st_ino != os.fstat(old).st_ino
    os.close(old)
    assert not materialise._remove_unused(layout, tmp_path / "gone")
    os.close(new)
    assert materialise._remove_unused(layout, tmp_path / "gone")
    assert not materialise._remove_unused(layout, tmp_path / "gone")


async def test_a_failed_build_leaves_nothing(engine: Engine, folder: Path, tmp_path: Path) -> None:
    """When a pack is missing whoever asked is told, and neither half a layout nor a lock is left behind."""
    rows = await rows_of(engine, stored=True)
    shutil.rmtree(tmp_path / "store")
    gc.collect()  # or what tests before this one have left may go in the middle of it
    files = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(CorruptStore):
        async with engine.node.repos.objects(rows):
            pass
    assert list(folder.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == files


async def test_a_disk_that_fails_is_a_storage_error(engine: Engine, folder: Path) -> None:
    """When the folder cannot be used, that is told as the storage's failure."""
    rows = await rows_of(engine)
    folder.rmdir()
    folder.touch()
    with pytest.raises(StorageError, match="cannot lay out a repo"):
        async with engine.node.repos.objects(rows):
            pass


async def test_a_rename_that_fails_is_not_tried_for_ever(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only "another was first" makes a build start over; any other failure is told."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    rows = await rows_of(engine)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError):
        async with engine.node.repos.objects(rows):
            pass


async def test_a_build_that_is_given_up_leaves_nothing(engine: Engine, folder: Path) -> None:
    """When the one who builds goes away its half-made layout goes too, and the next one builds it."""
    rows = await rows_of(engine)
    building = asyncio.create_task(_use(engine.node.repos, rows))
    while not list(folder.iterdir()):
        await asyncio.sleep(0)
    building.cancel()
    await asyncio.gather(building, return_exceptions=True)
    assert list(folder.iterdir()) == []
    await _use(engine.node.repos, rows)


async def _use(maker: Materialiser, rows: Sequence[PackRow]) -> None:
    async with maker.objects(rows):
        pass


async def damaged(engine: Engine, rows: Sequence[PackRow]) -> Path:
    """A layout whose pack has lost its end."""
    async with engine.node.repos.objects(rows) as objects:
        (pack_file,) = (objects / "pack").glob("*.pack")
        os.truncate(pack_file, 40)
        return objects


async def run_git(maker: Materialiser, rows: Sequence[PackRow], *, fails: bool) -> Path:
    async with maker.objects(rows) as objects:
        if fails:
            raise NativeGitError("git ended with status 128")
        return objects


async def test_a_run_that_fails_gives_a_damaged_layout_up(engine: Engine) -> None:
    """Whoever finds it damaged is told so, it goes, and the next one gets another, which has a name of its own."""
    rows = await rows_of(engine)
    old = await damaged(engine, rows)
    with pytest.raises(CorruptStore):
        await run_git(engine.node.repos, rows, fails=True)
    assert not old.exists()
    async with engine.node.repos.objects(rows) as objects:
        assert objects != old
        assert objects == engine.node.repos.base_objects(rows)
        assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]


async def test_a_run_that_fails_for_its_own_reasons_changes_nothing(engine: Engine) -> None:
    """A sound layout stays, and the failure is told as it is."""
    rows = await rows_of(engine)
    with pytest.raises(NativeGitError):
        await run_git(engine.node.repos, rows, fails=True)
    assert engine.node.repos.base_objects(rows).exists()


async def test_a_damaged_layout_stays_while_others_use_it(engine: Engine, folder: Path) -> None:
    """However many find it damaged, it is replaced once, and there for those at work until they are done."""
    rows = await rows_of(engine)
    old = await damaged(engine, rows)
    async with another(engine, folder).objects(rows):
        outcomes = await asyncio.gather(
            *(run_git(engine.node.repos, rows, fails=True) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(outcome, CorruptStore) for outcome in outcomes)
        assert old.exists()
        new = await run_git(engine.node.repos, rows, fails=False)
        assert new != old
        assert await run_git(engine.node.repos, rows, fails=False) == new
    await _use(another(engine, folder), await rows_of(engine))
    assert not old.exists()


async def test_how_often_layouts_were_damaged_is_forgotten_at_last(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many lists are remembered; what is forgotten is found damaged again if it still is."""
    monkeypatch.setattr(materialise, "_DAMAGED_KEPT", 1)
    first, second = await rows_of(engine), await rows_of(engine)
    names = []
    for rows in (first, first, second):
        names.append(await damaged(engine, rows))
        with pytest.raises(CorruptStore):
            await run_git(engine.node.repos, rows, fails=True)
    assert len(set(names)) == 3
    assert engine.node.repos.base_objects(first) == names[0]


async def test_a_layout_that_was_not_used_for_long_is_checked(engine: Engine) -> None:
    """Before it is used again damage is found, and nobody is the wiser."""
    rows = await rows_of(engine)
    old = await damaged(engine, rows)
    os.utime(old.parent / "in-use.lock", (1, 1))
    async with engine.node.repos.objects(rows) as objects:
        assert objects != old
        assert read_layout(objects).read(oid_of(LINE[0])) == LINE[0]


async def test_what_lies_beside_a_damaged_base_is_made_anew_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new base has another name, which the new layout beside it knows."""
    monkeypatch.setattr(materialise, "_SPLIT_FROM_BYTES", 1)
    rows = await rows_of(engine, content=[blob(os.urandom(4000)), *LINE])
    base = materialise.split(rows)[0]
    assert len(base) < len(rows)
    beside = await run_git(engine.node.repos, rows, fails=False)
    await damaged(engine, base)
    with pytest.raises(CorruptStore):
        await run_git(engine.node.repos, rows, fails=True)
    async with engine.node.repos.objects(rows) as objects:
        assert objects != beside
        assert (objects / "info" / "alternates").read_text().strip() == f"{engine.node.repos.base_objects(rows)}"


async def test_a_layout_that_lost_its_lock_can_be_used(engine: Engine) -> None:
    """It gets another one."""
    rows = await rows_of(engine)
    objects = await run_git(engine.node.repos, rows, fails=False)
    (objects.parent / "in-use.lock").unlink()
    assert await run_git(engine.node.repos, rows, fails=False) == objects
