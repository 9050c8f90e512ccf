"""What is told of a pack's entries without inflating them."""

import zlib

import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.errors import CorruptStore
from treehold.packs.entry import OFS_DELTA, encode_entry_header
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack
from treehold.packs.survey import survey_entries

SIZES = (0, 1, 10, 15, 16, 100, 2047, 2048, 5000, 300_000)
EMPTY_BLOCK = bytes.fromhex("000000ffff")
"""Of a deflated stream: a stored block of no bytes."""
BOUNDS = (1, 9, 10, 15, 16, 99, 100, 127, 128, 2047, 2048, 4999, 5000, 1 << 20)


def opened(pack: bytes, **offsets: int) -> OpenPack:
    return OpenPack(pack, PackIndex.build((blob_oid(name.encode()), 0, offset) for name, offset in offsets.items()))


@pytest.mark.parametrize("bytes_max", BOUNDS)
def test_whole_objects_over_the_bound_are_found(bytes_max: int) -> None:
    """Whatever the size and the bound, just the larger ones are named."""
    writer = PackWriter()
    places = {writer.blob(bytes(size)): size for size in SIZES}
    found = survey_entries(opened(writer.pack()), list(places), bytes_max=bytes_max)
    assert [places[offset] for offset in found.oversized] == [size for size in SIZES if size > bytes_max]
    assert found.bases == {}


@pytest.mark.parametrize("bytes_max", BOUNDS)
def test_deltas_are_as_large_as_what_they_make(bytes_max: int) -> None:
    """Of a delta of a few bytes its result counts, and its base is told."""
    writer = PackWriter()
    base = writer.blob(b"")
    places = {writer.ofs(base, encode_delta(b"", bytes(size))): size for size in SIZES}
    found = survey_entries(opened(writer.pack()), [base, *places], bytes_max=bytes_max)
    assert [places[offset] for offset in found.oversized] == [size for size in SIZES if size > bytes_max]
    assert found.bases == dict.fromkeys(places, base)


def test_a_base_may_be_named_by_its_id() -> None:
    """A delta by id has its base wherever the index says, be it later in the pack."""
    writer = PackWriter()
    delta = writer.ref(blob_oid(b"later"), encode_delta(b"later", b"made of it"))
    later = writer.blob(b"later")
    found = survey_entries(opened(writer.pack(), later=later), [delta, later], bytes_max=100)
    assert found.bases == {delta: later}


def test_only_the_entries_that_are_asked_for_are_looked_at() -> None:
    """What was appended to a pack is not weighed."""
    writer = PackWriter()
    first, second = writer.blob(bytes(1000)), writer.blob(bytes(2000))
    pack = opened(writer.pack())
    assert survey_entries(pack, [first], bytes_max=10).oversized == [first]
    assert survey_entries(pack, [], bytes_max=10).oversized == []
    assert survey_entries(pack, [first, second], bytes_max=1000).oversized == [second]


def test_a_delta_that_begins_with_nothing_is_read_on() -> None:
    """Its sizes are found, however many empty blocks come before them."""
    writer = PackWriter()
    base = writer.blob(b"")
    delta = encode_delta(b"", bytes(5000))
    stream = zlib.compressobj()
    deflated = stream.compress(b"") + b"".join(stream.flush(zlib.Z_FULL_FLUSH) + EMPTY_BLOCK for _ in range(100))
    offset = 12 + len(writer.body)
    writer.body += encode_entry_header(OFS_DELTA, len(delta), distance=offset - base)
    writer.body += deflated + stream.compress(delta) + stream.flush()
    assert survey_entries(opened(writer.pack(2)), [base, offset], bytes_max=4999).oversized == [offset]


def test_a_pack_that_is_not_what_was_verified_is_corrupt() -> None:
    """A base that is not there, a stream that is none, or an entry cut off is our own damage."""
    alone, damaged, cut = PackWriter(), PackWriter(), PackWriter()
    delta = alone.ref(blob_oid(b"nowhere"), encode_delta(b"", b""))
    with pytest.raises(CorruptStore, match="lacks the base"):
        survey_entries(opened(alone.pack()), [delta], bytes_max=10)
    spoilt = damaged.ofs(damaged.blob(b"base"), encode_delta(b"base", b"result"))
    pack = bytearray(damaged.pack())
    pack[spoilt + 2 : -20] = b"\xff" * (len(pack) - 22 - spoilt)
    with pytest.raises(CorruptStore, match="damaged"):
        survey_entries(opened(bytes(pack)), [spoilt], bytes_max=10)
    last = cut.ofs(cut.blob(b"base"), encode_delta(b"base", b"result"))
    with pytest.raises(CorruptStore, match="damaged"):
        survey_entries(opened(cut.pack()[: last + 1] + bytes(20)), [last], bytes_max=10)
