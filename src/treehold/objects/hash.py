"""The id of an object: SHA-1 over its kind, its size and its bytes."""

from hashlib import sha1
from typing import Final

from treehold.ids import ObjectId, ObjectKind

_PREFIXES: Final = (b"", b"commit %d\0", b"tree %d\0", b"blob %d\0", b"tag %d\0")


def hash_object(kind: ObjectKind, data: bytes | memoryview) -> ObjectId:
    """The id that Git gives to these bytes as an object of that kind.

    This is plain SHA-1: unlike C Git's own, it does not notice the known collision attacks. Whoever stores an object
    under an id that is taken compares the bytes.
    """
    digest = sha1(_PREFIXES[kind] % len(data), usedforsecurity=False)
    digest.update(data)
    return ObjectId(digest.digest())
