"""Tests of treehold.catalog.snapshot_cache."""

from tests.contract.catalog_samples import MAIN, oid_of
from treehold.catalog.base import PackRow, Ref
from treehold.catalog.snapshot_cache import EMPTY, ENTRY_BYTES, Snapshot, SnapshotCache
from treehold.ids import PackId

ONE = Snapshot({MAIN: Ref(oid_of("a"))}, ())


def test_what_was_kept_is_there() -> None:
    """A snapshot is found under its key only."""
    cache = SnapshotCache(10 * ENTRY_BYTES)
    assert cache.get(1) is None
    cache.keep(1, ONE, 0)
    assert cache.get(1) is ONE
    assert cache.get(2) is None


def test_the_one_used_longest_ago_goes_first() -> None:
    """Beyond the bytes allowed snapshots go, and reading one makes it young."""
    cache = SnapshotCache(2 * ENTRY_BYTES)
    for key in (1, 2):
        cache.keep(key, ONE, 0)
    cache.get(1)
    cache.keep(3, ONE, 0)
    assert [cache.get(key) is None for key in (1, 2, 3)] == [False, True, False]


def test_refs_packs_and_texts_take_room() -> None:
    """Each entry counts, and so do the bytes of the blobs."""
    pack = PackRow(PackId(1), 1, 1, 1, None, 1)
    cache = SnapshotCache(3 * ENTRY_BYTES)
    cache.keep(1, ONE, 0)
    cache.keep(2, Snapshot(ONE.refs, (pack,)), 0)
    assert cache.get(1) is ONE
    cache.keep(3, EMPTY, 1)
    assert [cache.get(key) is None for key in (1, 2, 3)] == [False, True, False]


def test_what_is_too_large_drives_nothing_out() -> None:
    """A snapshot larger than the whole cache is not kept, and the others stay."""
    cache = SnapshotCache(2 * ENTRY_BYTES)
    cache.keep(1, ONE, 0)
    cache.keep(2, ONE, 2 * ENTRY_BYTES)
    assert (cache.get(1), cache.get(2)) == (ONE, None)


def test_keeping_again_counts_once() -> None:
    """Two readers who decoded the same snapshot leave one behind."""
    cache = SnapshotCache(2 * ENTRY_BYTES)
    for key in (1, 1, 1, 2):
        cache.keep(key, ONE, 0)
    assert (cache.get(1), cache.get(2)) == (ONE, ONE)
