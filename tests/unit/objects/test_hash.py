from treehold.ids import EMPTY_TREE_OID, ObjectKind
from treehold.objects.hash import hash_object


def test_ids_are_those_of_git() -> None:
    """The empty tree and the empty blob have their well-known ids."""
    assert hash_object(ObjectKind.TREE, b"") == EMPTY_TREE_OID
    assert hash_object(ObjectKind.BLOB, b"").hex() == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_views_are_hashed_like_bytes() -> None:
    """A view of bytes has the id of the bytes."""
    assert hash_object(ObjectKind.BLOB, memoryview(b"abc")) == hash_object(ObjectKind.BLOB, b"abc")


def test_the_kind_is_part_of_the_id() -> None:
    """The same bytes as commit, tree, blob and tag are four objects."""
    assert len({hash_object(kind, b"same") for kind in ObjectKind}) == 4
