"""What thin packs leave out."""

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack
from treehold.packs.thin import missing_bases

OLD = b"some text that is there\n" * 5
NEW = OLD + b"more\n"
NEWER = NEW + b"and more\n"
NEWEST = NEWER + b"and yet more\n"


def open_pack(writer: PackWriter, offsets: dict[bytes, int]) -> OpenPack:
    rows = ((blob_oid(data), 0, offset) for data, offset in offsets.items())
    return OpenPack(writer.pack(), PackIndex.build(rows))


def test_what_no_pack_has_is_missing() -> None:
    """Bases outside all the packs are told once; those in one of them, by id or by offset, are not."""
    first, second = PackWriter(), PackWriter()
    one = {NEW: first.ref(blob_oid(OLD), encode_delta(OLD, NEW))}
    one[NEWER] = first.ofs(one[NEW], encode_delta(NEW, NEWER))
    two = {NEWEST: second.ref(blob_oid(NEWER), encode_delta(NEWER, NEWEST))}
    two[b"other"] = second.ref(blob_oid(OLD), encode_delta(OLD, b"other"))
    packs = [open_pack(first, one), open_pack(second, two)]
    assert missing_bases(packs) == {blob_oid(OLD)}
    assert missing_bases(packs[1:]) == {blob_oid(OLD), blob_oid(NEWER)}
    assert missing_bases([]) == set()
