from zlib import crc32

import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, seal
from treehold.errors import LimitExceeded, RejectedPack
from treehold.ids import ObjectKind
from treehold.packs.entry import OFS_DELTA, REF_DELTA, encode_pack_header
from treehold.packs.limits import PackLimits
from treehold.packs.scan import scan_pack


def small_pack() -> bytes:
    """A blob and two deltas."""
    writer = PackWriter()
    base = writer.blob(b"base")
    writer.ofs(base, b"near")
    writer.ref(blob_oid(b"x"), b"far away")
    return writer.pack()


def test_entries_are_taken_apart() -> None:
    """Each entry has its place, its checksum, its header and its inflated data."""
    pack = small_pack()
    blob, near, far = scan_pack(memoryview(pack))
    assert [entry.data for entry in (blob, near, far)] == [b"base", b"near", b"far away"]
    assert (blob.offset, blob.end, near.end, far.end) == (12, near.offset, far.offset, len(pack) - 20)
    assert [entry.header.kind_code for entry in (blob, near, far)] == [ObjectKind.BLOB, OFS_DELTA, REF_DELTA]
    assert near.header.base_offset == 12
    assert far.header.base_oid == blob_oid(b"x")
    assert near.crc == crc32(pack[near.offset : near.end])


def test_an_empty_pack_is_a_pack() -> None:
    """A pack without objects has no entries and is not refused."""
    assert scan_pack(PackWriter().pack()) == []


def test_truncated_packs_are_refused() -> None:
    """A pack that ends anywhere before its end is refused."""
    pack = small_pack()
    for end in range(len(pack)):
        with pytest.raises(RejectedPack):
            scan_pack(pack[:end])


def test_every_changed_bit_is_noticed() -> None:
    """A pack with any one byte changed is refused, and by no other error than ours."""
    pack = small_pack()
    for pos in range(len(pack)):
        for flip in (0x01, 0x80, 0xFF):
            with pytest.raises((RejectedPack, LimitExceeded)):
                scan_pack(pack[:pos] + bytes([pack[pos] ^ flip]) + pack[pos + 1 :])


def test_trailing_bytes_are_refused() -> None:
    """Bytes between the last entry and the trailer, or a wrong count, are refused."""
    body = small_pack()[:-20]
    with pytest.raises(RejectedPack, match="1 bytes more"):
        scan_pack(seal(body + b"\0"))
    with pytest.raises(RejectedPack, match="more than its 2 objects"):
        scan_pack(seal(encode_pack_header(2) + body[12:]))
    with pytest.raises(RejectedPack, match="ends within"):
        scan_pack(seal(encode_pack_header(4) + body[12:]))
    with pytest.raises(RejectedPack, match="trailer"):
        scan_pack(encode_pack_header(0))


def test_wrong_trailers_are_refused() -> None:
    """The trailer must be the checksum of the pack."""
    with pytest.raises(RejectedPack, match="checksum"):
        scan_pack(small_pack()[:-20] + bytes(20))


@pytest.mark.parametrize(
    "limits",
    [
        PackLimits(objects_max=2),
        PackLimits(object_bytes_max=7),
        PackLimits(inflated_bytes_max=15),
        PackLimits(delta_bytes_max=11),
    ],
)
def test_limits_are_kept(limits: PackLimits) -> None:
    """More objects, a larger object or more data in all than allowed is refused."""
    with pytest.raises(LimitExceeded):
        scan_pack(small_pack(), limits=limits)


def test_limits_may_be_reached() -> None:
    """Exactly as much as is allowed is taken."""
    limits = PackLimits(objects_max=3, object_bytes_max=8, inflated_bytes_max=16, delta_bytes_max=12)
    assert len(scan_pack(small_pack(), limits=limits)) == 3


def test_bombs_are_refused_by_their_announced_size() -> None:
    """A small pack of much data is refused before it is inflated."""
    writer = PackWriter()
    writer.blob(bytes(2 * 10**6))
    with pytest.raises(LimitExceeded, match="2000000"):
        scan_pack(writer.pack(), limits=PackLimits(object_bytes_max=10**6))
