"""A pack of chosen objects out of a repo's packs, copied entry by entry without recompressing.

Whole entries are copied as they lie. A delta is copied too, naming its base by id, if the reader will have that base:
because it is chosen as well, or because the reader is known to have it. Any other delta is made whole. So the result
is as small as what was pushed, and costs no more than a look at each entry's header.

Bases come before what is made from them. git needs that where a base is a thin delta itself and the reader happens to
have it already: it would otherwise take the reader's copy for the later entry, and stumble over the entry.
"""

from collections.abc import Collection, Container, Iterator
from hashlib import sha1
from typing import Final, NamedTuple
from zlib import compress

from treehold.errors import CorruptStore, NotFound
from treehold.ids import ObjectId
from treehold.packs.entry import REF_DELTA, EntryHeader, encode_entry_header, encode_pack_header
from treehold.packs.read import OpenPack, PackSet

_WHOLE_LEVEL: Final = 1
"""Deltas made whole are compressed quickly: they are few, and somebody waits."""


class _Place(NamedTuple):
    """Where an object's entry is, and the id of what it is a delta of."""

    pack: OpenPack
    offset: int
    header: EntryHeader
    base: ObjectId | None


def select_pack(packs: PackSet, chosen: Collection[ObjectId], *, had: Container[ObjectId]) -> Iterator[bytes]:
    """The pack, piece by piece: its header, an entry a piece, its trailer.

    ``chosen`` are distinct objects of ``packs``; ``had`` are objects that the reader has, for thin deltas on them.
    Raises NotFound for an object that is in no pack, CorruptStore.
    """
    places = {oid: _place(packs, oid) for oid in chosen}
    digest = sha1(usedforsecurity=False)
    header = encode_pack_header(len(places))
    digest.update(header)
    yield header
    for oid in _bases_first(places):
        base = places[oid].base
        keeps_delta = base is None or base in places or base in had
        entry = _copied(places[oid]) if keeps_delta else _whole(packs, oid)
        digest.update(entry)
        yield entry
    yield digest.digest()


def _place(packs: PackSet, oid: ObjectId) -> _Place:
    found = packs.find(oid)
    if found is None:
        raise NotFound(f"no object {oid.hex()}")
    pack, offset = found
    header = pack.header_at(offset)
    base = header.base_oid
    if header.base_offset is not None:
        base = pack.oid_at(header.base_offset)
        if base is None:
            raise CorruptStore(f"a stored delta has a base at {header.base_offset}, where no entry begins")
    return _Place(pack, offset, header, base)


def _bases_first(places: dict[ObjectId, _Place]) -> Iterator[ObjectId]:
    """The same ids, in their order but for bases, which come before what is made from them."""
    done: set[ObjectId] = set()
    for oid in places:
        chain = []
        step: ObjectId | None = oid
        while step is not None and step in places and step not in done:
            done.add(step)
            chain.append(step)
            step = places[step].base
        yield from reversed(chain)


def _copied(place: _Place) -> bytes:
    view, end = place.pack.view, place.pack.entry_end(place.offset)
    if place.base is None:
        return bytes(view[place.offset : end])
    header = encode_entry_header(REF_DELTA, place.header.size, base_oid=place.base)
    return header + bytes(view[place.header.body_pos : end])


def _whole(packs: PackSet, oid: ObjectId) -> bytes:
    kind, data = packs.read(oid)
    return encode_entry_header(kind, len(data)) + compress(data, _WHOLE_LEVEL)
