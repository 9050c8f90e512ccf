"""Reading a repo without git."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.catalog_samples import ACCOUNT
from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from tests.unit.engine.small_repo import MAIN, SmallRepo, engine_in, fake_git
from tests.wire.raw_git import Object, blob, commit, history, oid_of, tree
from treehold.catalog.base import NewPack
from treehold.engine import read
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.read import Blob, RepoReader
from treehold.errors import CorruptStore, LimitExceeded, NotFound
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.tree import MODE_FILE, MODE_GITLINK, MODE_SYMLINK, MODE_TREE, TreeEntry, encode_tree
from treehold.packs.index import PackIndex

MIB = 1 << 20
TEXT = blob(b"text")
LINK = blob(b"folder/file")
NOISE = bytes(range(256)) * 8192  # 2 MiB
SPAN = range(300_000, 600_001)


def mixed_tree() -> list[Object]:
    """A commit with a file, a folder, a symbolic link, a submodule and a name that is not UTF-8."""
    folder = tree({b"file": TEXT})
    entries = [
        TreeEntry(MODE_FILE, b"\xff", oid_of(TEXT)),
        TreeEntry(MODE_TREE, b"folder", oid_of(folder)),
        TreeEntry(MODE_SYMLINK, b"link", oid_of(LINK)),
        TreeEntry(MODE_GITLINK, b"module", ObjectId(b"\x11" * 20)),
    ]
    top = (ObjectKind.TREE, encode_tree(entries))
    return [TEXT, LINK, folder, top, commit(top)]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine that holds objects of up to 3 MiB."""
    async with engine_in(tmp_path, limits=Limits(inflated_bytes_max=3 * MIB)) as engine:
        yield engine


async def opened(small: SmallRepo) -> RepoReader:
    return await read.open_repo(small.engine, ACCOUNT, small.row.namespace, small.row.name)


async def repo_of_blobs(engine: Engine) -> RepoReader:
    """A repo with a large blob that lies whole, and deltas: small and large of it, and a long one of a small one."""
    writer = PackWriter()
    whole = writer.blob(NOISE)
    offsets = {NOISE: whole}
    for data in (NOISE[:100], NOISE[:MIB]):
        offsets[data] = writer.ofs(whole, encode_delta(NOISE, data))
    huge = bytes(4 * MIB)
    offsets[huge] = writer.ofs(whole, encode_delta(NOISE, huge))
    top = tree({b"%d" % number: blob(data) for number, data in enumerate(offsets)})
    rows = [(blob_oid(data), 0, offset) for data, offset in offsets.items()]
    for kind, data in (top, commit(top)):
        rows.append((oid_of((kind, data)), 0, writer.add(kind, data)))
    pack = writer.pack()
    key = "packs/blobs.pack"
    await engine.store.put(key, pack)
    await engine.store.put(key + ".index", PackIndex.build(rows).encode())
    small = await SmallRepo.make(engine)
    await small.commit(NewPack(len(rows), len(pack), b"", key=key), {MAIN: oid_of(commit(top))})
    return await opened(small)


async def content(blob: Blob) -> bytes:
    return b"".join([piece async for piece in blob.pieces(range(blob.size))]) if blob.is_streamed else await blob.held()


async def test_objects_are_read_by_their_ids(engine: Engine) -> None:
    """A commit, a tree and a blob are read by id, and nothing else under an id of theirs."""
    small = await SmallRepo.make(engine)
    items = mixed_tree()
    await small.grow(items)
    repo = await opened(small)
    text, top, made = (oid_of(items[row]) for row in (0, 3, 4))
    assert (await read.read_commit(repo, made)).tree == top
    assert [entry.name for entry in await read.read_tree(repo, top)] == [b"folder", b"link", b"module", b"\xff"]
    assert await content(await read.find_blob(repo, text)) == b"text"
    for oid in (text, made, ObjectId(b"\x11" * 20)):
        with pytest.raises(NotFound):
            await read.read_tree(repo, oid)
    with pytest.raises(NotFound):
        await read.read_commit(repo, top)
    with pytest.raises(NotFound):
        await read.find_blob(repo, top)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"folder/file", b"text"),
        (b"\xff", b"text"),
        (b"link", b"folder/file"),
        (b"folder", None),
        (b"folder/", None),
        (b"module", None),
        (b"module/file", None),
        (b"link/file", None),
        (b"folder/file/more", None),
        (b"", None),
        (b"/folder/file", None),
        (b"folder//file", None),
        (b"./folder/file", None),
        (b"folder/../folder/file", None),
        (b"folder\0/file", None),
        (b"a/" * 100 + b"b", None),
        (b"a/" * 10_000 + b"b", None),
    ],
)
async def test_files_are_found_by_their_paths(engine: Engine, path: bytes, found: bytes | None) -> None:
    """A path leads to a file or a link's text, and not through links, submodules or any other spelling."""
    small = await SmallRepo.make(engine)
    await small.grow(mixed_tree())
    repo = await opened(small)
    if found is not None:
        assert await content(await read.find_file(repo, b"HEAD", path)) == found
    else:
        with pytest.raises(NotFound, match="no file"):
            await read.find_file(repo, b"HEAD", path)
    with pytest.raises(NotFound, match="no commit"):
        await read.find_file(repo, b"none", path)


async def test_a_deep_path_is_followed(engine: Engine) -> None:
    """A file below many folders is found."""
    objects = [TEXT, tree({b"a": TEXT})]
    for _ in range(500):
        objects.append(tree({b"a": objects[-1]}, mode=MODE_TREE))
    small = await SmallRepo.make(engine)
    await small.grow([*objects, commit(objects[-1])])
    found = await read.find_file(await opened(small), b"main", b"/".join([b"a"] * 501))
    assert await content(found) == b"text"


async def test_blobs_are_read_whatever_their_form(engine: Engine) -> None:
    """Small and large blobs, whole and as deltas, are read; only the large whole one is streamed."""
    repo = await repo_of_blobs(engine)
    for data, is_streamed in ((NOISE, True), (NOISE[:100], False), (NOISE[:MIB], False)):
        found = await read.find_blob(repo, blob_oid(data))
        assert (found.size, found.is_streamed) == (len(data), is_streamed)
        assert await content(found) == data
        assert not is_streamed or found.beginning() == data[:8000]


@pytest.mark.parametrize("span", [SPAN, range(1), range(len(NOISE) - 1, len(NOISE)), range(262_144, 262_145)])
async def test_a_stretch_is_streamed(engine: Engine, span: range) -> None:
    """Of a streamed blob just the bytes of the stretch come, in pieces that are not empty."""
    found = await read.find_blob(await repo_of_blobs(engine), blob_oid(NOISE))
    pieces = [piece async for piece in found.pieces(span)]
    assert b"".join(pieces) == NOISE[span.start : span.stop]
    assert all(pieces)


async def test_what_is_too_large_to_hold_is_refused(engine: Engine) -> None:
    """A delta with a result over the bound is refused when it is found, one with such a base when it is read."""
    repo = await repo_of_blobs(engine)
    with pytest.raises(LimitExceeded):
        await read.find_blob(repo, blob_oid(bytes(4 * MIB)))
    narrow = await read.find_blob(repo, blob_oid(NOISE[:100]))
    with pytest.raises(LimitExceeded):
        await Blob(RepoReader(repo.view, MIB), narrow.oid, 100, False).held()


async def test_a_damaged_stream_breaks_off(engine: Engine) -> None:
    """Damage in a stored blob is found while it is streamed."""
    repo = await repo_of_blobs(engine)
    place = repo.view.stored.find(blob_oid(NOISE))
    assert place is not None
    pack, offset = place
    wrecked = bytearray(pack.view)
    wrecked[offset + 2000] ^= 0xFF
    pack.view = memoryview(wrecked)
    found = await read.find_blob(repo, blob_oid(NOISE))
    with pytest.raises(CorruptStore):
        await content(found)


async def test_what_no_ref_reaches_is_not_there(tmp_path: Path) -> None:
    """In a repo that is not exact, objects that are stored but not reached are not found by id."""
    kept, hidden = history(b"1"), history(b"secret")
    ids = "\n".join(oid_of(item).hex() for item in kept)
    async with engine_in(tmp_path, git=fake_git(tmp_path, f"cat >/dev/null\necho '{ids}'")) as engine:
        small = await SmallRepo.make(engine)
        await small.push([*kept, *hidden], {MAIN: oid_of(kept[-1])}, preserves=False)
        repo = await opened(small)
        assert await content(await read.find_file(repo, b"HEAD", b"file")) == b"1"
        text, top, made = map(oid_of, hidden)
        with pytest.raises(NotFound):
            await read.find_blob(repo, text)
        with pytest.raises(NotFound):
            await read.read_tree(repo, top)
        with pytest.raises(NotFound):
            await read.read_commit(repo, made)
        with pytest.raises(NotFound):
            await read.find_file(repo, made.hex().encode(), b"file")


async def test_an_unknown_repo_is_not_found(engine: Engine) -> None:
    """Nothing is opened under a name that no repo has."""
    with pytest.raises(NotFound):
        await read.open_repo(engine, ACCOUNT, "default", "nothing")
