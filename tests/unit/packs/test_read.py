import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.errors import CorruptStore, LimitExceeded, NotFound
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.build import build_pack
from treehold.packs.index import PackIndex
from treehold.packs.read import ObjectCache, OpenPack, PackSet
from treehold.packs.resolve import BaseObject

ABSENT = ObjectId(b"\x99" * 20)


def open_pack(writer: PackWriter, **offsets: int) -> OpenPack:
    """A pack whose blobs, given by content, are at these offsets."""
    return OpenPack(writer.pack(), PackIndex.build((blob_oid(k.encode()), 0, v) for k, v in offsets.items()))


def chain_of_packs() -> list[OpenPack]:
    """``a`` in one pack, ``ab`` of it in the next, ``abc`` of that and ``abcd`` of that in the third."""
    first, second, third = PackWriter(), PackWriter(), PackWriter()
    a = first.blob(b"a")
    ab = second.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    abc = third.ref(blob_oid(b"ab"), encode_delta(b"ab", b"abc"))
    abcd = third.ofs(abc, encode_delta(b"abc", b"abcd"))
    return [open_pack(first, a=a), open_pack(second, ab=ab), open_pack(third, abc=abc, abcd=abcd)]


@pytest.mark.parametrize("cache_bytes_max", [0, 600, 10**6])
def test_chains_lead_from_pack_to_pack(cache_bytes_max: int) -> None:
    """Every object is read, with its kind, size and depth, whatever the cache holds."""
    packs = PackSet(chain_of_packs(), cache_bytes_max=cache_bytes_max)
    for _ in range(2):
        for depth, data in enumerate([b"a", b"ab", b"abc", b"abcd"]):
            oid = blob_oid(data)
            assert packs.read(oid) == (ObjectKind.BLOB, data)
            assert packs.read_base(oid) == BaseObject(ObjectKind.BLOB, data, depth)
            assert (packs.kind(oid), packs.size(oid), packs.depth(oid)) == (ObjectKind.BLOB, len(data), depth)


def test_absent_objects_are_not_found() -> None:
    """An id that no pack has is not found, by any question."""
    packs = PackSet(chain_of_packs())
    assert ABSENT not in packs
    assert packs.find(ABSENT) is None
    assert packs.read_base(ABSENT) is None
    for ask in (packs.read, packs.kind, packs.size, packs.depth, packs.entry_bytes, packs.is_whole):
        with pytest.raises(NotFound, match=ABSENT.hex()):
            ask(ABSENT)


def test_the_newest_pack_answers() -> None:
    """Of two packs with an object the newest is read, before and after the table of all objects is made."""
    old = OpenPack(*build_pack([(ObjectKind.BLOB, b"x")]))
    new = OpenPack(*build_pack([(ObjectKind.BLOB, b"x")]))
    packs = PackSet([old, new])
    for _ in range(6):
        found = packs.find(blob_oid(b"x"))
        assert found is not None
        assert found[0] is new
        assert blob_oid(b"y") not in packs


def test_many_questions_are_answered_from_a_table() -> None:
    """Once the packs asked outnumber the objects, one look-up finds everything that the packs found."""
    packs = PackSet(chain_of_packs())
    blobs = [b"a", b"ab", b"abc", b"abcd"]
    places = [[packs.find(blob_oid(data)) for data in blobs] for _ in range(4)]
    assert None not in places[0]
    assert places.count(places[0]) == 4


def test_an_empty_repo_has_no_objects() -> None:
    """No packs are no objects."""
    assert ABSENT not in PackSet([])


def test_circles_are_corrupt() -> None:
    """Deltas that are each other's base are noticed, by reading and by walking."""
    writer = PackWriter()
    a = writer.ref(blob_oid(b"b"), encode_delta(b"b", b"a"))
    b = writer.ref(blob_oid(b"a"), encode_delta(b"a", b"b"))
    packs = PackSet([open_pack(writer, a=a, b=b)], delta_depth_max=50)
    for ask in (packs.read, packs.kind, packs.depth):
        with pytest.raises(CorruptStore, match="circle"):
            ask(blob_oid(b"a"))


def test_missing_bases_are_corrupt() -> None:
    """A stored delta whose base is in no pack is our fault, not the asker's."""
    packs = PackSet(chain_of_packs()[1:])
    for ask in (packs.read, packs.kind):
        with pytest.raises(CorruptStore, match="in no pack"):
            ask(blob_oid(b"abc"))


def test_damaged_packs_are_corrupt() -> None:
    """A header, a stream or a delta that cannot be read is CorruptStore."""
    writer = PackWriter()
    blob = writer.blob(b"x")
    bad_delta = writer.ofs(blob, encode_delta(b"", b"bad"))
    no_delta = writer.ofs(blob, b"")
    packs = PackSet([open_pack(writer, bad=bad_delta, none=no_delta, header=10, data=blob + 12)])
    with pytest.raises(CorruptStore, match="delta is damaged"):
        packs.read(blob_oid(b"bad"))
    with pytest.raises(CorruptStore, match="delta is damaged"):
        packs.size(blob_oid(b"none"))
    wrecked = bytearray(writer.pack())
    wrecked[12] = 0x50
    wrecked[bad_delta + 4] ^= 0xFF
    index = PackIndex.build([(blob_oid(b"x"), 0, 12), (blob_oid(b"bad"), 0, bad_delta)])
    broken = PackSet([OpenPack(bytes(wrecked), index)])
    with pytest.raises(CorruptStore, match="unknown kind"):
        broken.read(blob_oid(b"x"))
    with pytest.raises(CorruptStore, match="damaged"):
        broken.size(blob_oid(b"bad"))


def test_damaged_streams_are_corrupt() -> None:
    """Whole objects whose data is damaged are CorruptStore too."""
    writer = PackWriter()
    blob = writer.blob(b"some text")
    pack = bytearray(writer.pack())
    pack[blob + 3] ^= 0xFF
    packs = PackSet([OpenPack(bytes(pack), PackIndex.build([(blob_oid(b"some text"), 0, blob)]))])
    with pytest.raises(CorruptStore, match="damaged"):
        packs.read(blob_oid(b"some text"))


def test_short_packs_are_corrupt() -> None:
    """Bytes shorter than an empty pack are no pack."""
    with pytest.raises(CorruptStore, match="shorter"):
        OpenPack(bytes(31), PackIndex.build([]))


def test_large_objects_are_not_read() -> None:
    """An object over the limit is refused, whole or as a delta's result."""
    writer = PackWriter()
    whole = writer.blob(b"x" * 100)
    delta = writer.ofs(whole, encode_delta(b"x" * 100, b"x" * 101))
    pack = open_pack(writer, whole=whole, delta=delta)
    with pytest.raises(LimitExceeded):
        PackSet([pack], object_bytes_max=99).read(blob_oid(b"whole"))
    with pytest.raises(LimitExceeded):
        PackSet([pack], object_bytes_max=100).read(blob_oid(b"delta"))
    assert PackSet([pack], object_bytes_max=101).read(blob_oid(b"delta"))[1] == b"x" * 101


def test_the_cache_is_bounded() -> None:
    """Objects used last are kept, and old ones give way."""
    blobs = [b"%03d" % number for number in range(50)]
    packs = PackSet([OpenPack(*build_pack((ObjectKind.BLOB, data) for data in blobs))], cache_bytes_max=2000)
    for data in blobs * 2:
        assert packs.read(blob_oid(data))[1] == data
    assert len(packs._cache._entries) == 6


def test_entries_are_found_by_where_they_lie() -> None:
    """An entry's end is where the next one begins, and its object is known by its offset."""
    writer = PackWriter()
    a = writer.blob(b"a")
    b = writer.blob(b"b")
    pack = open_pack(writer, b=b, a=a)
    assert (pack.entry_end(a), pack.entry_end(b)) == (b, pack.end)
    assert PackSet([pack]).entry_bytes(blob_oid(b"a")) == b - a
    assert (pack.oid_at(a), pack.oid_at(b)) == (blob_oid(b"a"), blob_oid(b"b"))
    assert pack.oid_at(a + 1) is None
    assert pack.oid_at(pack.end) is None


def test_a_bounded_reader_is_refused_what_costs_more() -> None:
    """A bound holds for the objects, their bases, and all that is inflated together; pieces are not counted."""
    writer = PackWriter()
    whole = writer.blob(b"x" * 100)
    delta = writer.ofs(whole, encode_delta(b"x" * 100, b"y"))
    packs = PackSet([open_pack(writer, whole=whole, delta=delta)])
    for small in (packs.bounded(object_bytes_max=99), packs.bounded(object_bytes_max=200, inflated_bytes_max=99)):
        for name in (b"whole", b"delta"):
            with pytest.raises(LimitExceeded):
                small.read(blob_oid(name))
        assert b"".join(small.whole_pieces(blob_oid(b"whole"), piece_bytes=30)) == b"x" * 100
    enough = packs.bounded(object_bytes_max=100, inflated_bytes_max=150)
    assert enough.read(blob_oid(b"delta"))[1] == b"y"
    assert enough.read(blob_oid(b"whole"))[1] == b"x" * 100  # kept: nothing is inflated for it again


def test_the_bounded_reader_finds_the_same_objects() -> None:
    """A bounded reader has all packs in their order."""
    old = OpenPack(*build_pack([(ObjectKind.BLOB, b"x")]))
    new = OpenPack(*build_pack([(ObjectKind.BLOB, b"x")]))
    found = PackSet([old, new]).bounded(object_bytes_max=10).find(blob_oid(b"x"))
    assert found is not None
    assert found[0] is new


def test_ids_are_found_by_how_they_begin() -> None:
    """The ids between two are those of every pack that are neither before the first nor after the second."""
    blobs = [b"%d" % number for number in range(100)]
    packs = PackSet(
        [OpenPack(*build_pack((ObjectKind.BLOB, data) for data in part)) for part in (blobs[:40], blobs[40:])]
    )
    ids = sorted(map(blob_oid, blobs))
    assert sorted(packs.between(ids[10], ids[30])) == ids[10:31]
    assert list(packs.between(ids[-1], ObjectId(b"\xff" * 20))) == ids[-1:]
    assert list(packs.between(ObjectId(b"\xff" * 20), ObjectId(b"\xff" * 20))) == []


def test_whole_objects_come_in_pieces() -> None:
    """An object that lies whole is told from a delta, and comes in pieces; damage shows when its piece is due."""
    writer = PackWriter()
    text = bytes(range(256)) * 100
    whole = writer.blob(text)
    delta = writer.ofs(whole, encode_delta(text, b"y"))
    packs = PackSet([open_pack(writer, whole=whole, delta=delta)])
    assert (packs.is_whole(blob_oid(b"whole")), packs.is_whole(blob_oid(b"delta"))) == (True, False)
    pieces = list(packs.whole_pieces(blob_oid(b"whole"), piece_bytes=1000))
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) == 1000
    wrecked = bytearray(writer.pack())
    wrecked[delta - 1] ^= 0xFF
    index = PackIndex.build([(blob_oid(b"whole"), 0, whole)])
    broken = PackSet([OpenPack(bytes(wrecked), index)]).whole_pieces(blob_oid(b"whole"), piece_bytes=1000)
    assert next(broken) == text[:1000]
    with pytest.raises(CorruptStore, match="damaged"):
        list(broken)


def test_sets_may_share_what_they_have_read() -> None:
    """What one has inflated costs another nothing, and packs whose entries lie alike are told apart."""
    cache = ObjectCache(10**6)
    packs = []
    for data in (b"one", b"two"):
        writer = PackWriter()
        packs.append(open_pack(writer, **{data.decode(): writer.blob(data)}))
    sets = [PackSet([pack]) for pack in packs]
    for stored, data in zip(sets, (b"one", b"two"), strict=True):
        patient = stored.bounded(object_bytes_max=100, cache=cache)
        assert patient.read(blob_oid(data)) == (ObjectKind.BLOB, data)
        hasty = stored.bounded(object_bytes_max=100, inflated_bytes_max=0, cache=cache)
        assert hasty.read(blob_oid(data)) == (ObjectKind.BLOB, data)
        with pytest.raises(LimitExceeded):
            stored.bounded(object_bytes_max=100, inflated_bytes_max=0).read(blob_oid(data))
