from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.pack_strategies import (
    PackCase,
    blob_oid,
    copy,
    encode_delta,
    encode_size,
    insert,
    pack_cases,
    seal,
)
from treehold.errors import LimitExceeded, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.packs.build import build_pack
from treehold.packs.concatenate import Concatenation, PackPart, shifts
from treehold.packs.dedupe import choose_entries
from treehold.packs.delta import apply_delta
from treehold.packs.entry import encode_entry_header, parse_entry_header
from treehold.packs.git_index import from_git_index, to_git_index
from treehold.packs.index import PackIndex, merge_indexes
from treehold.packs.limits import PackLimits
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.resolve import ResolvedObject, resolve_pack
from treehold.packs.rewrite import RewritePlan, place_entries, plan_rewrite
from treehold.packs.scan import scan_pack

oids = st.binary(min_size=20, max_size=20).map(ObjectId)
rows = st.lists(
    st.tuples(oids, st.integers(0, 2**32 - 1), st.integers(12, 2**62)), max_size=40, unique_by=lambda row: row[0]
)


def resolve(case: PackCase) -> list[ResolvedObject]:
    """The objects of a case."""
    return resolve_pack(scan_pack(case.pack), external_base=case.find)


def stored_packs(case: PackCase) -> list[OpenPack]:
    """The stored objects of a case, as a pack."""
    return [OpenPack(*build_pack((base.kind, base.data) for base in case.stored.values()))]


@given(st.integers(0, 2**63 - 1), st.integers(1, 20_000), oids, st.integers(1, 4))
def test_entry_headers_round_trip(size: int, distance: int, oid: ObjectId, kind: int) -> None:
    """Any header is read back."""
    whole = encode_entry_header(kind, size)
    assert parse_entry_header(whole, 0, len(whole))[:2] == (kind, size)
    near = encode_entry_header(6, size, distance=distance)
    padding = bytes(12 + distance)
    header = parse_entry_header(padding + near, len(padding), len(padding) + len(near))
    assert (header.size, header.base_offset) == (size, 12)
    far = encode_entry_header(7, size, base_oid=oid)
    assert parse_entry_header(far, 0, len(far)).base_oid == oid


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_deltas_make_their_target(base: bytes, target: bytes) -> None:
    """A delta from any bytes to any bytes makes the latter of the former."""
    assert apply_delta(base, encode_delta(base, target), result_bytes_max=300) == target


@given(st.binary(min_size=1, max_size=300), st.data())
def test_random_instructions_are_followed(base: bytes, data: st.DataObject) -> None:
    """Any sequence of copies and inserts makes what it says."""
    expected, instructions = b"", b""
    for _ in range(data.draw(st.integers(0, 8))):
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(base) - 1))
            size = data.draw(st.integers(1, len(base) - start))
            instructions += copy(start, size)
            expected += base[start : start + size]
        else:
            new = data.draw(st.binary(min_size=1, max_size=127))
            instructions += insert(new)
            expected += new
    delta = encode_size(len(base)) + encode_size(len(expected)) + instructions
    assert apply_delta(base, delta, result_bytes_max=10**6) == expected


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_a_delta_or_refused(base: bytes, junk: bytes) -> None:
    """Bytes that are no delta raise our errors only, and never make more than they announce."""
    with suppress(RejectedPack, LimitExceeded):
        assert len(apply_delta(base, junk, result_bytes_max=1000)) <= 1000
    with suppress(RejectedPack):
        delta = encode_size(len(base)) + encode_size(50) + junk
        assert len(apply_delta(base, delta, result_bytes_max=1000)) == 50


@given(rows)
def test_indexes_round_trip(given_rows: list[tuple[ObjectId, int, int]]) -> None:
    """Any rows come back from our form and from git's, and each id is found."""
    index = PackIndex.decode(memoryview(PackIndex.build(given_rows).encode()))
    assert list(index.entries()) == sorted(given_rows)
    assert list(from_git_index(to_git_index(index, bytes(20))).entries()) == sorted(given_rows)
    for oid, crc, offset in given_rows:
        assert (index.find(oid), index.crc(oid)) == (offset, crc)


@given(pack_cases())
def test_packs_give_back_their_objects(case: PackCase) -> None:
    """Whatever is whole, near, by id or outside, and in whatever order: every object comes out."""
    found = resolve(case)
    assert sorted(item.data for item in found) == sorted(case.blobs)
    assert all(item.oid == blob_oid(item.data) for item in found)
    seen = set(case.stored)
    for item in found:
        assert item.base is None or item.base in seen
        seen.add(item.oid)


@given(pack_cases(), st.integers(0, 4))
def test_what_is_kept_is_disjoint_and_shallow(case: PackCase, depth_max: int) -> None:
    """After ingest each object is there once, readable, and no chain is longer than allowed."""
    found = resolve(case)
    stored = stored_packs(case)
    before = PackSet(stored)
    kept = choose_entries(found, stored=before.read_base, depth_max=depth_max)
    plan = plan_rewrite(case.pack, kept.entries, whole=kept.whole)
    pack = plan.join(case.pack)
    check_plan(plan, pack)
    assert set(plan.index.oids()) == {blob_oid(data) for data in case.blobs} - set(case.stored)
    after = PackSet([*stored, OpenPack(pack, plan.index)])
    for data in case.blobs:
        oid = blob_oid(data)
        assert after.read(oid) == (ObjectKind.BLOB, data)
        assert after.depth(oid) <= depth_max
        assert after.size(oid) == len(data)


def check_plan(plan: RewritePlan, pack: bytes) -> None:
    """What the plan says about the pack is what taking it apart shows."""
    entries = scan_pack(pack)
    assert len(pack) == plan.size_bytes
    assert sorted((crc, offset) for _, crc, offset in plan.index.entries()) == sorted(
        (entry.crc, entry.offset) for entry in entries
    )


@given(pack_cases(disjoint=True), st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_packs_are_split_and_joined(case: PackCase, shares: list[int]) -> None:
    """A pack split into disjoint thin packs, and these concatenated, still holds every object."""
    found = resolve(case)
    index = PackIndex.build((item.oid, item.entry.crc, item.entry.offset) for item in found)
    entries = place_entries(case.pack, index)
    plans = [
        plan_rewrite(case.pack, [entry for number, entry in enumerate(entries) if shares[number] == share])
        for share in range(3)
    ]
    packs = [plan.join(case.pack) for plan in plans]
    parts = [PackPart(len(pack), len(plan.index)) for pack, plan in zip(packs, plans, strict=True)]
    joined = Concatenation(parts)
    bodies = [pack[part.body] for pack, part in zip(packs, parts, strict=True)]
    for body in bodies:
        joined.feed(body)
    whole = b"".join([joined.header, *bodies, joined.trailer()])
    again = resolve_pack(scan_pack(whole), external_base=case.find)
    assert sorted(item.data for item in again) == sorted(case.blobs)
    merged = merge_indexes([(plan.index, shift) for plan, shift in zip(plans, shifts(parts), strict=True)])
    assert list(merged.entries()) == sorted((item.oid, item.entry.crc, item.entry.offset) for item in again)
    outside = stored_packs(case)
    split = PackSet([*outside, *(OpenPack(pack, plan.index) for pack, plan in zip(packs, plans, strict=True))])
    for data in case.blobs:
        assert split.read(blob_oid(data)) == (ObjectKind.BLOB, data)


@given(pack_cases(), st.data())
def test_damaged_packs_raise_our_errors_only(case: PackCase, data: st.DataObject) -> None:
    """A pack with changed bytes, sealed again as an attacker would, is taken or refused, never more."""
    body = bytearray(case.pack[:-20])
    for _ in range(data.draw(st.integers(1, 3))):
        pos = data.draw(st.integers(0, len(body) - 1))
        body[pos] = data.draw(st.integers(0, 255))
    limits = PackLimits(objects_max=100, object_bytes_max=10**6, inflated_bytes_max=10**6)
    with suppress(RejectedPack, LimitExceeded):
        resolve_pack(scan_pack(seal(bytes(body)), limits=limits), external_base=case.find, limits=limits)
