"""The local store beyond its contract: privacy, crashes, odd keys, a failing disk."""

import errno
import os
import stat
from pathlib import Path

import pytest

from treehold.errors import StorageError
from treehold.store.local import LocalStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder, entropy=os.urandom)


async def test_a_file_nearby_is_not_copied(store: LocalStore, folder: Path, tmp_path: Path) -> None:
    """It gets another name, is private and read-only under both, and its first name may go."""
    source = tmp_path / "source"
    source.write_bytes(b"data")
    await store.put("packs/one", source)
    kept = folder / "packs/one"
    assert kept.samefile(source)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o400
    source.unlink()
    assert await store.read("packs/one", 0, 10) == b"data"


async def test_a_file_that_cannot_be_linked_is_copied(
    store: LocalStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on another file system, or a link that somebody could point elsewhere."""
    source, alias = tmp_path / "source", tmp_path / "alias"
    source.write_bytes(b"data")
    alias.symlink_to(source)
    await store.put("packs/one", alias)

    def other_file_system(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", other_file_system)
    await store.put("packs/two", source)
    for name in ("one", "two"):
        kept = folder / "packs" / name
        assert (kept.read_bytes(), kept.samefile(source), kept.is_symlink()) == (b"data", False, False)


async def test_blobs_are_private_and_read_only(store: LocalStore, folder: Path) -> None:
    """Only the owner may look, and nobody may write."""
    await store.put("packs/one", b"data")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "packs/one").stat().st_mode) == 0o400


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a//b", "a/../b", "", "A", ".new-x", "a/", "a\0b"])
async def test_odd_keys_reach_no_file(store: LocalStore, key: str) -> None:
    """A key is slash-separated words and can name nothing outside the folder."""
    with pytest.raises(StorageError):
        await store.put(key, b"data")
    with pytest.raises(StorageError):
        await store.read(key, 0, 1)


async def test_a_put_that_fails_leaves_nothing(
    store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full the key stays free and no half file stays behind."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(StorageError, match="No space left"):
        await store.put("packs/one", b"data")
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    monkeypatch.undo()
    await store.put("packs/one", b"data")


async def test_what_a_crash_left_is_swept(store: LocalStore, folder: Path) -> None:
    """Temporary files of interrupted puts are removed at the start, blobs are not, and neither is listed wrongly."""
    await store.put("packs/one", b"data")
    (folder / "packs" / ".new-1234").write_bytes(b"half")
    assert [blob.key async for blob in store.blobs()] == ["packs/one"]
    assert store.sweep_temporary() == 1
    assert await store.read("packs/one", 0, 4) == b"data"


async def test_the_order_is_sync_link_sync(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob gets its name after its bytes are synced, and the folder is synced after that."""
    steps: list[str] = []
    for name in ("fdatasync", "link", "fsync"):
        real = getattr(os, name)

        def spy(*arguments: object, name: str = name, real: object = real) -> object:
            steps.append(name)
            return real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(os, name, spy)
    (store._folder / "packs").mkdir()
    await store.put("packs/one", b"data")
    assert steps == ["fdatasync", "link", "fsync"]
