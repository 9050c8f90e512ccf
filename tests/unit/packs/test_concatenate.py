import pytest

from treehold.errors import CorruptStore, LimitExceeded
from treehold.ids import ObjectKind
from treehold.packs.build import build_pack
from treehold.packs.concatenate import Concatenation, PackPart, concatenated_header, shifts
from treehold.packs.index import merge_indexes
from treehold.packs.scan import scan_pack

PACKS = [build_pack([(ObjectKind.BLOB, b"%d" % number) for number in numbers]) for numbers in ((1, 2), (), (3,))]
PARTS = [PackPart(len(pack), len(index)) for pack, index in PACKS]


def test_the_result_is_one_pack() -> None:
    """Header, bodies and trailer together are a pack of all the objects, of the size that was said."""
    joined = Concatenation(PARTS)
    bodies = [pack[part.body] for (pack, _), part in zip(PACKS, PARTS, strict=True)]
    for body in bodies:
        joined.feed(memoryview(body)[:5])
        joined.feed(body[5:])
    whole = b"".join([joined.header, *bodies, joined.trailer()])
    assert [entry.data for entry in scan_pack(whole)] == [b"1", b"2", b"3"]
    assert joined.size_bytes == len(whole)


def test_indexes_follow_by_their_shifts() -> None:
    """Each object is found at its offset in its own pack plus its part's shift."""
    merged = merge_indexes([(index, shift) for (_, index), shift in zip(PACKS, shifts(PARTS), strict=True)])
    assert merged.offsets_sorted()[0] == 12
    last = next(PACKS[2][1].oids())
    assert merged.find(last) == 12 + PARTS[0].body_bytes
    assert shifts([]) == []


def test_missing_bytes_are_noticed() -> None:
    """A trailer is only given for exactly the bodies that were announced."""
    joined = Concatenation(PARTS)
    with pytest.raises(CorruptStore, match="shorter"):
        joined.trailer()


def test_more_objects_than_a_pack_counts_are_refused() -> None:
    """The count of a pack has 32 bits."""
    assert concatenated_header(2**32 - 1).endswith(b"\xff" * 4)
    with pytest.raises(LimitExceeded):
        Concatenation([PackPart(100, 2**31), PackPart(100, 2**31)])
