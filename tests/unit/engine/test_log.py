"""The log along the first parents, walked here and left to git."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT
from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import Object, blob, commit, oid_of, tree
from treehold.engine import log, read
from treehold.engine.context import Engine
from treehold.engine.log import LogWish
from treehold.ids import ObjectId
from treehold.objects.tree import MODE_TREE

LONG_AGO = 12


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with the installed git."""
    async with engine_in(tmp_path, git=Path(shutil.which("git") or "git")) as engine:
        yield engine


def state(file: bytes, other: bytes) -> list[Object]:
    """A tree with ``folder/file`` and, beside the folder, ``folder2``; the tree itself is the last."""
    folder, more = tree({b"file": blob(file)}), tree({b"x": blob(other)})
    return [blob(file), blob(other), folder, more, tree({b"folder": folder, b"folder2": more}, mode=MODE_TREE)]


def line() -> tuple[list[Object], list[ObjectId]]:
    """A history, its commits' ids oldest first: the file comes, changes with every third commit, goes at the end."""
    objects: dict[Object, None] = {}
    start = tree({b"folder2": tree({b"x": blob(b"0")})}, mode=MODE_TREE)
    last = commit(start, message=b"Start\n")
    objects.update(dict.fromkeys([blob(b"0"), tree({b"x": blob(b"0")}), start, last]))
    ids = [oid_of(last)]
    for number in range(1, LONG_AGO):
        items = state(b"%d" % (number // 3), b"%d" % number)
        last = commit(items[-1], last, message=b"%d\n" % number)
        objects.update(dict.fromkeys([*items, last]))
        ids.append(oid_of(last))
    last = commit(start, last, message=b"End\n")
    objects[last] = None
    return list(objects), [*ids, oid_of(last)]


async def listed(
    repo: SmallRepo, *, path: bytes | None = None, ref: bytes = b"main", limit: int = 99, offset: int = 0
) -> list[ObjectId]:
    reader = await read.open_repo(repo.engine, ACCOUNT, repo.row.namespace, repo.row.name)
    wish = LogWish(ref=ref, path=path, limit=limit, offset=offset)
    return [oid for oid, _ in await log.list_log(repo.engine, reader, wish)]


WALKS = pytest.mark.parametrize("reads_max", [1, 2, 7, 20, 10_000])
"""How far this process walks before git goes on."""


@WALKS
async def test_a_log_goes_back_along_the_first_parents(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, reads_max: int
) -> None:
    """Commits come newest first, a stretch of them as limit and offset say, whoever walks."""
    monkeypatch.setattr(log, "READS_MAX", reads_max)
    repo = await SmallRepo.make(engine)
    objects, ids = line()
    await repo.grow(objects)
    newest_first = ids[::-1]
    assert await listed(repo) == newest_first
    for offset in (0, 1, 5, LONG_AGO, LONG_AGO + 1, 500):
        for limit in (1, 4):
            assert await listed(repo, limit=limit, offset=offset) == newest_first[offset : offset + limit]
    assert await listed(repo, ref=ids[3].hex().encode()) == newest_first[-4:]


@WALKS
@pytest.mark.parametrize("path", [b"folder", b"folder/file"])
async def test_a_path_leaves_the_commits_that_change_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, reads_max: int, path: bytes
) -> None:
    """Of a file or a folder those commits come at which it is made, changed or removed."""
    monkeypatch.setattr(log, "READS_MAX", reads_max)
    repo = await SmallRepo.make(engine)
    objects, ids = line()
    await repo.grow(objects)
    changes = [ids[12], ids[9], ids[6], ids[3], ids[1]]
    assert await listed(repo, path=path) == changes
    for offset in range(6):
        for limit in (1, 2):
            assert await listed(repo, path=path, limit=limit, offset=offset) == changes[offset : offset + limit]


@WALKS
async def test_merges_are_compared_with_their_first_parent(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, reads_max: int
) -> None:
    """A merge that brings a change counts as one that changes, and what was merged is not listed."""
    monkeypatch.setattr(log, "READS_MAX", reads_max)
    repo = await SmallRepo.make(engine)
    before, after = state(b"1", b"1"), state(b"2", b"1")
    root = commit(before[-1], message=b"root\n")
    side = commit(after[-1], root, message=b"side\n")
    merge = commit(after[-1], root, side, message=b"merge\n")
    same = commit(after[-1], merge, root, message=b"merge of the old\n")
    await repo.grow(list(dict.fromkeys([*before, *after, root, side, merge, same])))
    assert await listed(repo) == [oid_of(item) for item in (same, merge, root)]
    assert await listed(repo, path=b"folder/file") == [oid_of(merge), oid_of(root)]
    assert await listed(repo, path=b"folder2") == [oid_of(root)]


@pytest.mark.parametrize(
    "path", [b"none", b"/folder", b"folder//file", b"..", b".", b"a\0b", b"folder/file/x", b"f*", b"x" * 5000]
)
@pytest.mark.parametrize("reads_max", [1, 10_000])
async def test_a_path_that_never_was_has_no_log(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, reads_max: int, path: bytes
) -> None:
    """No commit changes what no tree has, and a path means nothing but itself."""
    monkeypatch.setattr(log, "READS_MAX", reads_max)
    repo = await SmallRepo.make(engine)
    await repo.grow(line()[0])
    assert await listed(repo, path=path) == []


async def test_an_unknown_ref_has_no_log(engine: Engine) -> None:
    """A ref that is not there, and the HEAD of an empty repo, have no commits."""
    repo = await SmallRepo.make(engine)
    assert await listed(repo, ref=b"HEAD") == []
    await repo.grow(line()[0])
    assert await listed(repo, ref=b"nothing") == []
