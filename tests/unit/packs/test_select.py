"""A pack of chosen objects, copied entry by entry."""

from collections.abc import Collection

import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.errors import CorruptStore, NotFound
from treehold.ids import ObjectId
from treehold.packs.entry import REF_DELTA
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.resolve import BaseObject, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.packs.select import select_pack


def open_pack(writer: PackWriter, **offsets: int) -> OpenPack:
    return OpenPack(writer.pack(), PackIndex.build((blob_oid(k.encode()), 0, v) for k, v in offsets.items()))


@pytest.fixture
def packs() -> PackSet:
    """``a`` whole and ``ab`` a delta by offset in one pack, ``abc`` a delta by id in another."""
    first, second = PackWriter(), PackWriter()
    a = first.blob(b"a")
    ab = first.ofs(a, encode_delta(b"a", b"ab"))
    abc = second.ref(blob_oid(b"ab"), encode_delta(b"ab", b"abc"))
    return PackSet([open_pack(first, a=a, ab=ab), open_pack(second, abc=abc)])


def select(packs: PackSet, chosen: Collection[bytes], had: Collection[bytes] = ()) -> bytes:
    return b"".join(select_pack(packs, [blob_oid(data) for data in chosen], had={blob_oid(data) for data in had}))


def contents(packs: PackSet, pack: bytes) -> set[bytes]:
    """What a reader who has all of ``packs`` finds in the pack."""

    def base(oid: ObjectId) -> BaseObject | None:
        return packs.read_base(oid)

    return {found.data for found in resolve_pack(scan_pack(pack), external_base=base)}


def kinds(pack: bytes) -> list[int]:
    return [entry.header.kind_code for entry in scan_pack(pack)]


@pytest.mark.parametrize("chosen", [[b"a"], [b"ab"], [b"abc"], [b"abc", b"a"], [b"abc", b"ab", b"a"], []])
def test_exactly_the_chosen_objects_come(packs: PackSet, chosen: list[bytes]) -> None:
    """The pack is valid, stands by itself, and holds the chosen objects and no others."""
    pack = select(packs, chosen)
    assert {found.data for found in resolve_pack(scan_pack(pack), external_base=lambda _: None)} == set(chosen)


def test_deltas_stay_deltas_where_their_base_comes_along(packs: PackSet) -> None:
    """A delta whose base is chosen is copied and names its base by id, and comes after it in whatever order asked."""
    assert kinds(select(packs, [b"abc", b"ab", b"a"])) == [3, REF_DELTA, REF_DELTA]
    assert kinds(select(packs, [b"a", b"abc", b"ab"])) == [3, REF_DELTA, REF_DELTA]


def test_deltas_stay_deltas_on_what_the_reader_has(packs: PackSet) -> None:
    """A delta whose base the reader has is copied; one whose base it lacks is made whole."""
    pack = select(packs, [b"abc", b"ab"], had=[b"a"])
    assert kinds(pack) == [REF_DELTA, REF_DELTA]
    assert contents(packs, pack) == {b"abc", b"ab"}
    assert kinds(select(packs, [b"abc", b"ab"], had=[b"abc"])) == [3, REF_DELTA]


def test_a_reader_may_have_what_is_chosen(packs: PackSet) -> None:
    """A chosen thin delta that another chosen one is made from comes first, even to a reader who has both."""
    pack = select(packs, [b"abc", b"ab"], had=[b"a", b"ab", b"abc"])
    entries = scan_pack(pack)
    assert [entry.header.base_oid for entry in entries] == [blob_oid(b"a"), blob_oid(b"ab")]


def test_an_absent_object_is_not_found(packs: PackSet) -> None:
    """An object that is in no pack cannot be chosen."""
    with pytest.raises(NotFound):
        select(packs, [b"nowhere"])


def test_a_base_where_no_entry_begins_is_corruption() -> None:
    """A delta by offset whose base is no entry of the index is damage, not an answer."""
    writer = PackWriter()
    a = writer.blob(b"a")
    ab = writer.ofs(a, encode_delta(b"a", b"ab"))
    for damaged in (open_pack(writer, ab=ab), open_pack(writer, ab=ab, zz=ab + 1)):
        with pytest.raises(CorruptStore, match="no entry begins"):
            select(PackSet([damaged]), [b"ab"])
