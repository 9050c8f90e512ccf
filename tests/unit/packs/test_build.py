from treehold.ids import EMPTY_TREE_OID, ObjectKind
from treehold.packs.build import build_pack
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack


def test_built_packs_hold_the_objects() -> None:
    """What is put in comes out, in order, where the index says it is."""
    objects = [(ObjectKind.BLOB, b"x" * 1000), (ObjectKind.TREE, b""), (ObjectKind.TAG, b"t")]
    pack, index = build_pack(objects, level=9)
    found = resolve_pack(scan_pack(pack), external_base=no_base)
    assert [(item.kind, item.data) for item in found] == objects
    assert [index.find(item.oid) for item in found] == [item.entry.offset for item in found]
    assert [index.crc(item.oid) for item in found] == [item.entry.crc for item in found]


def test_an_object_twice_is_written_once() -> None:
    """A pack has each object once."""
    pack, index = build_pack([(ObjectKind.TREE, b"")] * 3)
    assert list(index.oids()) == [EMPTY_TREE_OID]
    assert len(scan_pack(pack)) == 1


def test_nothing_makes_an_empty_pack() -> None:
    """No objects are an empty pack with an empty index."""
    pack, index = build_pack([])
    assert scan_pack(pack) == []
    assert len(index) == 0
