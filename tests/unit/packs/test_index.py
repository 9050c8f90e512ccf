import pytest

from treehold.errors import CorruptStore
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.hash import hash_object
from treehold.packs.index import PackIndex, merge_indexes

OIDS = [hash_object(ObjectKind.BLOB, b"%d" % number) for number in range(300)]
ROWS = [(oid, number * 7, 12 + number * 2**34) for number, oid in enumerate(OIDS)]
LAST = ObjectId(b"\xee" * 20)
ABSENT = hash_object(ObjectKind.TAG, b"")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 300])
def test_every_object_is_found(count: int) -> None:
    """An index finds each of its objects' offset and checksum, and no other object."""
    index = PackIndex.decode(PackIndex.build(ROWS[:count]).encode())
    assert len(index) == count
    for oid, crc, offset in ROWS[:count]:
        assert (index.find(oid), index.crc(oid)) == (offset, crc)
        assert oid in index
    for oid in [ABSENT, ObjectId(bytes(20)), ObjectId(b"\xff" * 20), *OIDS[count : count + 5]]:
        assert oid not in index
        assert (index.find(oid), index.crc(oid)) == (None, None)


def test_rows_are_sorted() -> None:
    """Rows come out by id, and offsets on their own by offset."""
    index = PackIndex.build(reversed(ROWS))
    assert list(index.entries()) == sorted(ROWS)
    assert list(index.oids()) == sorted(OIDS)
    assert index.offsets_sorted() == [offset for _, _, offset in ROWS]


def test_ids_that_begin_alike_are_told_apart() -> None:
    """Ids with the same first eight bytes are compared to their end."""
    alike = [ObjectId(b"12345678" + bytes([last]) * 12) for last in range(100)]
    index = PackIndex.build((oid, 0, 12 + number) for number, oid in enumerate([*alike, LAST]))
    assert [index.find(oid) for oid in alike] == list(range(12, 112))
    assert index.find(ObjectId(b"12345678" + b"\x99" * 12)) is None
    assert index.find(ObjectId(b"12345677" + b"\x09" * 12)) is None


@pytest.mark.parametrize("count", [0, 5, 100, 2500])
def test_offsets_by_id_are_those_that_are_found(count: int) -> None:
    """All at once, whatever the size."""
    oids = [ObjectId(number.to_bytes(2) * 10) for number in range(count)]
    index = PackIndex.build((oid, 0, 12 + number) for number, oid in enumerate(oids))
    assert dict(index.offset_by_oid()) == {oid: index.find(oid) for oid in oids}
    assert index.table_bytes == (200 * count if count <= 2000 else 0)
    assert len(index.offset_by_oid()) == count


def test_the_form_is_the_documented_one() -> None:
    """The example of docs/formats/pack-index.md is what is written."""
    oid = ObjectId(bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"))
    data = PackIndex.build([(oid, 0x6E760029, 12)]).encode()
    assert data == b"THPI\0\0\0\1" + bytes(7) + b"\1" + oid + bytes.fromhex("6e760029000000000000000c")


@pytest.mark.parametrize("cut", [0, 3, 15, 16, 47, 49])
def test_other_lengths_are_corrupt(cut: int) -> None:
    """An index that is shorter or longer than its count says is corrupt."""
    data = PackIndex.build(ROWS[:1]).encode() + b"\0"
    with pytest.raises(CorruptStore):
        PackIndex.decode(data[:cut])


@pytest.mark.parametrize("data", [b"THPX\0\0\0\1" + bytes(8), b"THPI\0\0\0\2" + bytes(8)])
def test_other_forms_are_corrupt(data: bytes) -> None:
    """Another magic or version is not read."""
    with pytest.raises(CorruptStore, match="version 1"):
        PackIndex.decode(data)


def test_an_object_twice_is_corrupt() -> None:
    """An index has each object once."""
    with pytest.raises(CorruptStore, match="twice"):
        PackIndex.build([*ROWS[:3], (OIDS[1], 1, 99)])


def test_merged_indexes_are_shifted() -> None:
    """The objects of both packs are found, each moved by its pack's shift."""
    merged = merge_indexes([(PackIndex.build(ROWS[:100]), 0), (PackIndex.build(ROWS[100:]), 1000)])
    assert merged.find(OIDS[5]) == ROWS[5][2]
    assert merged.find(OIDS[250]) == ROWS[250][2] + 1000
    assert len(merged) == 300
    assert len(merge_indexes([])) == 0


def test_overlapping_packs_are_not_merged() -> None:
    """Two packs with the same object break the house's first invariant."""
    with pytest.raises(CorruptStore, match="twice"):
        merge_indexes([(PackIndex.build(ROWS[:2]), 0), (PackIndex.build(ROWS[1:3]), 50)])
