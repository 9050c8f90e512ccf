"""What every store must do; a backend's test module gives the ``store`` fixture."""

import os
from pathlib import Path

import pytest

from treehold.errors import AlreadyExists, CorruptStore
from treehold.server.backends import clock
from treehold.store.base import Store

KEY = "packs/ab/one.pack"


class StoreSuite:
    """Contract of :class:`~treehold.store.base.Store`."""

    async def test_what_was_put_is_read(self, store: Store) -> None:
        """A blob is read whole, in part, and not beyond its end."""
        await store.put(KEY, b"0123456789")
        assert await store.size(KEY) == 10
        assert await store.read(KEY, 0, 10) == b"0123456789"
        assert await store.read(KEY, 3, 4) == b"3456"
        assert await store.read(KEY, 8, 100) == b"89"
        assert await store.read(KEY, 10, 1) == b""

    async def test_a_file_is_put_and_stays(self, store: Store, tmp_path: Path) -> None:
        """Putting a file keeps its content under the key and leaves the file where it is."""
        source = tmp_path / "source"
        source.write_bytes(b"x" * 3_000_000)
        await store.put(KEY, source)
        assert await store.read(KEY, 2_999_999, 10) == b"x"
        assert source.exists()
        source.unlink()
        assert await store.size(KEY) == 3_000_000

    async def test_a_key_is_put_once(self, store: Store) -> None:
        """A taken key is refused and its blob stays as it was."""
        await store.put(KEY, b"first")
        with pytest.raises(AlreadyExists):
            await store.put(KEY, b"second")
        assert await store.read(KEY, 0, 10) == b"first"

    async def test_what_is_missing_says_so(self, store: Store) -> None:
        """Reading what is not there is corruption: rows name only what was stored."""
        with pytest.raises(CorruptStore):
            await store.read(KEY, 0, 1)
        with pytest.raises(CorruptStore):
            await store.size(KEY)
        with pytest.raises(CorruptStore):
            await store.local_file(KEY)

    async def test_deleting_is_final_and_may_be_repeated(self, store: Store) -> None:
        """A deleted blob is gone; deleting it again is fine."""
        await store.put(KEY, b"data")
        await store.delete(KEY)
        await store.delete(KEY)
        with pytest.raises(CorruptStore):
            await store.read(KEY, 0, 1)

    async def test_what_is_there_is_listed(self, store: Store) -> None:
        """Every key is listed, and nothing else."""
        assert [blob async for blob in store.blobs()] == []
        for key in (KEY, KEY + ".index", "packs/cd/two.pack", "top"):
            await store.put(key, b"1")
        await store.delete("packs/cd/two.pack")
        assert sorted([blob.key async for blob in store.blobs()]) == [KEY, KEY + ".index", "top"]

    async def test_a_blob_is_as_old_as_its_key(self, store: Store, tmp_path: Path) -> None:
        """It is listed with the time at which it was put, however old the file that it was put from."""
        source = tmp_path / "source"
        source.write_bytes(b"1")
        os.utime(source, (1, 1))
        before = clock()
        await store.put(KEY, source)
        (blob,) = [blob async for blob in store.blobs()]
        # a file's times advance by the tick of the kernel's clock
        assert before - 20 <= blob.stored_at <= clock()

    async def test_a_local_file_has_the_bytes(self, store: Store) -> None:
        """Where a store answers a file, the file is the blob."""
        await store.put(KEY, b"data")
        path = await store.local_file(KEY)
        assert path is None or path.read_bytes() == b"data"
