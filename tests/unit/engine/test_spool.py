"""Tests of treehold.engine.spool."""

from pathlib import Path

import pytest

from treehold.engine.spool import PackSpool
from treehold.errors import LimitExceeded, StorageError
from treehold.packs.entry import encode_pack_header

PACK = encode_pack_header(1234) + b"entries and a trailer"


def make(tmp_path: Path, *, memory_bytes: int = 100, bytes_max: int = 1000) -> PackSpool:
    return PackSpool(tmp_path / "pack", memory_bytes=memory_bytes, bytes_max=bytes_max)


def test_a_small_pack_stays_in_memory(tmp_path: Path) -> None:
    """No file is made, and none is left."""
    pack = make(tmp_path)
    pack.write(PACK[:5])
    pack.write(PACK[5:])
    assert (pack.in_memory(), pack.size_bytes, pack.declared_objects) == (PACK, len(PACK), 1234)
    pack.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("memory_bytes", [0, 1, 11, 12, 20, len(PACK) - 1])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_large_pack_is_in_a_file(tmp_path: Path, memory_bytes: int, step: int) -> None:
    """Wherever the bound falls, the file is the pack and its header is known."""
    pack = make(tmp_path, memory_bytes=memory_bytes)
    for start in range(0, len(PACK), step):
        pack.write(PACK[start : start + step])
    assert pack.in_memory() is None
    assert pack.file().read_bytes() == PACK
    assert (pack.size_bytes, pack.declared_objects) == (len(PACK), 1234)
    assert pack.path.stat().st_mode & 0o777 == 0o600
    pack.discard()
    assert not list(tmp_path.iterdir())


def test_a_pack_in_memory_becomes_a_file_on_demand(tmp_path: Path) -> None:
    """C Git reads files only; once there is one, that is where the pack is."""
    pack = make(tmp_path)
    pack.write(PACK)
    assert pack.file().read_bytes() == PACK
    assert pack.file() == pack.path
    assert pack.in_memory() is None
    pack.discard()
    assert not list(tmp_path.iterdir())


def test_without_a_whole_header_no_object_is_promised(tmp_path: Path) -> None:
    """Eleven bytes promise nothing."""
    pack = make(tmp_path)
    pack.write(PACK[:11])
    assert pack.declared_objects == 0


@pytest.mark.parametrize("memory_bytes", [10, 5000])
def test_a_pack_over_the_bound_is_refused(tmp_path: Path, memory_bytes: int) -> None:
    """The byte too many is not kept, in memory or on disk."""
    pack = make(tmp_path, memory_bytes=memory_bytes)
    pack.write(b"x" * 1000)
    with pytest.raises(LimitExceeded, match="larger than 1000 bytes"):
        pack.write(b"x")
    pack.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("memory_bytes", [0, 100])
def test_a_disk_that_fails_is_our_own_fault(tmp_path: Path, memory_bytes: int) -> None:
    """Not the pusher's, whenever the file is made."""
    pack = PackSpool(tmp_path / "no" / "pack", memory_bytes=memory_bytes, bytes_max=1000)

    def spool_it() -> None:
        pack.write(PACK)
        pack.file()

    with pytest.raises(StorageError, match="cannot spool a push: No such file"):
        spool_it()
    pack.discard()


def test_a_disk_that_is_full_is_our_own_fault(tmp_path: Path) -> None:
    """Also when it shows only as the file is completed; what is left goes in silence."""
    pack = make(tmp_path, memory_bytes=0)
    with Path("/dev/full").open("wb") as full:
        pack._file = full
        pack.write(PACK)
        with pytest.raises(StorageError, match="cannot spool a push: No space left"):
            pack.file()
        pack.discard()
