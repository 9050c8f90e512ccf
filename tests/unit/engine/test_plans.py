"""The ways to make the pack that answers a fetch."""

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.small_repo import SmallRepo, engine_in, fake_git
from tests.wire.raw_git import history, oid_of
from treehold.catalog.base import Ref
from treehold.engine import plans
from treehold.engine.context import Engine
from treehold.engine.plans import Computed, Concatenated, Plan, without_ends
from treehold.engine.shallow import ShallowStep
from treehold.errors import CorruptStore
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.filter_spec import FilterSpec

LINE = history(b"1", b"2", b"3")
IDS = [oid_of(item) for item in LINE]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    script = 'echo "$@"; cat; cat packed-refs 2>/dev/null || echo no refs'
    async with engine_in(tmp_path, git=fake_git(tmp_path, script)) as engine:
        yield engine


@pytest.fixture
async def repo(engine: Engine) -> SmallRepo:
    repo = await SmallRepo.make(engine)
    await repo.grow(LINE[:3], LINE[3:6], LINE[6:])
    return repo


async def bytes_of(engine: Engine, plan: Plan) -> bytes:
    return b"".join([bytes(piece) async for piece in plan.pieces(engine)])


@pytest.mark.parametrize("first", range(3))
async def test_stored_packs_make_one_pack(engine: Engine, repo: SmallRepo, first: int) -> None:
    """Packs one after the other are a sound pack of all their objects, the second time too."""
    rows = (await repo.state()).packs[first:]
    for _ in range(2):
        data = await bytes_of(engine, Concatenated("since", rows))
        found = resolve_pack(scan_pack(data), external_base=no_base)
        assert {item.oid for item in found} == set(IDS[3 * first :])
    assert len(engine.node.trailers) == 1


async def test_no_packs_are_an_empty_pack(engine: Engine) -> None:
    """Nothing stored is an empty pack, which clients expect to get."""
    assert scan_pack(await bytes_of(engine, Concatenated("whole", ()))) == []


async def test_checksums_are_kept_for_a_bounded_number_of_lists(
    engine: Engine, repo: SmallRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksum of a list of packs is computed once, and the oldest is forgotten beyond the bound."""
    monkeypatch.setattr(plans, "_TRAILERS_KEPT", 2)
    rows = (await repo.state()).packs
    for count in (1, 2, 3):
        await bytes_of(engine, Concatenated("whole", rows[:count]))
    assert len(engine.node.trailers) == 2
    assert {len(key) for key in engine.node.trailers} == {32}


async def pieces_of(*pieces: bytes) -> AsyncGenerator[bytes | memoryview]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("size", [1, 7, 12, 21, 100])
async def test_the_entries_of_a_pack_are_what_is_between_its_ends(size: int) -> None:
    """However the pack is cut into pieces its header and its trailer go; another header is damage."""
    pack = b"PACK-header!" + b"entries of some length" + b"t" * 20
    cut = [pack[start : start + size] for start in range(0, len(pack), size)]
    entries = [bytes(piece) async for piece in without_ends(pieces_of(*cut), header=b"PACK-header!")]
    assert b"".join(entries) == b"entries of some length"
    with pytest.raises(CorruptStore):
        [piece async for piece in without_ends(pieces_of(*cut), header=b"PACK-another")]


async def computed(repo: SmallRepo, request: FetchRequest, shallow: ShallowStep) -> list[str]:
    """What git is told: its arguments and its input, then the refs that it sees."""
    plan = Computed(view=await repo.view(), request=request, wants=(IDS[8],), haves=(IDS[2],), shallow=shallow)
    told = [bytes(piece) async for piece in plan._compute(repo.engine)]
    return b"".join(told).decode().splitlines()


async def test_git_is_told_wants_and_haves(repo: SmallRepo) -> None:
    """A plain request becomes the wants, and what is had after --not; no option is set that the client lacks."""
    arguments, *rest = await computed(repo, FetchRequest(), ShallowStep())
    assert arguments.endswith("pack-objects --revs --stdout -q")
    assert rest == [IDS[8].hex(), "--not", IDS[2].hex(), "", "no refs"]


async def test_git_is_told_what_the_client_can_take(repo: SmallRepo) -> None:
    """Thin packs, offset deltas, tags and a filter are asked for when the client does; tags are there to be found."""
    await repo.push([], {b"refs/tags/v1": Ref(IDS[2]), b"refs/heads/side": IDS[5]})
    request = FetchRequest(thin_pack=True, ofs_delta=True, include_tag=True, filter=FilterSpec(b"blob:none"))
    arguments, *rest = await computed(repo, request, ShallowStep())
    assert arguments.endswith("-q --thin --delta-base-offset --include-tag --filter=blob:none")
    assert rest[-1] == f"{IDS[2].hex()} refs/tags/v1"
    assert not any("refs/heads" in line for line in rest)


async def test_git_is_told_where_history_is_cut(repo: SmallRepo) -> None:
    """The boundary comes first; the parents of unshallowed commits are wanted, and those themselves had."""
    step = ShallowStep(boundary=frozenset({IDS[5]}), more_wants=(IDS[2],), more_haves=(IDS[5],))
    arguments, *rest = await computed(repo, FetchRequest(), step)
    assert arguments.endswith("-q --shallow")
    assert rest[:-2] == [f"--shallow {IDS[5].hex()}", IDS[8].hex(), IDS[2].hex(), "--not", IDS[2].hex(), IDS[5].hex()]
