"""Pushes meant to harm: whatever they are, nothing changes, the answer is clear, and memory stays bounded."""

import gzip
import os
import re
import select
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest

from tests.live_server import LiveServer
from tests.properties.pack_strategies import PackWriter, copy, encode_delta, encode_size
from tests.wire import bad_packs
from tests.wire.bad_packs import BadPack
from tests.wire.raw_git import (
    EMPTY_PACK,
    MemoryMeter,
    Object,
    Outcome,
    RawGit,
    blob,
    commit,
    connection,
    gzip_zeros,
    head_of_push,
    history,
    oid_of,
    pack_of,
    request_head,
    scratch,
    tree,
)
from treehold.ids import ZERO_OID, ObjectKind
from treehold.protocol.pktline import encode

MIB = 1 << 20
EVIL = b"refs/heads/evil"
BOUNDS = {
    "TREEHOLD_LIMITS__INFLATED_BYTES_MAX": str(16 * MIB),
    "TREEHOLD_LIMITS__OBJECT_BYTES_MAX": str(40 * MIB),
    "TREEHOLD_LIMITS__PACK_BYTES_MAX": str(6 * MIB),
    "TREEHOLD_LIMITS__REPO_BYTES_MAX": str(8 * MIB),
    "TREEHOLD_LIMITS__NATIVE_MEMORY_BYTES": str(256 * MIB),
    "TREEHOLD_LIMITS__NATIVE_SECONDS": "5",
}
WAYS = {"here": BOUNDS, "by C Git": {**BOUNDS, "TREEHOLD_LIMITS__SMALL_PUSH_BYTES": "0"}}
"""Both ways to take in a push, each on a server that knows no other for small packs."""


@pytest.fixture(scope="module", params=list(WAYS))
def bounded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with low limits that takes in small pushes one way or the other."""
    with LiveServer(tmp_path_factory.mktemp("bounded") / "data", settings=WAYS[request.param]) as server:
        yield server


@pytest.fixture
def raw(bounded: LiveServer) -> RawGit:
    """A client of a repo with two commits on main."""
    client = RawGit(bounded, bounded.create(f"repo-{uuid4().hex[:12]}"))
    client.create(history(b"first\n", b"second\n"))
    return client


@pytest.fixture
def rewritten(raw: RawGit) -> RawGit:
    """A client of a repo whose packs hold more than its refs reach: main was forced away from ``LOST``."""
    outcome = raw.push([(ZERO_OID, oid_of(LOST[-1]), b"refs/heads/lost")], pack_of(*LOST))
    assert outcome.unpack == "ok"
    assert raw.push([(oid_of(LOST[-1]), ZERO_OID, b"refs/heads/lost")]).unpack == "ok"
    return raw


LOST = history(b"lost and not found " * 20)


def assert_refused(raw: RawGit, push: Callable[[], Outcome]) -> Outcome:
    """Push what must be refused with nothing kept; answers what the server said."""
    before = raw.kept()
    outcome = push()
    assert outcome.said not in ("", "ok", "unspecified")
    assert all(outcome.refs.values())
    assert raw.kept() == before
    assert not scratch(raw.server)
    return outcome


def push_bad(raw: RawGit, bad: BadPack) -> Outcome:
    return raw.push([(ZERO_OID, bad.tip, EVIL)], bad.pack)


@pytest.mark.parametrize("case", list(bad_packs.BROKEN))
def test_an_unreadable_pack_changes_nothing(raw: RawGit, case: str) -> None:
    """A pack that is cut, changed, or says of itself what is not true is refused."""
    outcome = assert_refused(raw, lambda: push_bad(raw, bad_packs.BROKEN[case]()))
    assert outcome.refs == {EVIL: "unpacker error"}


@pytest.mark.parametrize("case", list(bad_packs.UNSOUND))
def test_a_missing_link_changes_nothing(raw: RawGit, case: str) -> None:
    """A pack that needs an object which is nowhere, or is something else, is refused by that object's name."""
    missing, make = bad_packs.UNSOUND[case]
    outcome = assert_refused(raw, lambda: push_bad(raw, make()))
    if raw.server.settings == BOUNDS:
        assert missing in outcome.unpack


@pytest.mark.parametrize("case", list(bad_packs.MALFORMED))
def test_a_malformed_object_changes_nothing(raw: RawGit, case: str) -> None:
    """What git fsck calls an error is refused in its words, names that could write outside a work tree included."""
    why, make = bad_packs.MALFORMED[case]
    outcome = assert_refused(raw, lambda: push_bad(raw, make()))
    assert re.search(why, outcome.unpack), outcome.unpack


@pytest.mark.parametrize("write", [bad_packs.growing, bad_packs.many_large], ids=lambda write: write.__name__)
def test_a_delta_bomb_is_not_built(raw: RawGit, write: Callable[[PackWriter], None]) -> None:
    """Deltas of a few bytes that ask for gigabytes cost this process little memory."""
    bad = bad_packs.with_entries(write)
    meter = MemoryMeter(raw.server)
    outcome = assert_refused(raw, lambda: push_bad(raw, bad))
    assert outcome.unpack
    assert meter.risen() < 150 * MIB


def test_a_zip_bomb_is_not_kept(raw: RawGit) -> None:
    """A blob that inflates a thousandfold beyond the bound on objects is refused and never held."""
    writer = PackWriter()
    bomb = bytes(100 * MIB)
    writer.blob(bomb)
    bad = BadPack(writer.pack(), oid_of(blob(bomb)))
    meter = MemoryMeter(raw.server)
    outcome = assert_refused(raw, lambda: raw.push([(ZERO_OID, bad.tip, b"refs/tags/bomb")], bad.pack))
    assert f"is larger than {40 * MIB} bytes" in outcome.unpack
    assert meter.risen() < 60 * MIB


def test_a_commit_too_large_to_walk_is_not_kept(raw: RawGit) -> None:
    """A commit is held in memory by whoever walks the history, so its bound is lower than a blob's."""
    objects = history(b"x")
    objects[-1] = commit(objects[1], message=b"long " * (4 * MIB))
    pack = pack_of(*objects)
    meter = MemoryMeter(raw.server)
    outcome = assert_refused(raw, lambda: raw.push([(ZERO_OID, oid_of(objects[-1]), EVIL)], pack))
    assert f"is larger than {16 * MIB} bytes" in outcome.unpack
    assert meter.risen() < 100 * MIB


def test_what_packs_well_is_no_bomb(raw: RawGit) -> None:
    """A small pack that inflates beyond what this process takes on is kept all the same, by C Git."""
    objects = history(b"0123456789" * (3 * MIB))
    meter = MemoryMeter(raw.server)
    raw.create(objects, b"refs/heads/large")
    assert meter.risen() < 100 * MIB


def test_many_deep_deltas_do_not_pile_up(raw: RawGit) -> None:
    """A chain of thousands of deltas of a large object is kept with short chains and without holding the objects."""
    writer = PackWriter()
    size = MIB
    body = bytes(size)
    base = writer.blob(body)
    names = [oid_of(blob(body))]
    step = encode_size(size) + encode_size(size)
    for number in range(1, 300):
        tail = number.to_bytes(4, "big")
        base = writer.ofs(base, step + copy(0, size - 4) + b"\x04" + tail)
        names.append(oid_of(blob(body[:-4] + tail)))
    rows = b"".join(b"100644 %04d\0%b" % row for row in enumerate(names))
    top: Object = (ObjectKind.TREE, rows)
    for kind, data in (top, commit(top)):
        writer.add(kind, data)
    meter = MemoryMeter(raw.server)
    outcome = raw.push([(ZERO_OID, oid_of(commit(top)), b"refs/heads/deep")], writer.pack())
    assert outcome == Outcome("ok", {b"refs/heads/deep": None})
    assert meter.risen() < 150 * MIB
    assert raw.size_bytes() < 2 * MIB


def test_millions_of_commands_are_refused_early(raw: RawGit) -> None:
    """A push of ten million refs is answered long before its end, within bounded memory."""
    meter = MemoryMeter(raw.server)
    before = raw.kept()
    first = head_of_push([(ZERO_OID, ZERO_OID, b"refs/heads/x")])[:-4]
    zeros = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/"
    sent = 0
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", "Transfer-Encoding: chunked"))
        for start in range(0, 10_000_000, 1000):
            lines = b"".join(encode(zeros + b"%d" % number) for number in range(start, start + 1000))
            piece = first + lines if start == 0 else lines
            wire.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            sent += len(piece)
            if select.select([wire], [], [], 0)[0]:
                break
        answer = b""
        while not answer.endswith(b"0000") and (piece := wire.recv(65536)):
            answer += piece
    assert sent < 64 * MIB
    assert b"more than 100000 ref updates in one push" in answer
    assert meter.risen() < 200 * MIB
    assert raw.kept() == before


def test_a_command_that_never_ends_is_refused(raw: RawGit) -> None:
    """Where a packet's length should be there are only zeros: the push ends there."""
    assert_refused(raw, lambda: raw.push_body(bytes(4 * MIB)))


@pytest.mark.parametrize(("service", "said"), [("git-upload-pack", "larger than"), ("git-receive-pack", "packet")])
def test_a_gzip_bomb_is_not_inflated(raw: RawGit, service: str, said: str) -> None:
    """A body that inflates a thousandfold is refused at the bound on requests, on both services."""
    bomb = b"".join(gzip_zeros(128))
    meter = MemoryMeter(raw.server)
    before = raw.kept()
    answer = raw.post(service, bomb, content_encoding="gzip")
    assert said in answer.text
    assert meter.risen() < 100 * MIB
    assert raw.kept() == before


def test_a_gzip_bomb_behind_good_commands_is_not_kept(raw: RawGit) -> None:
    """The bound on packs counts inflated bytes."""

    def push() -> Outcome:
        head = gzip.compress(head_of_push([(ZERO_OID, bad_packs.TIP, EVIL)]) + b"PACK" + bytes(64 * MIB))
        return raw.push_body(head, content_encoding="gzip")

    meter = MemoryMeter(raw.server)
    outcome = assert_refused(raw, push)
    assert outcome.unpack == f"the pack is larger than {6 * MIB} bytes"
    assert meter.risen() < 100 * MIB


def test_a_repo_cannot_outgrow_its_bound(raw: RawGit) -> None:
    """A pack that would make the repo too large is refused by name; deleting a ref is still allowed."""
    objects = history(os.urandom(5 * MIB))
    raw.create(objects, b"refs/heads/large")
    more = history(os.urandom(4 * MIB))
    outcome = assert_refused(raw, lambda: raw.push([(ZERO_OID, oid_of(more[-1]), EVIL)], pack_of(*more)))
    assert outcome.unpack == f"the repo would be larger than {8 * MIB} bytes, its storage limit"
    assert raw.push([(oid_of(objects[-1]), ZERO_OID, b"refs/heads/large")]).unpack == "ok"


def test_a_delta_of_an_unreachable_object_is_refused(rewritten: RawGit) -> None:
    """A delta could copy what no ref reaches any more; being stored is not enough to be its base."""
    data = LOST[0][1]
    writer = PackWriter()
    writer.ref(oid_of(LOST[0]), encode_delta(data, data + b"!"))
    bad = BadPack(writer.pack(), oid_of(blob(data + b"!")))
    outcome = assert_refused(rewritten, lambda: rewritten.push([(ZERO_OID, bad.tip, b"refs/tags/x")], bad.pack))
    assert oid_of(LOST[0]).hex() in outcome.unpack


@pytest.mark.parametrize("case", ["tree", "parent", "blob"])
def test_an_unreachable_object_cannot_be_linked(rewritten: RawGit, case: str) -> None:
    """A commit that builds on stored objects which no ref reaches is refused: it would lay them open."""
    own = history(b"own\n")
    objects = {
        "tree": [commit(LOST[1])],
        "parent": [*own[:2], commit(own[1], LOST[2])],
        "blob": [tree({b"taken": LOST[0]}), commit(tree({b"taken": LOST[0]}))],
    }[case]
    assert_refused(rewritten, lambda: push_bad(rewritten, bad_packs.whole(*objects)))


@pytest.mark.parametrize("lost", LOST, ids=["blob", "tree", "commit"])
def test_an_unreachable_object_cannot_be_had(rewritten: RawGit, lost: Object) -> None:
    """Neither a ref nor a want nor object-info brings back what no ref reaches."""
    oid = oid_of(lost)
    name = b"refs/tags/found"
    assert rewritten.push([(ZERO_OID, oid, name)], EMPTY_PACK).refs == {name: "missing necessary objects"}
    want = encode(b"want %b\n" % oid.hex().encode())
    v0 = rewritten.post("git-upload-pack", want + b"0000" + encode(b"done\n"))
    v2 = rewritten.ask_v2(b"fetch", b"want " + oid.hex().encode(), b"done")
    for answer in (v0.content, v2):
        assert b"ERR upload-pack: not our ref " + oid.hex().encode() in answer
    assert rewritten.ask_v2(b"object-info", b"size", b"oid " + oid.hex().encode()).endswith(
        oid.hex().encode() + b" 0000"
    )


def test_what_was_lost_can_be_pushed_again(rewritten: RawGit) -> None:
    """Whoever has the objects may bring them back, though they are stored already."""
    rewritten.create(LOST, b"refs/heads/found")
    assert rewritten.refs()[b"refs/heads/found"] == oid_of(LOST[-1])


def test_the_server_is_well_after_all_that(raw: RawGit) -> None:
    """The very next good push is taken."""
    raw.create(history(b"good\n"), b"refs/heads/good")
    assert httpx.get(f"{raw.server.url}/readyz").status_code == 200
    assert raw.repo.secret not in raw.server.output
    assert "Traceback" not in raw.server.output
