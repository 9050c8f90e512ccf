import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.tree import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_SYMLINK,
    MODE_TREE,
    TreeEntry,
    encode_tree,
    iter_tree,
    kind_of_mode,
    tree_links,
)

OID = ObjectId(bytes(range(1, 21)))
NEWLINES = ObjectId(b"\n" * 20)


def test_trees_are_written_in_git_order() -> None:
    """A directory sorts as if its name ended in a slash."""
    entries = [TreeEntry(MODE_FILE, name, OID) for name in (b"a.b", b"a0", b"a", b"B")]
    folder = TreeEntry(MODE_TREE, b"a", NEWLINES)
    names = [entry.name for entry in iter_tree(encode_tree([*entries[:2], folder, entries[3]]))]
    assert names == [b"B", b"a.b", b"a", b"a0"]
    assert [entry.name for entry in iter_tree(encode_tree(entries))] == [b"B", b"a", b"a.b", b"a0"]


def test_entries_come_out_as_they_went_in() -> None:
    """Mode, name and id survive, whatever bytes they hold."""
    entries = [TreeEntry(MODE_FILE, b" \n\xff 1", NEWLINES), TreeEntry(MODE_TREE, b"z", OID)]
    data = encode_tree(entries)
    assert iter_tree(data) == entries
    assert data.startswith(b"100644 ")
    assert b"\x0040000 z\0" not in data
    assert b"40000 z\0" in data


def test_links_leave_out_submodules() -> None:
    """Files, symlinks and directories are linked; gitlinks and unknown types are not."""
    modes = [MODE_FILE, MODE_EXECUTABLE, MODE_GITLINK, MODE_SYMLINK, 0o100664, 0o777, MODE_TREE]
    data = b"".join(b"%o %d\0%b" % (mode, number, OID) for number, mode in enumerate(modes))
    blob, tree = ObjectKind.BLOB, ObjectKind.TREE
    assert tree_links(data) == [(kind, OID) for kind in (blob, blob, blob, blob, tree)]


def test_zero_padded_modes_are_read() -> None:
    """A mode with leading zeroes, as some old tools wrote, is the same mode."""
    assert iter_tree(b"040000 a\0" + OID)[0].mode == MODE_TREE
    assert kind_of_mode(MODE_TREE) is ObjectKind.TREE


def test_the_empty_tree_has_no_entries() -> None:
    """No bytes are no entries."""
    assert iter_tree(b"") == []
    assert tree_links(b"") == []
    assert encode_tree([]) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"100644 a",
        b"100644 a\0" + OID[:19],
        b"100644 \0" + OID,
        b"99 a\0" + OID,
        b" a\0" + OID,
        b"1" * 12 + b" a\0",
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """What is not a row of entries is malformed, alone or after a good entry."""
    for broken in (data, b"100644 a\0" + OID + data):
        with pytest.raises(MalformedObject, match="badTree"):
            iter_tree(broken)
        with pytest.raises(MalformedObject, match="badTree"):
            tree_links(broken)


@pytest.mark.parametrize("piece", [b"1", b"1 ", b"777 a", b"1 a\0"])
def test_hostile_trees_cost_no_more_than_others(piece: bytes) -> None:
    """A megabyte that almost looks like entries again and again is refused in one pass."""
    with pytest.raises(MalformedObject):
        tree_links(piece * (2**20 // len(piece)))
