"""Tests of treehold.catalog.snapshot_codec."""

import pytest

from tests.contract.catalog_samples import oid_of
from treehold.catalog.base import PackRow
from treehold.catalog.snapshot_codec import decode_pack_ids, decode_packs, decode_refs, encode_packs, encode_refs
from treehold.errors import CatalogError, CorruptStore
from treehold.ids import ObjectId, PackId, RefName

OID = ObjectId(bytes(range(20)))
PACKS = [PackRow(PackId(7), 3, 12, 400, None, 3), PackRow(PackId(2**40), 9, 9000, 2**33, "ab/cd-1", 4)]


def test_the_documented_refs_example() -> None:
    """The table of refs has the layout of docs/formats/catalog.md."""
    blob = encode_refs({RefName(b"refs/heads/main"): OID})
    assert blob.hex(" ", 1) == (
        "01 00 00 00 01 00 00 00 0f "
        "72 65 66 73 2f 68 65 61 64 73 2f 6d 61 69 6e "
        "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13"
    )


def test_the_documented_packs_example() -> None:
    """The list of packs has the layout of docs/formats/catalog.md."""
    assert encode_packs(PACKS) == (
        bytes.fromhex("02 00000002 00000008")
        + b"\nab/cd-1"
        + bytes.fromhex("0000000000000007 0000000000000003 000000000000000c 0000000000000190 0000000000000003")
        + bytes.fromhex("0000010000000000 0000000000000009 0000000000002328 0000000200000000 0000000000000004")
    )


def test_refs_come_back_sorted_by_name() -> None:
    """Decoding answers what was encoded, in the order of the names' bytes."""
    refs = {RefName(name): oid_of(repr(name)) for name in (b"refs/tags/b", b"refs/heads/\xff", b"refs/heads/a")}
    decoded = decode_refs(encode_refs(refs))
    assert decoded == refs
    assert list(decoded) == sorted(refs)


def test_packs_come_back_in_their_order() -> None:
    """Decoding answers the packs as they were listed."""
    assert decode_packs(encode_packs(PACKS[::-1])) == PACKS[::-1]
    assert decode_pack_ids(encode_packs(PACKS[::-1])) == [2**40, 7]


def test_nothing_comes_back_as_nothing() -> None:
    """Empty tables and lists have a form too, and so has a single inline pack."""
    assert decode_refs(encode_refs({})) == {}
    assert decode_packs(encode_packs([])) == []
    assert decode_packs(encode_packs(PACKS[:1])) == PACKS[:1]


@pytest.mark.parametrize("cut", range(9 + 15 + 20))
def test_a_cut_blob_is_corrupt(cut: int) -> None:
    """Every beginning of a blob is refused."""
    with pytest.raises(CorruptStore):
        decode_refs(encode_refs({RefName(b"refs/heads/main"): OID})[:cut])


@pytest.mark.parametrize(
    "blob",
    [
        b"\x02" + bytes(8),  # an unknown version
        bytes.fromhex("01 00000000 00000001") + b"a",  # a text too many
        bytes.fromhex("01 00000002 00000001") + b"a" + bytes(40),  # a text too few
        bytes.fromhex("01 00000001 00000003") + b"a\nb" + bytes(20),
        bytes.fromhex("01 00000002 00000003") + b"a\na" + bytes(40),  # the same name twice
        bytes.fromhex("01 00000000 00000000") + b"a",  # bytes behind the end
    ],
)
def test_a_blob_that_contradicts_itself_is_corrupt(blob: bytes) -> None:
    """Head and body must agree."""
    with pytest.raises(CorruptStore):
        decode_refs(blob)


def test_a_key_that_is_no_text_is_corrupt() -> None:
    """Store keys are UTF-8."""
    with pytest.raises(CorruptStore):
        decode_packs(bytes.fromhex("02 00000001 00000001 ff") + bytes(40))


def test_a_line_feed_is_never_written() -> None:
    """A ref name or key that would not read back is refused while writing."""
    with pytest.raises(CatalogError):
        encode_refs({RefName(b"refs/heads/a\nb"): OID})
    with pytest.raises(CatalogError):
        encode_packs([PackRow(PackId(1), 1, 1, 1, "a\nb", 1)])
