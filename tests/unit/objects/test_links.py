from treehold.ids import ObjectId, ObjectKind
from treehold.objects.links import object_links

A = ObjectId(b"\x0a" * 20)
B = ObjectId(b"\x0b" * 20)


def test_blobs_need_nothing() -> None:
    """A blob has no links."""
    assert list(object_links(ObjectKind.BLOB, b"anything")) == []


def test_commits_need_tree_and_parents() -> None:
    """A commit links to its tree first and then to its parents."""
    data = b"tree " + b"0a" * 20 + b"\nparent " + b"0b" * 20 + b"\n"
    assert list(object_links(ObjectKind.COMMIT, data)) == [(ObjectKind.TREE, A), (ObjectKind.COMMIT, B)]


def test_trees_need_their_entries() -> None:
    """A tree links to what it holds."""
    assert list(object_links(ObjectKind.TREE, b"100644 x\0" + A)) == [(ObjectKind.BLOB, A)]


def test_tags_need_their_target() -> None:
    """A tag links to its object."""
    data = b"object " + b"0b" * 20 + b"\ntype tag\ntag x\n"
    assert list(object_links(ObjectKind.TAG, data)) == [(ObjectKind.TAG, B)]
