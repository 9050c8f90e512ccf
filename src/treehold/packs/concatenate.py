"""Several disjoint packs as one: a new header, their entries untouched one after the other, a new trailer.

Deltas by offset count backwards from themselves, so they hold wherever their pack is put; deltas by id hold anyway.
Git's readers agree that the result is valid, as long as no object is there twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from itertools import accumulate

from treehold.errors import CorruptStore, LimitExceeded
from treehold.packs.entry import PACK_HEADER_BYTES, PACK_OBJECTS_MAX, PACK_TRAILER_BYTES, encode_pack_header


@dataclass(frozen=True, slots=True)
class PackPart:
    """A stored pack that is to become a part of a larger one. ``size_bytes`` counts its header and trailer."""

    size_bytes: int
    objects: int

    @property
    def body(self) -> slice:
        """Where its entries are: all but its header and its trailer."""
        return slice(PACK_HEADER_BYTES, self.size_bytes - PACK_TRAILER_BYTES)

    @property
    def body_bytes(self) -> int:
        """How long its entries are together."""
        return self.size_bytes - PACK_HEADER_BYTES - PACK_TRAILER_BYTES


def concatenated_header(total_objects: int) -> bytes:
    """The header of a pack of so many objects; raises LimitExceeded for more than a pack can count."""
    if total_objects > PACK_OBJECTS_MAX:
        raise LimitExceeded(f"a pack cannot hold more than {PACK_OBJECTS_MAX} objects")
    return encode_pack_header(total_objects)


def shifts(parts: Sequence[PackPart]) -> list[int]:
    """How far the entries of each part move, from their own pack to the concatenated one."""
    return [0, *accumulate(part.body_bytes for part in parts)][: len(parts)]


class Concatenation:
    """Counts and hashes a concatenated pack while its bytes go by.

    Give ``header`` first, then :meth:`feed` it the body of each part in any pieces, then give :meth:`trailer`.
    """

    def __init__(self, parts: Sequence[PackPart]) -> None:
        self.header = concatenated_header(sum(part.objects for part in parts))
        body_bytes = sum(part.body_bytes for part in parts)
        self.size_bytes = PACK_HEADER_BYTES + body_bytes + PACK_TRAILER_BYTES
        self._missing_bytes = body_bytes
        self._digest = sha1(self.header, usedforsecurity=False)

    def feed(self, piece: bytes | memoryview) -> None:
        """Count the next bytes of the parts' bodies."""
        self._digest.update(piece)
        self._missing_bytes -= len(piece)

    def trailer(self) -> bytes:
        """The last 20 bytes; raises CorruptStore unless exactly the bodies were fed."""
        if self._missing_bytes:
            raise CorruptStore(f"the packs' bodies are {self._missing_bytes} bytes shorter than their sizes say")
        return self._digest.digest()
