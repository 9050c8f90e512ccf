import pytest

from treehold.errors import RejectedPack
from treehold.ids import ObjectId
from treehold.packs.entry import (
    OFS_DELTA,
    REF_DELTA,
    EntryHeader,
    encode_entry_header,
    encode_pack_header,
    parse_entry_header,
    parse_pack_header,
)

OID = ObjectId(b"\x05" * 20)


@pytest.mark.parametrize("version", [2, 3])
def test_pack_header_tells_the_count(version: int) -> None:
    """A pack of a known version says how many objects it has."""
    assert parse_pack_header(encode_pack_header(70_000, version)) == 70_000


@pytest.mark.parametrize("data", [b"", b"PACK\0\0\0\2\0\0\0", b"PACC" + bytes(8), encode_pack_header(1, 4)])
def test_other_headers_are_refused(data: bytes) -> None:
    """A short header, another magic or an unknown version is no pack."""
    with pytest.raises(RejectedPack):
        parse_pack_header(data)


@pytest.mark.parametrize("size", [0, 15, 16, 2047, 2048, 2**32, 2**63 - 1])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_whole_entries_round_trip(kind: int, size: int) -> None:
    """Kind and size of a whole entry come out as they went in."""
    data = encode_entry_header(kind, size)
    assert parse_entry_header(b"xx" + data, 2, 2 + len(data)) == EntryHeader(kind, size, None, None, 2 + len(data))


@pytest.mark.parametrize("distance", [1, 127, 128, 255, 16_511, 16_512, 2**31, 2**40])
def test_distances_round_trip(distance: int) -> None:
    """The base of a delta by offset is where it was put."""
    data = encode_entry_header(OFS_DELTA, 9, distance=distance)
    offset = 12 + distance
    view = _Sparse(data, offset)
    header = parse_entry_header(view, offset, offset + len(data))  # type: ignore[arg-type]
    assert header == EntryHeader(OFS_DELTA, 9, 12, None, offset + len(data))


class _Sparse:
    """A few bytes very far into a buffer that does not exist."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self.offset = data, offset

    def __getitem__(self, pos: int) -> int:
        return self.data[pos - self.offset]


def test_ref_deltas_round_trip() -> None:
    """The base of a delta by id is the id that was put."""
    data = encode_entry_header(REF_DELTA, 300, base_oid=OID)
    assert parse_entry_header(memoryview(data), 0, len(data)) == EntryHeader(REF_DELTA, 300, None, OID, len(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends within"),
        (b"\xb0", "ends within"),
        (b"\xb0" + b"\x80" * 20, "never ends"),
        (b"\xbf" + b"\xff" * 8 + b"\x7f", "63 bits"),
        (b"\x00", "unknown kind 0"),
        (b"\x50", "unknown kind 5"),
        (b"\x60", "ends within"),
        (b"\x60\x80", "ends within"),
        (b"\x60\x00", "no place"),
        (b"\x60\x01", "before the pack"),
        (b"\x60" + b"\xff" * 50, "before the pack"),
        (b"\x70" + OID[:19], "ends within"),
    ],
)
def test_broken_entries_are_refused(data: bytes, reason: str) -> None:
    """A header that is cut off, never ends, or points nowhere is refused."""
    with pytest.raises(RejectedPack, match=reason):
        parse_entry_header(data, 0, len(data))


def test_a_base_within_the_pack_header_is_refused() -> None:
    """No entry begins before the twelfth byte."""
    with pytest.raises(RejectedPack, match="no place"):
        parse_entry_header(bytes(12) + b"\x60\x01", 12, 14)


def test_the_end_is_never_passed() -> None:
    """Bytes at or after the end are not read, though they are there."""
    with pytest.raises(RejectedPack, match="ends within"):
        parse_entry_header(b"\xb0\x01", 0, 1)
