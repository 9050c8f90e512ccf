import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, copy, encode_delta, encode_size
from treehold.errors import LimitExceeded, MissingObject, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.limits import PackLimits
from treehold.packs.resolve import BaseObject, ResolvedObject, no_base, resolve_pack
from treehold.packs.scan import scan_pack

STORED = BaseObject(ObjectKind.TREE, b"", 7)


def resolve(writer: PackWriter, limits: PackLimits | None = None) -> list[ResolvedObject]:
    """The objects of a pack that stands alone."""
    return resolve_pack(scan_pack(writer.pack()), external_base=no_base, limits=limits or PackLimits())


def test_chains_are_resolved_whatever_their_order() -> None:
    """Deltas by offset and by id, before and after their bases, become objects with their depth and base."""
    writer = PackWriter()
    writer.ref(blob_oid(b"one two"), encode_delta(b"one two", b"one two three"))
    one = writer.blob(b"one")
    writer.ofs(one, encode_delta(b"one", b"one two"))
    found = {item.data: item for item in resolve(writer)}
    assert {data: item.depth for data, item in found.items()} == {b"one": 0, b"one two": 1, b"one two three": 2}
    assert found[b"one"].base is None
    assert found[b"one two"].base == blob_oid(b"one")
    assert all(item.oid == blob_oid(data) and item.kind is ObjectKind.BLOB for data, item in found.items())


def test_bases_come_before_what_is_made_of_them() -> None:
    """The list is in an order in which each object's base was seen before."""
    writer = PackWriter()
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    writer.blob(b"a")
    assert [item.data for item in resolve(writer)] == [b"a", b"ab"]


def test_thin_packs_ask_for_their_bases() -> None:
    """A base outside gives its kind and its depth, and chains go on from there within the pack."""
    writer = PackWriter()
    outside = ObjectId(b"o" * 20)
    near = writer.ref(outside, encode_delta(b"", b"x"))
    writer.ofs(near, encode_delta(b"x", b"xy"))
    entries = scan_pack(writer.pack())
    first, second = resolve_pack(entries, external_base={outside: STORED}.get)
    assert (first.kind, first.data, first.depth, first.base) == (ObjectKind.TREE, b"x", 8, outside)
    assert (second.data, second.depth, second.base) == (b"xy", 9, first.oid)


def test_a_thin_base_may_lead_to_another_thin_one() -> None:
    """A delta by id of an object that is itself made from an outside base is found in the pack."""
    writer = PackWriter()
    writer.ref(blob_oid(b"ab"), encode_delta(b"ab", b"abc"))
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    stored = {blob_oid(b"a"): BaseObject(ObjectKind.BLOB, b"a", 0)}
    found = resolve_pack(scan_pack(writer.pack()), external_base=stored.get)
    assert [(item.data, item.depth) for item in found] == [(b"ab", 1), (b"abc", 2)]


def test_a_base_resolved_meanwhile_is_not_asked_for() -> None:
    """Only bases that are still missing are looked up outside."""
    writer = PackWriter()
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    writer.ref(blob_oid(b"ab"), encode_delta(b"ab", b"abc"))
    asked = []

    def find(oid: ObjectId) -> BaseObject | None:
        asked.append(oid)
        return BaseObject(ObjectKind.BLOB, b"a", 0)

    assert len(resolve_pack(scan_pack(writer.pack()), external_base=find)) == 2
    assert asked == [blob_oid(b"a")]


def test_an_object_twice_is_reported_twice() -> None:
    """Duplicates are for others to judge, and a delta of them is made once."""
    writer = PackWriter()
    writer.blob(b"a")
    writer.blob(b"a")
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    assert sorted(item.data for item in resolve(writer)) == [b"a", b"a", b"ab"]


def test_missing_bases_are_named() -> None:
    """A delta whose base is nowhere is refused, with the base's id."""
    writer = PackWriter()
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"ab"))
    with pytest.raises(MissingObject, match=blob_oid(b"a").hex()):
        resolve(writer)


def test_circles_are_refused() -> None:
    """Deltas that are each other's base are refused."""
    writer = PackWriter()
    writer.ref(blob_oid(b"b"), encode_delta(b"b", b"a"))
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"b"))
    with pytest.raises(MissingObject):
        resolve(writer)


def test_offsets_between_entries_are_refused() -> None:
    """A base must be where an entry begins."""
    writer = PackWriter()
    base = writer.blob(b"a")
    writer.ofs(base + 1, encode_delta(b"a", b"ab"))
    with pytest.raises(RejectedPack, match="no entry begins"):
        resolve(writer)


def test_long_chains_do_not_overflow() -> None:
    """A chain of thousands is resolved, and one over the limit refused."""
    writer = PackWriter()
    offset = writer.blob(b"")
    data = b""
    for _ in range(3000):
        offset = writer.ofs(offset, encode_delta(data, data + b"x"))
        data += b"x"
    assert max(item.depth for item in resolve(writer)) == 3000
    with pytest.raises(LimitExceeded, match="2999"):
        resolve(writer, PackLimits(delta_depth_max=2999))


def test_delta_bombs_are_refused() -> None:
    """Results of deltas count towards the limits before they are made."""
    writer = PackWriter()
    base = writer.blob(b"x" * 1000)
    bomb = encode_size(1000) + encode_size(100_000) + copy(0, 1000) * 100
    for _ in range(10):
        writer.ofs(base, bomb)
    assert len(resolve(writer)) == 11
    with pytest.raises(LimitExceeded, match="inflates"):
        resolve(writer, PackLimits(inflated_bytes_max=900_000))
    with pytest.raises(LimitExceeded, match="100000"):
        resolve(writer, PackLimits(object_bytes_max=99_999))
