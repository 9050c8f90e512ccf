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
    assert [key async for key in store.keys()] == ["packs/one"]
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
