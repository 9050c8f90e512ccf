"""The small values that every room speaks in.

Object ids are 20 raw bytes and ref names are bytes, because that is what Git stores and compares; hex and text are
made at the edge. They are NewTypes and not classes: a fetch handles hundreds of thousands of them.
"""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NewType

from treehold.errors import InvalidRefName, MalformedObjectId

ObjectId = NewType("ObjectId", bytes)
"""20 raw bytes of SHA-1."""
RefName = NewType("RefName", bytes)
"""A full ref name such as ``refs/heads/main``, checked by :func:`parse_ref_name`."""
AccountId = NewType("AccountId", str)
RepoId = NewType("RepoId", str)
"""16 characters of ``[0-9a-z]``."""
TokenId = NewType("TokenId", str)
PackId = NewType("PackId", int)
"""A pack's integer key in the catalog."""
Milliseconds = NewType("Milliseconds", int)
"""A point in time: milliseconds since 1970 UTC."""

Clock = Callable[[], Milliseconds]
"""Answers the present time; passed in, so that tests can set it."""
Entropy = Callable[[int], bytes]
"""Answers that many unpredictable bytes; passed in, so that tests can fix it."""

OID_BYTES: Final = 20
ZERO_OID: Final = ObjectId(bytes(OID_BYTES))
"""Git's "no object" on the wire: the old value of a created ref, the new value of a deleted one."""
EMPTY_TREE_OID: Final = ObjectId(bytes.fromhex("4b825dc642cb6eb9a060e54bf8d69288fbee4904"))

HEADS: Final = b"refs/heads/"
TAGS: Final = b"refs/tags/"

REF_NAME_BYTES_MAX: Final = 1024
"""Longest ref name taken. Git itself stops at the file system's 255 a component; GitHub at 244 in all."""


class ObjectKind(IntEnum):
    """Git's object types, numbered as a pack numbers them."""

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4

    @property
    def word(self) -> bytes:
        """The type as an object header spells it, such as ``b"commit"``."""
        return _KIND_WORDS[self]


_KIND_WORDS: Final = {
    ObjectKind.COMMIT: b"commit",
    ObjectKind.TREE: b"tree",
    ObjectKind.BLOB: b"blob",
    ObjectKind.TAG: b"tag",
}
KIND_BY_WORD: Final = {word: kind for kind, word in _KIND_WORDS.items()}

_HEX_OID = re.compile(rb"[0-9a-f]{40}")
_REF_FORBIDDEN = re.compile(rb"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock/")
_ID_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def parse_oid(text: bytes) -> ObjectId:
    """Read 40 lower-case hex digits, as every Git message spells an id; raises MalformedObjectId."""
    if not _HEX_OID.fullmatch(text):
        raise MalformedObjectId(f"not an object id of 40 hex digits: {text[:60]!r}")
    return ObjectId(bytes.fromhex(text.decode("ascii")))


def hex_oid(oid: ObjectId) -> bytes:
    """The 40 hex digits of an id."""
    return oid.hex().encode("ascii")


def parse_ref_name(name: bytes) -> RefName:
    """Check a full ref name by the rules of ``git check-ref-format``; raises InvalidRefName.

    It must begin with ``refs/`` and hold one more level, as anything that a client may create here does.
    """
    bad = (
        len(name) > REF_NAME_BYTES_MAX
        or not name.startswith(b"refs/")
        or name.endswith((b"/", b".", b".lock"))
        or len(name) <= len(b"refs/")
        or _REF_FORBIDDEN.search(name)
    )
    if bad:
        raise InvalidRefName(f"not a valid ref name: {name[:80]!r}")
    return RefName(name)


def branch_ref(branch: str) -> RefName:
    """The ref of a branch given by its short name, by the rules of ``git check-ref-format --branch``."""
    if branch.startswith("-") or branch == "HEAD":
        raise InvalidRefName(f"not a valid branch name: {branch[:80]!r}")
    return parse_ref_name(HEADS + branch.encode("utf-8", "surrogateescape"))


def new_id(entropy: Entropy, length: int = 16) -> str:
    """A fresh id of ``[0-9a-z]``: 16 characters carry 82 bits."""
    base = len(_ID_ALPHABET)
    number = int.from_bytes(entropy(length))  # 8 bits a character for 5.17 kept: the bias is below 2**-40
    characters = []
    for _ in range(length):
        number, digit = divmod(number, base)
        characters.append(_ID_ALPHABET[digit])
    return "".join(characters)
