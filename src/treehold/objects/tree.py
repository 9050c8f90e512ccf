"""Trees: a directory's entries, in Git's order.

Trees are what a push and a walk read most, so they are taken apart by regular expressions instead of a loop over
bytes. The first one proves the whole tree to be well-formed, in one pass: its quantifiers never give back, so no tree
can make it slow. After that the second one may search, for every match begins where the last one ended.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, ObjectKind

MODE_TREE: Final = 0o40000
MODE_FILE: Final = 0o100644
MODE_EXECUTABLE: Final = 0o100755
MODE_SYMLINK: Final = 0o120000
MODE_GITLINK: Final = 0o160000
TYPE_MASK: Final = 0o170000
"""The bits of a mode that tell a directory from a file, a symlink and a gitlink."""

_WHOLE_TREE: Final = re.compile(rb"(?:[0-7]{1,11}+ [^\0]++\0[\0-\xff]{20})*+")
_ENTRY: Final = re.compile(rb"([0-7]{1,11}+) ([^\0]++)\0([\0-\xff]{20})")
_LINK: Final = re.compile(rb"([0-7]{1,11}+) [^\0]++\0([\0-\xff]{20})")

_KIND_BY_TYPE: Final = {
    MODE_TREE: ObjectKind.TREE,
    MODE_FILE & TYPE_MASK: ObjectKind.BLOB,
    MODE_SYMLINK: ObjectKind.BLOB,
}


class TreeEntry(NamedTuple):
    """One name in a directory; ``mode`` as the tree spells it, so ``0o40000`` for a directory."""

    mode: int
    name: bytes
    oid: ObjectId


def raw_entries(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Mode (octal digits as spelled), name and id of each entry; raises MalformedObject (badTree)."""
    if _WHOLE_TREE.fullmatch(data) is None:
        raise MalformedObject("badTree", "bytes that are not tree entries")
    return _ENTRY.findall(data)


def iter_tree(data: bytes) -> list[TreeEntry]:
    """The entries in the tree's order; raises MalformedObject (badTree) before the first one."""
    return [TreeEntry(int(mode, 8), name, ObjectId(oid)) for mode, name, oid in raw_entries(data)]


def tree_links(data: bytes) -> list[tuple[ObjectKind, ObjectId]]:
    """What the tree holds, in its order; commits of submodules are left out, for they live in another repo.

    An entry of an unknown type counts as a submodule, as in C Git. Raises MalformedObject (badTree).
    """
    if _WHOLE_TREE.fullmatch(data) is None:
        raise MalformedObject("badTree", "bytes that are not tree entries")
    links = []
    for mode, oid in _LINK.findall(data):
        kind = kind_of_mode(int(mode, 8))
        if kind is not None:
            links.append((kind, ObjectId(oid)))
    return links


def kind_of_mode(mode: int) -> ObjectKind | None:
    """What kind of object an entry of that mode names; None for a submodule."""
    return _KIND_BY_TYPE.get(mode & TYPE_MASK)


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """The bytes of a tree with these entries, put in Git's order. Names must be unique and not empty."""
    ordered = sorted(entries, key=sort_key)
    return b"".join([b"%o %b\0%b" % (entry.mode, entry.name, entry.oid) for entry in ordered])


def sort_key(entry: TreeEntry) -> bytes:
    """What Git sorts entries by: a directory's name counts as if it ended in a slash."""
    return entry.name + b"/" if entry.mode & TYPE_MASK == MODE_TREE else entry.name
