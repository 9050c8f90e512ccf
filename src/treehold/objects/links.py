"""What an object refers to: the edges of the history."""

from collections.abc import Sequence

from treehold.ids import ObjectId, ObjectKind
from treehold.objects.commit import commit_links
from treehold.objects.tag import tag_link
from treehold.objects.tree import tree_links

Link = tuple[ObjectKind, ObjectId]
"""An object's id, and the kind that whoever refers to it says it has."""


def object_links(kind: ObjectKind, data: bytes) -> Sequence[Link]:
    """Every object of the same repo that this one needs; raises MalformedObject."""
    if kind == ObjectKind.BLOB:
        return ()
    if kind == ObjectKind.TREE:
        return tree_links(data)
    if kind == ObjectKind.TAG:
        return (tag_link(data),)
    tree, parents = commit_links(data)
    return ((ObjectKind.TREE, tree), *[(ObjectKind.COMMIT, parent) for parent in parents])
