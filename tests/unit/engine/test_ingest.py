"""Tests of treehold.engine.ingest."""

from dataclasses import replace

import pytest

from tests.properties.pack_strategies import PackWriter, copy, encode_delta, encode_size
from tests.unit.engine.pushed_repo import Object, blob, commit, line, oid_of, tag, tree, view
from treehold.engine.ingest import QUICK_WORK, SmallIngest, full_work, ingest_small, nothing_pushed
from treehold.engine.limits import Limits
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MalformedObject, MissingObject, NotFound, RejectedPack
from treehold.ids import ObjectKind
from treehold.packs.build import build_pack
from treehold.packs.index import PackIndex
from treehold.packs.read import OpenPack, PackSet

LIMITS = Limits()
OLD = line(b"old")
NEW = line(b"old", b"new")[3:]
REPO = view(OLD)


def take(pack: bytes, repo: RepoView = REPO, limits: Limits = LIMITS) -> SmallIngest:
    return ingest_small(pack, repo, limits, QUICK_WORK)


def pack_of(*objects: Object) -> bytes:
    return build_pack(objects)[0]


def kept(ingest: SmallIngest) -> PackSet:
    """What would be stored."""
    return PackSet([OpenPack(ingest.source, ingest.index)])


def test_a_pack_is_kept_as_it_was_pushed() -> None:
    """New objects on top of the repo's stay byte for byte."""
    pack = pack_of(*NEW)
    ingest = take(pack)
    assert ingest.source == pack
    assert ingest.size_bytes == len(pack)
    assert set(ingest.index.oids()) == {oid_of(item) for item in NEW}


def test_an_empty_pack_brings_nothing() -> None:
    """Git sends one with a new ref on an old commit."""
    assert len(take(pack_of()).index) == 0


def test_objects_that_are_stored_already_are_dropped() -> None:
    """They are read as pushed, but not kept again."""
    ingest = take(pack_of(*OLD, *NEW))
    assert set(ingest.index.oids()) == {oid_of(item) for item in NEW}
    assert set(ingest.pushed) == {oid_of(item) for item in (*OLD, *NEW)}


def test_it_reads_like_the_repo_with_the_push_in_it() -> None:
    """Pushed objects, the repo's own, and nothing else."""
    ingest = take(pack_of(*NEW))
    for item in (*OLD, *NEW):
        assert ingest.read(oid_of(item)) == item
        assert ingest.kind(oid_of(item)) is item[0]
    for ask in (ingest.read, ingest.kind):
        with pytest.raises(NotFound):
            ask(oid_of(blob(b"absent")))


def test_a_push_without_a_pack_reads_like_the_repo() -> None:
    """Nothing is kept."""
    ingest = nothing_pushed(REPO)
    assert ingest.read(oid_of(OLD[0])) == OLD[0]
    assert (len(ingest.index), ingest.size_bytes, ingest.source) == (0, 0, b"")


@pytest.mark.parametrize(
    "missing", [NEW[1:], [NEW[0], NEW[2]], line(b"other", b"new")[3:]], ids=["blob", "tree", "parent"]
)
def test_a_missing_link_is_named(missing: list[Object]) -> None:
    """What the pushed objects need must be pushed or in the repo."""
    with pytest.raises(MissingObject, match=r"needs [0-9a-f]{40}, which is neither in the pack nor in the repo"):
        take(pack_of(*missing))


@pytest.mark.parametrize(
    "objects",
    [[blob(b"x"), commit(blob(b"x"))], [*OLD, commit(OLD[1], OLD[0])], [commit(OLD[1], OLD[1])]],
    ids=["tree", "pushed parent", "stored parent"],
)
def test_a_link_to_another_kind_is_refused(objects: list[Object]) -> None:
    """A commit's tree is a tree and its parents are commits, pushed or stored."""
    with pytest.raises(RejectedPack, match="but it is something else"):
        take(pack_of(*objects))


def test_a_malformed_object_is_refused_in_the_words_of_git_fsck() -> None:
    """Before anything is looked up for it."""
    bad: Object = (ObjectKind.TREE, b"100644 .git\0" + oid_of(blob(b"x")))
    with pytest.raises(MalformedObject, match="hasDotgit"):
        take(pack_of(blob(b"x"), bad))
    lenient = Limits(fsck="hasDotgit=ignore")
    assert oid_of(bad) in take(pack_of(blob(b"x"), bad), limits=lenient).pushed
    old_wart: Object = (ObjectKind.TREE, b"0100644 a\0" + oid_of(blob(b"x")))
    assert oid_of(old_wart) in take(pack_of(blob(b"x"), old_wart)).pushed
    with pytest.raises(MalformedObject, match="zeroPaddedFilemode"):
        take(pack_of(blob(b"x"), old_wart), limits=Limits(fsck="zeroPaddedFilemode=error"))


def test_a_commit_at_which_the_repo_ends_needs_no_parents() -> None:
    """It needs its tree, and every other commit needs both."""
    end, child = NEW[2], commit(NEW[1], NEW[2], at=2000)
    empty = view()
    ending = replace(empty, state=replace(empty.state, shallow=frozenset({oid_of(end)})))
    ingest = take(pack_of(*NEW, child), ending)
    assert set(ingest.index.oids()) == {oid_of(item) for item in (*NEW, child)}
    assert ingest.shallow == {oid_of(end)}
    assert ingest.links[oid_of(end)] == ((ObjectKind.TREE, oid_of(NEW[1])),)
    for lacking, pushed in ((NEW[1], [NEW[0], end]), (OLD[2], [*NEW, commit(NEW[1], OLD[2], at=2000)])):
        with pytest.raises(MissingObject, match=oid_of(lacking).hex()):
            take(pack_of(*pushed), ending)


def test_hidden_objects_are_neither_bases_nor_links() -> None:
    """What no ref reaches is stored, but a client must not get at it."""
    hidden = view([*OLD, *NEW], visible=OLD)
    with pytest.raises(MissingObject, match=oid_of(NEW[1]).hex()):
        take(pack_of(commit(NEW[1])), hidden)
    writer = PackWriter()
    writer.ref(oid_of(NEW[0]), encode_delta(b"new", b"newer"))
    with pytest.raises(MissingObject, match=oid_of(NEW[0]).hex()):
        take(writer.pack(), hidden)


def test_a_visible_base_serves_a_thin_pack() -> None:
    """The delta is kept as a delta, by the base's id."""
    writer = PackWriter()
    writer.ref(oid_of(OLD[0]), encode_delta(b"old", b"older"))
    ingest = take(writer.pack())
    assert ingest.read(oid_of(blob(b"older"))) == blob(b"older")
    assert ingest.source == writer.pack()


def test_a_tree_may_be_a_delta_of_a_stored_one() -> None:
    """What the old tree named need not be looked up again; what is new in it must be there."""
    old, new = tree(a=blob(b"old"), b=blob(b"old")), tree(a=blob(b"old"), b=blob(b"new"))
    stored = view([*OLD, old])
    writer = PackWriter()
    writer.ref(oid_of(old), encode_delta(old[1], new[1]))
    with pytest.raises(MissingObject, match=oid_of(blob(b"new")).hex()):
        take(writer.pack(), stored)
    writer.blob(b"new")
    assert take(writer.pack(), stored).read(oid_of(new)) == new


@pytest.mark.parametrize("is_tag", [False, True])
def test_a_commit_or_tag_is_stored_without_its_outer_base(is_tag: bool) -> None:
    """Whoever is sent this pack alone may lack the base."""
    stored, pushed = (tag(OLD[2]), tag(OLD[2], b"v2")) if is_tag else (OLD[2], commit(OLD[1], OLD[2]))
    writer = PackWriter()
    writer.ref(oid_of(stored), encode_delta(stored[1], pushed[1]))
    ingest = take(writer.pack(), view([*OLD, stored] if is_tag else OLD))
    assert kept(ingest).read(oid_of(pushed)) == pushed


def test_a_commit_stays_a_delta_of_one_beside_it() -> None:
    """Within a pack the base always comes along."""
    other = commit(NEW[1], OLD[2], at=5)
    writer = PackWriter()
    for kind, data in NEW:
        offset = writer.add(kind, data)
    writer.ofs(offset, encode_delta(NEW[2][1], other[1]))
    assert take(writer.pack()).source == writer.pack()


def test_a_chain_that_would_be_too_long_is_cut() -> None:
    """The object that would be too deep is stored whole."""
    writer = PackWriter()
    base = writer.blob(b"0")
    for number in range(4):
        base = writer.ofs(base, encode_delta(b"%d" % number, b"%d" % (number + 1)))
    ingest = take(writer.pack(), limits=replace(LIMITS, delta_depth_max=2))
    packs = kept(ingest)
    assert [packs.depth(oid_of(blob(b"%d" % number))) for number in range(5)] == [0, 1, 2, 0, 1]


def test_a_blob_over_its_bound_is_named() -> None:
    """And only a blob."""
    limits = replace(LIMITS, blob_bytes_max=3)
    take(pack_of(*line(b"abc")), view(), limits)
    with pytest.raises(LimitExceeded, match=f"blob {oid_of(blob(b'abcd')).hex()} is larger than 3 bytes"):
        take(pack_of(*line(b"abcd")), view(), limits)


def test_work_is_bounded() -> None:
    """Objects, inflated bytes, deltas and the bases they need: more than allowed is for somebody else to do."""
    small = replace(QUICK_WORK, objects_max=3, object_bytes_max=500, inflated_bytes_max=1000, delta_bytes_max=50)
    large = view([blob(b"x" * 2000)])
    thin = PackWriter()
    thin.ref(oid_of(blob(b"x" * 2000)), encode_size(2000) + encode_size(5) + copy(0, 5))
    deltas = PackWriter()
    deltas.ofs(deltas.blob(b"y" * 90), encode_delta(b"z", bytes(range(80))))
    packs = [pack_of(*NEW, blob(b"x")), pack_of(blob(b"x" * 501)), pack_of(*(blob(b"%d" % n * 400) for n in range(3)))]
    for pack in (*packs, thin.pack(), deltas.pack()):
        with pytest.raises(LimitExceeded):
            ingest_small(pack, large, LIMITS, small)


def test_the_full_work_follows_the_limits() -> None:
    """A thread may do more than the event loop."""
    work = full_work(replace(LIMITS, small_push_objects=7, inflated_bytes_max=5 << 20))
    assert (work.objects_max, work.inflated_bytes_max) == (7, 5 << 20)
    assert work.delta_bytes_max > QUICK_WORK.delta_bytes_max


async def test_what_tips_reach_is_followed_within_the_push() -> None:
    """Every kept object must be reached; those that were stored before need not be."""
    ingest = take(pack_of(*OLD, *NEW))
    assert await ingest.reached_by([oid_of(NEW[2])])
    assert not await ingest.reached_by([oid_of(NEW[1])])
    assert not await ingest.reached_by([])
    assert await nothing_pushed(REPO).reached_by([])
    stray = take(pack_of(*NEW, tree()))
    assert not await stray.reached_by([oid_of(NEW[2])])
    assert await stray.reached_by([oid_of(NEW[2]), oid_of(tree())])


def test_an_index_tells_where_everything_is() -> None:
    """What is kept can be read back from pack and index alone."""
    ingest = take(pack_of(*OLD, *NEW))
    decoded = PackIndex.decode(ingest.index.encode())
    packs = PackSet([OpenPack(ingest.source, decoded)])
    assert [packs.read(oid_of(item)) for item in NEW] == NEW
