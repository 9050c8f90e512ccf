"""Packs of any shape, well-formed and not, for the tests of the rooms that read them."""

from bisect import bisect
from dataclasses import dataclass
from hashlib import sha1
from zlib import compress

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from treehold.ids import ObjectId, ObjectKind
from treehold.objects.hash import hash_object
from treehold.packs.entry import OFS_DELTA, REF_DELTA, encode_entry_header, encode_pack_header
from treehold.packs.resolve import BaseObject


def encode_size(size: int) -> bytes:
    """A size as deltas begin with."""
    encoded = bytearray()
    while size > 127:
        encoded.append(size & 127 | 128)
        size >>= 7
    return bytes([*encoded, size])


def copy(offset: int, size: int) -> bytes:
    """The instruction that copies from the base, all of its bytes spelled out."""
    return b"\xff" + offset.to_bytes(4, "little") + size.to_bytes(3, "little")


def insert(data: bytes) -> bytes:
    """Instructions that add new bytes."""
    pieces = [data[pos : pos + 127] for pos in range(0, len(data), 127)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)


def encode_delta(base: bytes, target: bytes) -> bytes:
    """A delta that shares the longest common beginning."""
    longest = min(len(base), len(target))
    shared = bisect(range(1, longest + 1), 0, key=lambda size: base[:size] != target[:size])
    start = copy(0, shared) if shared else b""
    return encode_size(len(base)) + encode_size(len(target)) + start + insert(target[shared:])


class PackWriter:
    """Writes any entries one after the other, right or wrong; each ``add`` answers the entry's offset."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.count = 0

    def add(
        self, kind_code: int, data: bytes, *, base_offset: int | None = None, base_oid: ObjectId | None = None
    ) -> int:
        """An entry with the right size for ``data``."""
        offset = 12 + len(self.body)
        distance = None if base_offset is None else offset - base_offset
        self.body += encode_entry_header(kind_code, len(data), distance=distance, base_oid=base_oid) + compress(data)
        self.count += 1
        return offset

    def blob(self, data: bytes) -> int:
        """A whole blob."""
        return self.add(ObjectKind.BLOB, data)

    def ofs(self, base_offset: int, delta: bytes) -> int:
        """A delta by offset."""
        return self.add(OFS_DELTA, delta, base_offset=base_offset)

    def ref(self, base_oid: ObjectId, delta: bytes) -> int:
        """A delta by id."""
        return self.add(REF_DELTA, delta, base_oid=base_oid)

    def pack(self, count: int | None = None) -> bytes:
        """The pack, with a right trailer."""
        return seal(encode_pack_header(self.count if count is None else count) + self.body)


def seal(content: bytes) -> bytes:
    """Add the trailer that fits."""
    return content + sha1(content).digest()


def blob_oid(data: bytes) -> ObjectId:
    """A blob's id."""
    return hash_object(ObjectKind.BLOB, data)


@dataclass(frozen=True)
class PackCase:
    """A pack, the blobs in it, and the stored objects that it may need; ``thin`` if it does."""

    pack: bytes
    blobs: list[bytes]
    stored: dict[ObjectId, BaseObject]
    thin: bool

    def find(self, oid: ObjectId) -> BaseObject | None:
        """A stored object."""
        return self.stored.get(oid)


contents = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"same", b"same and more", b"x" * 5000, b"x" * 70_000, bytes(range(256)) * 4]),
)


@st.composite
def pack_cases(draw: DrawFn, *, disjoint: bool = False) -> PackCase:
    """Packs of blobs, whole and as deltas of each other in any order, and of objects outside; ``disjoint`` ones have
    no object twice and none that is outside too."""
    outside = draw(st.lists(contents, max_size=3, unique=True))
    inside = contents.filter(lambda data: data not in outside) if disjoint else contents
    blobs = draw(st.lists(inside, max_size=8, unique=disjoint))
    order = draw(st.permutations(range(len(blobs))))
    writer = PackWriter()
    offsets: dict[int, int] = {}
    thin = False
    for number in order:
        target = blobs[number]
        way = draw(st.sampled_from(["whole", "near", "outside"]))
        if way == "near" and number > 0:
            base = draw(st.integers(0, number - 1))  # only lower numbers: no circles, but in any order in the pack
            delta = encode_delta(blobs[base], target)
            if blob_oid(blobs[base]) == blob_oid(target):
                offsets[number] = writer.blob(target)
            elif base in offsets and draw(st.booleans()):
                offsets[number] = writer.ofs(offsets[base], delta)
            else:
                offsets[number] = writer.ref(blob_oid(blobs[base]), delta)
        elif way == "outside" and outside:
            data = draw(st.sampled_from(outside))
            thin = True
            offsets[number] = writer.ref(blob_oid(data), encode_delta(data, target))
        else:
            offsets[number] = writer.blob(target)
    stored = {blob_oid(data): BaseObject(ObjectKind.BLOB, data, draw(st.integers(0, 3))) for data in outside}
    return PackCase(writer.pack(), blobs, stored, thin)
