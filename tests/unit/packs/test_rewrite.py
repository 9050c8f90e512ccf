from mmap import mmap

import pytest

from tests.properties.pack_strategies import PackWriter, blob_oid, encode_delta
from treehold.errors import CorruptStore, LimitExceeded
from treehold.ids import ObjectId, ObjectKind
from treehold.packs import rewrite
from treehold.packs.dedupe import choose_entries
from treehold.packs.entry import OFS_DELTA, REF_DELTA
from treehold.packs.index import PackIndex
from treehold.packs.resolve import BaseObject, no_base, resolve_pack
from treehold.packs.rewrite import PlacedEntry, RewritePlan, place_entries, plan_rewrite
from treehold.packs.scan import scan_pack

NOISE = bytes((number * number * 31 >> 3) & 255 for number in range(300))


def chain_pack() -> tuple[bytes, list[PlacedEntry]]:
    """The blobs ``a``, noise, ``ab`` (of a), ``abc`` (of ab), ``z`` by id (of a), and all of their entries."""
    writer = PackWriter()
    base = writer.blob(b"a")
    writer.blob(NOISE)
    near = writer.ofs(base, encode_delta(b"a", b"ab"))
    writer.ofs(near, encode_delta(b"ab", b"abc"))
    writer.ref(blob_oid(b"a"), encode_delta(b"a", b"z"))
    pack = writer.pack()
    kept = choose_entries(resolve_pack(scan_pack(pack), external_base=no_base), stored=no_base)
    return pack, list(kept.entries)


def read_back(plan: RewritePlan, pack: bytes) -> dict[bytes, int]:
    """The new pack's blobs and how each is stored; everything the plan said of it is compared with it."""
    made = plan.join(pack)
    assert len(made) == plan.size_bytes
    entries = scan_pack(made)
    stored = {blob_oid(b"a"): BaseObject(ObjectKind.BLOB, b"a", 0)}
    found = resolve_pack(entries, external_base=stored.get)
    rows = sorted((item.oid, item.entry.crc, item.entry.offset) for item in found)
    assert rows == list(plan.index.entries())
    return {item.data: item.entry.header.kind_code for item in found}


def test_nothing_left_out_changes_nothing() -> None:
    """A pack of all entries is the same pack."""
    pack, entries = chain_pack()
    assert plan_rewrite(pack, entries).join(pack) == pack


def test_touching_entries_are_copied_as_one() -> None:
    """Entries that touch in the old pack are one stretch in the plan."""
    pack, entries = chain_pack()
    assert plan_rewrite(pack, entries).pieces == (slice(12, len(pack) - 20),)
    assert len(list(plan_rewrite(pack, entries[:2]).chunks(pack))) == 3


def test_moved_bases_get_a_new_distance() -> None:
    """With an entry between them gone, a delta still finds its base."""
    pack, entries = chain_pack()
    kept = [entry for entry in entries if entry.oid != blob_oid(NOISE)]
    plan = plan_rewrite(pack, kept)
    assert read_back(plan, pack) == {b"a": 3, b"ab": OFS_DELTA, b"abc": OFS_DELTA, b"z": REF_DELTA}


def test_dropped_bases_are_named_by_id() -> None:
    """A delta whose base does not come along names it by its id, and the pack is thin."""
    pack, entries = chain_pack()
    plan = plan_rewrite(pack, entries[1:])
    assert read_back(plan, pack) == {NOISE: 3, b"ab": REF_DELTA, b"abc": OFS_DELTA, b"z": REF_DELTA}


def test_chosen_entries_are_stored_whole() -> None:
    """An entry given with its object is written whole, and deltas of it still find it."""
    pack, entries = chain_pack()
    plan = plan_rewrite(pack, entries, whole={entries[2].offset: (ObjectKind.BLOB, b"ab")})
    assert read_back(plan, pack) == {b"a": 3, NOISE: 3, b"ab": 3, b"abc": OFS_DELTA, b"z": REF_DELTA}


def test_an_empty_pack_can_be_left() -> None:
    """Dropping everything leaves a pack without objects."""
    pack, _ = chain_pack()
    assert read_back(plan_rewrite(pack, []), pack) == {}


def test_stored_packs_are_planned_from_their_index() -> None:
    """Index and headers give the same entries as taking the pack apart, in a mapped pack too."""
    pack, entries = chain_pack()
    index = plan_rewrite(pack, entries).index
    assert place_entries(pack, index) == entries
    with mmap(-1, len(pack)) as mapped:
        mapped[:] = pack
        assert place_entries(mapped, index) == entries
        assert plan_rewrite(mapped, entries[1:]).join(mapped) == plan_rewrite(pack, entries[1:]).join(pack)
    assert place_entries(PackWriter().pack(), PackIndex.build([])) == []


@pytest.mark.parametrize(("old", "new"), [(12, 13), (12, 10**6)])
def test_an_index_of_another_pack_is_corrupt(old: int, new: int) -> None:
    """An index whose offsets are not those of the pack's entries is noticed."""
    pack, entries = chain_pack()
    rows = [(entry.oid, entry.crc, new if entry.offset == old else entry.offset) for entry in entries]
    with pytest.raises(CorruptStore, match="does not fit"):
        place_entries(pack, PackIndex.build(rows))


def test_more_objects_than_a_pack_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of a pack has 32 bits."""
    pack, entries = chain_pack()
    monkeypatch.setattr(rewrite, "PACK_OBJECTS_MAX", 4)
    with pytest.raises(LimitExceeded, match="4"):
        plan_rewrite(pack, entries)


def test_an_object_twice_is_refused() -> None:
    """A plan that would keep an object twice is our own mistake and is noticed."""
    pack, entries = chain_pack()
    twin = entries[1]._replace(oid=ObjectId(entries[0].oid))
    with pytest.raises(CorruptStore, match="twice"):
        plan_rewrite(pack, [entries[0], twin])
