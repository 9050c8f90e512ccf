"""Properties of the snapshot blobs and the cursors."""

from hypothesis import given
from hypothesis import strategies as st

from treehold.catalog.accounts import Cursor
from treehold.catalog.base import PackRow, RepoSort
from treehold.catalog.cursors import Position, decode_cursor, encode_cursor
from treehold.catalog.snapshot_codec import decode_pack_ids, decode_packs, decode_refs, encode_packs, encode_refs
from treehold.errors import CorruptStore, InvalidInput
from treehold.ids import ObjectId, PackId, RefName

OIDS = st.binary(min_size=20, max_size=20).map(ObjectId)
NAMES = st.binary(max_size=60).map(lambda tail: RefName(b"refs/" + tail.replace(b"\n", b"")))
U64 = st.integers(0, 2**64 - 1)
KEYS = st.none() | st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=40)
HEADS = st.sampled_from([b"\x01\x00\x00\x00", b"\x02\x00\x00\x00"])
PACKS = st.builds(PackRow, U64.map(PackId), U64, U64, U64, KEYS, U64)


@given(st.dictionaries(NAMES, OIDS, max_size=30))
def test_any_refs_come_back(refs: dict[RefName, ObjectId]) -> None:
    """Whatever refs are encoded are decoded, sorted by name."""
    decoded = decode_refs(encode_refs(refs))
    assert decoded == refs
    assert list(decoded) == sorted(refs)


@given(st.lists(PACKS, max_size=30))
def test_any_packs_come_back(packs: list[PackRow]) -> None:
    """Whatever packs are encoded are decoded in their order."""
    assert decode_packs(encode_packs(packs)) == packs
    assert decode_pack_ids(encode_packs(packs)) == [pack.id for pack in packs]


@given(st.binary(max_size=200) | st.builds(bytes.__add__, HEADS, st.binary(max_size=120)))
def test_any_bytes_decode_or_are_corrupt(blob: bytes) -> None:
    """Arbitrary bytes raise nothing but CorruptStore, and what decodes as refs encodes to as many bytes."""
    try:
        refs = decode_refs(blob)
    except CorruptStore:
        pass
    else:
        assert len(encode_refs(refs)) == len(blob)
    try:
        packs = decode_packs(blob)
    except CorruptStore:
        pass
    else:
        assert encode_packs(packs) == blob


@given(st.dictionaries(NAMES, OIDS, min_size=1, max_size=5), st.data())
def test_a_damaged_blob_decodes_or_is_corrupt(refs: dict[RefName, ObjectId], data: st.DataObject) -> None:
    """A blob with one byte changed raises nothing but CorruptStore."""
    blob = bytearray(encode_refs(refs))
    blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_refs(bytes(blob))
    except CorruptStore:
        pass


@given(st.sampled_from(["created_at", "updated_at", "last_push_at"]), st.integers(0, 2**63 - 1), st.text("ab19"))
def test_any_position_comes_back(sort: RepoSort, value: int, repo: str) -> None:
    """A cursor decodes to the position that it was made of."""
    assert decode_cursor(encode_cursor(sort, "asc", Position(value, repo)), sort, "asc") == Position(value, repo)


@given(st.text(max_size=100) | st.text("ABCabc019_-", max_size=60))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    """Arbitrary text raises nothing but InvalidInput."""
    try:
        decode_cursor(Cursor(text), "name", "asc")
    except InvalidInput:
        pass
