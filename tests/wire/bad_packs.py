"""Packs that nobody may keep: each is a way to be wrong, with the value of the ref that is pushed with it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from zlib import compress

from tests.properties.pack_strategies import PackWriter, copy, encode_delta, encode_size, seal
from tests.wire.raw_git import Object, blob, commit, history, oid_of, pack_of, tree
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.entry import encode_entry_header, encode_pack_header

ABSENT = ObjectId(b"\xab" * 20)
GOOD = history(b"good content\n")
TIP = oid_of(GOOD[-1])
TAG_OF_TIP = b"object %b\ntype commit\n" % TIP.hex().encode()


@dataclass(frozen=True)
class BadPack:
    """A pack, and what its ref is to point at."""

    pack: bytes
    tip: ObjectId = TIP


def whole(*objects: Object) -> BadPack:
    """A faultless pack of faulty objects."""
    return BadPack(pack_of(*objects), oid_of(objects[-1]))


def raw_tree(*rows: tuple[bytes, bytes]) -> BadPack:
    """A commit of a tree with these modes and names, as they are given."""
    data = b"".join(b"%b %b\0%b" % (mode, name, oid_of(blob(b"x"))) for mode, name in rows)
    top: Object = (ObjectKind.TREE, data)
    return whole(blob(b"x"), top, commit(top))


def named(name: bytes) -> Callable[[], BadPack]:
    return lambda: raw_tree((b"100644", name))


def cut(size: int) -> Callable[[], BadPack]:
    """A pack that ends after so many bytes; negative ones count from its end."""
    return lambda: BadPack(pack_of(*GOOD)[:size])


def with_entries(write: Callable[[PackWriter], None]) -> BadPack:
    """A good commit, and other entries after it."""
    writer = PackWriter()
    for kind, data in GOOD:
        writer.add(kind, data)
    write(writer)
    return BadPack(writer.pack())


def circle(writer: PackWriter) -> None:
    """Two deltas of each other, and nothing whole."""
    one, two = b"one " * 50, b"two " * 50
    writer.ref(oid_of(blob(one)), encode_delta(one, two))
    writer.ref(oid_of(blob(two)), encode_delta(two, one))


def claims(entry_size: int, data: bytes) -> BadPack:
    """An entry whose header says another size."""
    body = encode_pack_header(1) + encode_entry_header(ObjectKind.BLOB, entry_size) + compress(data)
    return BadPack(seal(body), oid_of(blob(data)))


def delta_claiming(base_size: int, result_size: int, instructions: bytes) -> Callable[[], BadPack]:
    """A delta of a blob of 100 bytes that says of itself what is not true, or too much."""

    def write(writer: PackWriter) -> None:
        base = writer.blob(b"b" * 100)
        writer.ofs(base, encode_size(base_size) + encode_size(result_size) + instructions)

    return lambda: with_entries(write)


def growing(writer: PackWriter) -> None:
    """Deltas of a few bytes, each four times the one before."""
    size, base = 1000, writer.blob(b"z" * 1000)
    for _ in range(11):
        copies = b"".join(copy(start, min(size - start, 0xFFFFFF)) for start in range(0, size, 0xFFFFFF))
        base = writer.ofs(base, encode_size(size) + encode_size(size * 4) + copies * 4)
        size *= 4


def many_large(writer: PackWriter) -> None:
    """Deltas of a few bytes that each make megabytes, thousands of them."""
    size = 12 << 20
    base = writer.blob(bytes(size))
    for number in range(4000):
        data = number.to_bytes(4, "big")
        writer.ofs(base, encode_size(size) + encode_size(size) + copy(0, size - 4) + b"\x04" + data)


BROKEN: dict[str, Callable[[], BadPack]] = {
    "cut in its header": cut(10),
    "cut after its header": cut(12),
    "cut in an entry": cut(60),
    "cut before its trailer": cut(-20),
    "cut in its trailer": cut(-1),
    "not a pack": lambda: BadPack(b"This is not a pack, whatever else it may be."),
    "another version": lambda: BadPack(seal(encode_pack_header(3, version=9) + pack_of(*GOOD)[12:-20])),
    "wrong checksum": lambda: BadPack(pack_of(*GOOD)[:-20] + sha1(b"other").digest()),
    "a changed byte": lambda: BadPack(pack_of(*GOOD)[:40] + b"\x55" + pack_of(*GOOD)[41:]),
    "more after the end": lambda: BadPack(pack_of(*GOOD) + b"more"),
    "more objects than it says": lambda: BadPack(seal(encode_pack_header(2) + pack_of(*GOOD)[12:-20])),
    "fewer objects than it says": lambda: BadPack(seal(encode_pack_header(4) + pack_of(*GOOD)[12:-20])),
    "an unknown kind": lambda: with_entries(lambda writer: void(writer.add(5, b"x"))),
    "a missing base": lambda: with_entries(lambda writer: void(writer.ref(ABSENT, encode_delta(b"x" * 50, b"y")))),
    "bases in a circle": lambda: with_entries(circle),
    "its own base": lambda: with_entries(
        lambda writer: void(writer.ref(oid_of(blob(b"x" * 50)), encode_delta(b"x" * 50, b"x" * 50)))
    ),
    "a base between entries": lambda: with_entries(lambda writer: void(writer.ofs(13, encode_delta(b"x", b"y")))),
    "smaller than it says": lambda: claims(1000, b"x" * 10),
    "larger than it says": lambda: claims(5, b"x" * 1000),
    "far smaller than it says": lambda: claims(2**40, b"x"),
    "a size that never ends": lambda: BadPack(seal(encode_pack_header(1) + b"\xbf" + b"\xff" * (2 << 20))),
    "a delta of another base": delta_claiming(99, 10, copy(0, 10)),
    "a delta that makes less": delta_claiming(100, 20, copy(0, 10)),
    "a delta that makes more": delta_claiming(100, 5, copy(0, 10)),
    "a delta from beyond its base": delta_claiming(100, 10, copy(95, 10)),
    "a delta with an unknown instruction": delta_claiming(100, 10, b"\0" + copy(0, 10)),
    "a delta of nothing": delta_claiming(100, 10, b""),
}
"""Packs that cannot be read."""

UNSOUND: dict[str, tuple[str, Callable[[], BadPack]]] = {
    "no tree": (ABSENT.hex(), lambda: whole(commit(ABSENT))),
    "no parent": (ABSENT.hex(), lambda: whole(*GOOD[:2], commit(GOOD[1], ABSENT))),
    "no blob": (oid_of(blob(b"x")).hex(), lambda: whole(tree({b"f": blob(b"x")}), commit(tree({b"f": blob(b"x")})))),
    "no subtree": (ABSENT.hex(), lambda: linked(b"40000 sub\0" + ABSENT)),
    "no tagged object": (ABSENT.hex(), lambda: tagged(b"object %b\ntype commit\n" % ABSENT.hex().encode())),
    "a blob as tree": ("", lambda: whole(blob(b"x"), commit(oid_of(blob(b"x"))))),
    "a blob as parent": ("", lambda: whole(blob(b"x"), *GOOD[:2], commit(GOOD[1], blob(b"x")))),
    "a blob as folder": ("", lambda: linked(b"40000 sub\0" + oid_of(blob(b"x")))),
    "a folder as blob": ("", lambda: linked(b"100644 file\0" + oid_of(GOOD[1]))),
    "a tag of another kind": ("", lambda: tagged(b"object %b\ntype tree\n" % TIP.hex().encode())),
}
"""Objects whose links lead nowhere, and the id that the server must name."""

MALFORMED: dict[str, tuple[str, Callable[[], BadPack]]] = {
    ".git": ("hasDotgit", named(b".git")),
    ".GIT": ("hasDotgit", named(b".GIT")),
    "git~1": ("hasDotgit", named(b"git~1")),
    ".git and blanks": ("hasDotgit", named(b".git . .")),
    ".git with an ignored character": ("hasDotgit", named(b".g\xe2\x80\x8cit")),
    "a stream of .git": ("hasDotgit", named(b".git::$INDEX_ALLOCATION")),
    "..": ("hasDotdot", named(b"..")),
    ".": ("hasDot", named(b".")),
    "a slash": ("fullPathname", named(b"a/b")),
    "no name": ("(emptyName|badTree)", named(b"")),
    "the same name twice": ("duplicateEntries", lambda: raw_tree((b"100644", b"a"), (b"100644", b"a"))),
    "unsorted": ("treeNotSorted", lambda: raw_tree((b"100644", b"b"), (b"100644", b"a"))),
    "a null id": ("nullSha1", lambda: linked(b"100644 file\0" + bytes(20))),
    "no entries": ("badTree", lambda: linked(b"what a tree")),
    "a linked .gitmodules": ("gitmodulesSymlink", lambda: raw_tree((b"120000", b".gitmodules"))),
    "no author": ("missingAuthor", lambda: committed(b"committer A <a@b> 1 +0000\n\nx\n")),
    "no committer": ("missingCommitter", lambda: committed(b"author A <a@b> 1 +0000\n\nx\n")),
    "a header that never ends": ("(missingEmail|missingAuthor|unterminatedHeader)", lambda: endless_header(2)),
    "NUL in a header": (
        "nulInHeader",
        lambda: committed(b"author A\0 <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n"),
    ),
    "a tag without a name": (
        "(missingTagEntry|invalid tag)",
        lambda: tagged(b"object %b\ntype commit\n" % TIP.hex().encode(), b"\n"),
    ),
}
"""Objects that ``git fsck --strict`` refuses, and its name for why."""


def void(_: int) -> None:
    """Forget an offset."""


def linked(row: bytes) -> BadPack:
    """A commit of a tree of this one row, with the objects that rows may want."""
    top: Object = (ObjectKind.TREE, row)
    return whole(blob(b"x"), *GOOD, top, commit(top))


def tagged(start: bytes, rest: bytes = b"tag v1\ntagger A <a@b> 1 +0000\n\nx\n") -> BadPack:
    """A tag that begins like that."""
    return whole(*GOOD, (ObjectKind.TAG, start + rest))


def committed(people: bytes) -> BadPack:
    """A commit with these lines after its tree."""
    top = GOOD[1]
    return whole(*GOOD[:2], (ObjectKind.COMMIT, b"tree %b\n" % oid_of(top).hex().encode() + people))


def endless_header(megabytes: int) -> BadPack:
    """A commit without the end of its author's name."""
    return committed(b"author " + os.urandom(megabytes << 19).hex().encode())
