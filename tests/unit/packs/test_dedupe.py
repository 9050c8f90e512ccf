import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.errors import MissingObject, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.dedupe import choose_duplicates, choose_entries
from treehold.packs.resolve import BaseObject, FindBase, ResolvedObject, no_base, resolve_pack
from treehold.packs.scan import scan_pack


def resolved(writer: PackWriter, external: FindBase = no_base) -> list[ResolvedObject]:
    """The objects of a pack."""
    return resolve_pack(scan_pack(writer.pack()), external_base=external)


def stored_blobs(**depths: int) -> FindBase:
    """Blobs that are stored, by their content, with their depth."""
    return {
        blob_oid(data.encode()): BaseObject(ObjectKind.BLOB, data.encode(), depth) for data, depth in depths.items()
    }.get


def test_the_shortest_chain_stays() -> None:
    """Of an object's entries the one nearest to a whole object is kept, whatever their order."""
    writer = PackWriter()
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"b"))
    writer.ref(blob_oid(b"b"), encode_delta(b"b", b"a"))
    whole = writer.blob(b"a")
    items = resolved(writer)
    assert len(items) == 3
    dropped = choose_duplicates(items)
    assert len(dropped) == 1
    assert whole not in dropped


def test_packs_without_duplicates_stay_as_they_are() -> None:
    """Nothing is dropped or changed where nothing is there twice."""
    writer = PackWriter()
    base = writer.blob(b"a")
    writer.ofs(base, encode_delta(b"a", b"ab"))
    kept = choose_entries(resolved(writer), stored=no_base)
    assert kept.oids == [blob_oid(b"a"), blob_oid(b"ab")]
    assert kept.entries[1].base == blob_oid(b"a")
    assert kept.whole == {}


def test_duplicates_do_not_stay() -> None:
    """Of an object that is there twice one entry is kept."""
    writer = PackWriter()
    writer.blob(b"a")
    writer.blob(b"a")
    assert choose_entries(resolved(writer), stored=no_base).oids == [blob_oid(b"a")]


def test_stored_objects_are_dropped() -> None:
    """What the repo has already does not stay."""
    writer = PackWriter()
    base = writer.blob(b"a")
    writer.ofs(base, encode_delta(b"a", b"ab"))
    assert choose_entries(resolved(writer), stored=stored_blobs(a=0)).oids == [blob_oid(b"ab")]


def test_long_chains_are_cut() -> None:
    """An entry whose chain would be too long is stored whole, and chains are counted anew from it."""
    writer = PackWriter()
    offset = writer.blob(b"")
    for length in range(1, 8):
        offset = writer.ofs(offset, encode_delta(b"x" * (length - 1), b"x" * length))
    kept = choose_entries(resolved(writer), stored=no_base, depth_max=3)
    assert [data for _, data in kept.whole.values()] == [b"x" * 4]
    assert len(kept.entries) == 8


def test_chains_count_the_stored_copy() -> None:
    """A dropped base counts with the depth of the copy that stays: resending a base cannot make chains grow."""
    writer = PackWriter()
    base = writer.blob(b"a")
    writer.ofs(base, encode_delta(b"a", b"ab"))
    items = resolved(writer)
    assert choose_entries(items, stored=stored_blobs(a=63), depth_max=64).whole == {}
    kept = choose_entries(items, stored=stored_blobs(a=64), depth_max=64)
    assert list(kept.whole.values()) == [(ObjectKind.BLOB, b"ab")]


def test_chains_count_bases_outside() -> None:
    """A thin delta's depth is that of its stored base and one more."""
    writer = PackWriter()
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ac"))
    items = resolved(writer, stored_blobs(a=5))
    assert len(choose_entries(items, stored=stored_blobs(a=5), depth_max=5).whole) == 2
    with pytest.raises(MissingObject, match="not there any more"):
        choose_entries(items, stored=no_base)


def test_collisions_are_refused() -> None:
    """Two objects that differ under one id are never taken for the same."""
    writer = PackWriter()
    writer.blob(b"a")
    items = resolved(writer)
    twin = items[0]._replace(data=b"other", entry=items[0].entry._replace(offset=99))
    with pytest.raises(RejectedPack, match="two different"):
        choose_duplicates([*items, twin])

    def forged(_: ObjectId) -> BaseObject:
        return BaseObject(ObjectKind.TAG, b"a", 0)

    with pytest.raises(RejectedPack, match="two different"):
        choose_entries(items, stored=forged)
