"""Requests as clients really send them: packed, in chunks, empty, cut short; and the answers byte by byte."""

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.live_server import LiveServer, Repo
from tests.wire.raw_git import (
    EMPTY_PACK,
    MAIN,
    MemoryMeter,
    Object,
    Outcome,
    RawGit,
    blob,
    commit,
    connection,
    head_of_push,
    history,
    oid_of,
    pack_of,
    read_outcome,
    request_head,
    scratch,
    tree,
)
from treehold.ids import ZERO_OID, ObjectId, ObjectKind
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.pktline import DELIM_PKT, FLUSH_PKT, Marker, Packet, decode_all, encode

MIB = 1 << 20
OBJECTS = history(b"first\n", b"second\n")
FIRST, TIP = oid_of(OBJECTS[2]), oid_of(OBJECTS[5])
NEW = b"refs/heads/new"


@pytest.fixture
def raw(server: LiveServer, repo: Repo) -> RawGit:
    """A client of a repo with two commits on main."""
    client = RawGit(server, repo)
    client.create(OBJECTS)
    return client


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def good_push() -> bytes:
    objects = history(b"pushed\n")
    return head_of_push([(ZERO_OID, oid_of(objects[-1]), NEW)]) + pack_of(*objects)


def unpacked(pack: bytes) -> set[ObjectId]:
    """The ids of what a pack without outer bases holds."""
    return {found.oid for found in resolve_pack(scan_pack(pack), external_base=no_base)}


def texts(body: bytes) -> list[bytes | str]:
    """An answer's packets, marks by their names."""
    return [packet if isinstance(packet, bytes) else packet.name for packet in decode_all(body)]


def want(oid: ObjectId, *capabilities: bytes) -> bytes:
    return encode(b" ".join([b"want", oid.hex().encode(), *capabilities]) + b"\n")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_push_may_be_gzipped(raw: RawGit, coding: str) -> None:
    """JGit packs its pushes."""
    outcome = raw.push_body(gzip.compress(good_push()), content_encoding=coding)
    assert outcome == Outcome("ok", {NEW: None})


def test_a_fetch_may_be_gzipped(raw: RawGit) -> None:
    """Git packs its requests from one kilobyte on."""
    body = gzip.compress(want(TIP) + FLUSH_PKT + encode(b"done\n"))
    answer = raw.post("git-upload-pack", body, content_encoding="gzip")
    assert unpacked(answer.content.removeprefix(b"0008NAK\n")) == {oid_of(item) for item in OBJECTS}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_push_may_come_in_chunks(raw: RawGit, size: int, is_packed: bool) -> None:
    """Chunked transfer, whatever the chunks and whether packed or not."""
    body = gzip.compress(good_push()) if is_packed else good_push()
    headers = {"content_encoding": "gzip"} if is_packed else {}
    answer = raw.post("git-receive-pack", pieces(body, size), **headers)
    assert read_outcome(answer.content) == Outcome("ok", {NEW: None})


@pytest.mark.parametrize(
    "spoil",
    [lambda body: body[:-9], lambda body: body[:30], lambda body: b"x" + body, lambda body: body[:-8] + b"\0" * 8],
)
def test_a_broken_gzip_body_is_refused(raw: RawGit, spoil: Callable[[bytes], bytes]) -> None:
    """A stream that is cut or damaged changes nothing and says so."""
    before = raw.kept()
    outcome = raw.push_body(spoil(gzip.compress(good_push())), content_encoding="gzip")
    assert "gzip" in outcome.said
    assert raw.kept() == before


def test_another_coding_is_refused(raw: RawGit) -> None:
    """Only gzip is known."""
    assert "Content-Encoding" in raw.push_body(good_push(), content_encoding="br").said


@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
@pytest.mark.parametrize("body", [b"0000", b""])
@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_probe_is_answered_with_nothing(raw: RawGit, service: str, body: bytes, version: int) -> None:
    """Git asks with a lone flush whether it may send a large body."""
    answer = raw.post(service, body, git_protocol=f"version={version}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_client_may_ask_before_it_sends(raw: RawGit) -> None:
    """``Expect: 100-continue`` is answered before the body comes."""
    body = good_push()
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        assert wire.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    assert NEW in raw.refs()


@pytest.mark.parametrize("body_bytes", [60_000, 100_000, 300_000, 1_200_000])
def test_a_body_of_any_size_may_come_at_once(raw: RawGit, body_bytes: int) -> None:
    """Head and body in one piece, below and above every buffer on the way."""
    objects = history(uuid4().hex.encode() * (body_bytes // 16))
    objects[0] = blob(b"".join(uuid4().bytes for _ in range(body_bytes // 16)))
    objects[1] = tree({b"file": objects[0]})
    objects[2] = commit(objects[1])
    body = head_of_push([(ZERO_OID, oid_of(objects[2]), NEW)]) + pack_of(*objects)
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {len(body)}") + body)
        assert wire.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw.refs()[NEW] == oid_of(objects[2])


def test_requests_may_follow_each_other_on_one_connection(raw: RawGit) -> None:
    """A refused request does not spoil the connection for the next one."""
    with httpx.Client(headers={"authorization": f"Bearer {raw.repo.token}"}) as http:
        for _ in range(3):
            assert http.post(f"{raw.url}/git-receive-pack", content=b"x" * 100_000).status_code == 415
            assert http.get(f"{raw.url}/info/refs?service=git-upload-pack").status_code == 200


def test_a_new_ref_on_an_old_commit_needs_only_an_empty_pack(raw: RawGit) -> None:
    """Git sends a pack of no objects then; nothing is kept of it."""
    before = raw.size_bytes()
    assert raw.push([(ZERO_OID, FIRST, NEW)], EMPTY_PACK) == Outcome("ok", {NEW: None})
    assert raw.refs()[NEW] == FIRST
    assert raw.size_bytes() == before


def test_a_pack_is_asked_for(raw: RawGit) -> None:
    """A new ref without any pack is refused."""
    assert raw.push([(ZERO_OID, FIRST, NEW)]) == Outcome("the pack is missing", {NEW: "unpacker error"})


def test_deletes_come_without_a_pack(raw: RawGit) -> None:
    """A push that only deletes ends after its commands."""
    assert raw.push([(TIP, ZERO_OID, MAIN)]) == Outcome("ok", {MAIN: None})
    assert raw.refs() == {}


def test_deleting_what_is_not_there_is_fine(raw: RawGit) -> None:
    """Nothing to do is not an error, unless the client believed that there was something."""
    assert raw.push([(ZERO_OID, ZERO_OID, NEW)]) == Outcome("ok", {NEW: None})
    assert raw.push([(FIRST, ZERO_OID, NEW)]) == Outcome("ok", {NEW: "stale ref"})


def test_a_ref_may_be_pushed_as_it_is(raw: RawGit) -> None:
    """An unchanged ref is reported as done and makes no new generation of the repo."""
    before = raw.kept()
    assert raw.push([(TIP, TIP, MAIN)], EMPTY_PACK) == Outcome("ok", {MAIN: None})
    assert raw.kept() == before


def test_a_pack_that_no_ref_needs_is_not_kept(raw: RawGit) -> None:
    """Objects that come with nothing but stale commands are dropped."""
    before = raw.kept()
    outcome = raw.push([(FIRST, oid_of(history(b"x")[-1]), MAIN)], pack_of(*history(b"x")))
    assert outcome == Outcome("ok", {MAIN: "stale ref"})
    assert raw.kept() == before


def test_objects_that_are_stored_already_are_not_kept_twice(raw: RawGit) -> None:
    """Of a pack that repeats the whole history only what is new is added."""
    more = history(b"first\n", b"second\n", b"third\n")
    before = raw.size_bytes()
    assert raw.push([(TIP, oid_of(more[-1]), MAIN)], pack_of(*more)).unpack == "ok"
    assert raw.size_bytes() - before == len(pack_of(*more[-3:]))


BAD_NAMES = (
    *(b"HEAD", b"refs", b"refs/", b"heads/x", b"refs//x", b"../x", b"refs/heads/", b"refs/heads/" + b"x" * 1024),
    *(b"refs/heads/" + bad for bad in (b"a..b", b"a.lock", b".a", b"a.", b"a\x7f", b"a~1", b"a:b", b"a\tb", b"a@{b")),
)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_refused_by_itself(raw: RawGit, name: bytes) -> None:
    """What git check-ref-format refuses is answered ng; the other refs of the push are taken."""
    outcome = raw.push([(ZERO_OID, FIRST, name), (ZERO_OID, FIRST, NEW)], EMPTY_PACK)
    assert outcome == Outcome("ok", {name: "funny refname", NEW: None})


def test_one_ref_is_not_updated_twice(raw: RawGit) -> None:
    """Which of the two is meant cannot be told, so neither is done."""
    outcome = raw.push([(ZERO_OID, FIRST, NEW), (ZERO_OID, TIP, NEW)], EMPTY_PACK)
    assert outcome == Outcome("ok", {NEW: "multiple updates for ref not allowed"})
    assert NEW not in raw.refs()


def test_tens_of_thousands_of_refs_in_one_push(raw: RawGit) -> None:
    """The first mirror of a large repo brings them all at once, and its last one takes them all away."""
    names = [b"refs/many/%d/ref-%d" % (number % 97, number) for number in range(20_000)]
    outcome = raw.push([(ZERO_OID, FIRST, name) for name in names], EMPTY_PACK)
    assert outcome == Outcome("ok", dict.fromkeys(names))
    assert len(raw.refs()) == 20_001
    outcome = raw.push([(FIRST, ZERO_OID, name) for name in names])
    assert outcome == Outcome("ok", dict.fromkeys(names))
    assert set(raw.refs()) == {MAIN}


@pytest.mark.parametrize(
    ("capabilities", "side_band"),
    [(b"report-status side-band-64k", True), (b"report-status-v2 side-band-64k", True), (b"report-status", False)],
)
def test_the_report_comes_the_way_it_was_asked_for(raw: RawGit, capabilities: bytes, side_band: bool) -> None:
    """With or without side-band, in either form."""
    body = head_of_push([(ZERO_OID, FIRST, NEW)], capabilities) + EMPTY_PACK
    answer = raw.post("git-receive-pack", body)
    assert read_outcome(answer.content, side_band=side_band) == Outcome("ok", {NEW: None})
    assert (b"\x01" in answer.content) == side_band


def test_who_asks_for_no_report_hears_of_failures_only(raw: RawGit) -> None:
    """Silence means that it worked; what failed comes as a fatal message."""
    quiet = b"side-band-64k"
    body = head_of_push([(ZERO_OID, FIRST, NEW)], quiet) + EMPTY_PACK
    assert raw.post("git-receive-pack", body).content == FLUSH_PKT
    assert raw.push([(ZERO_OID, FIRST, NEW)], EMPTY_PACK, capabilities=quiet) == Outcome(fatal="stale ref\n")
    assert raw.post("git-receive-pack", head_of_push([(FIRST, ZERO_OID, NEW)], b"")).content == b""


@pytest.mark.parametrize("send", [0, 50, 3000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_client_that_goes_leaves_nothing_behind(server: LiveServer, send: int, is_chunked: bool) -> None:
    """A connection that ends in the middle of a push, before or after its commands, changes nothing."""
    raw = RawGit(server, server.create(f"gone-{uuid4().hex[:12]}"))
    objects = history(*(b"%d " % number * 50 for number in range(100)))
    body = head_of_push([(ZERO_OID, oid_of(objects[-1]), MAIN)]) + pack_of(*objects)
    before = raw.kept()
    with connection(server) as wire:
        how = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
        start = b"%x\r\n%b" % (len(body), body[:send]) if is_chunked else body[:send]
        wire.sendall(request_head(raw, "git-receive-pack", how) + start)
    assert raw.kept() == before
    await_empty_scratch(server)
    assert raw.push_body(body) == Outcome("ok", {MAIN: None})


def test_a_client_that_goes_from_a_large_push_leaves_nothing_behind(raw: RawGit) -> None:
    """What was spooled to disk is gone with its connection."""
    before = raw.kept()
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", f"Content-Length: {64 * MIB}"))
        wire.sendall(head_of_push([(ZERO_OID, TIP, NEW)]) + b"PACK" + bytes(4 * MIB))
        deadline = time.monotonic() + 20
        while not scratch(raw.server):
            assert time.monotonic() < deadline
    await_empty_scratch(raw.server)
    assert raw.kept() == before


def await_empty_scratch(server: LiveServer) -> None:
    """Wait until no push is under way."""
    deadline = time.monotonic() + 20
    while left := scratch(server):
        assert time.monotonic() < deadline, left


def test_a_client_that_goes_from_a_fetch_ends_it(server: LiveServer, flask_repo: Repo) -> None:
    """C Git does not go on for somebody who has left."""
    fork, _ = server.fork(flask_repo.name, f"left-{uuid4().hex[:12]}")
    raw = RawGit(server, fork)
    (tip,) = {ref.oid for ref in raw.discover("git-upload-pack").refs if ref.name == b"HEAD"}
    body = want(tip, b"side-band-64k") + FLUSH_PKT + encode(b"done\n")
    with connection(server) as wire:
        wire.sendall(request_head(raw, "git-upload-pack", f"Content-Length: {len(body)}") + body)
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
    await_empty_scratch(server)
    assert "Traceback" not in server.output


def test_a_client_without_side_band_gets_a_bare_pack(raw: RawGit) -> None:
    """Old JGit and go-git ask so: NAK and then the pack itself."""
    answer = raw.post("git-upload-pack", want(TIP) + FLUSH_PKT + encode(b"done\n"))
    assert answer.headers["content-type"] == "application/x-git-upload-pack-result"
    assert unpacked(answer.content.removeprefix(b"0008NAK\n")) == {oid_of(item) for item in OBJECTS}


@pytest.mark.parametrize(("band", "packet_bytes"), [(b"side-band", 1000), (b"side-band-64k", 65520)])
def test_side_bands_keep_to_their_size(raw: RawGit, band: bytes, packet_bytes: int) -> None:
    """No packet is larger than the client's side-band allows."""
    large = history(b"".join(uuid4().bytes for _ in range(8192)))
    raw.create(large, NEW)
    answer = raw.post("git-upload-pack", want(oid_of(large[-1]), band) + FLUSH_PKT + encode(b"done\n"))
    nak, *packets, last = decode_all(answer.content)
    assert (nak, last) == (b"NAK\n", Marker.FLUSH)
    sizes = {len(packet) + 4 for packet in packets if isinstance(packet, bytes)}
    assert max(sizes) <= packet_bytes
    assert unpacked(band_of(packets)) == {oid_of(item) for item in large}


def band_of(packets: list[Packet]) -> bytes:
    """What came on band 1."""
    return b"".join(packet[1:] for packet in packets if isinstance(packet, bytes) and packet[:1] == b"\x01")


def test_a_fetch_by_v2_has_its_sections_in_order(raw: RawGit) -> None:
    """Acknowledgments, then the pack, as the document has it."""
    oid = TIP.hex().encode()
    body = raw.ask_v2(b"fetch", b"ofs-delta", b"want " + oid, b"have " + FIRST.hex().encode())
    told = texts(body)
    assert told[:5] == [b"acknowledgments\n", b"ACK %b\n" % FIRST.hex().encode(), b"ready\n", "DELIM", b"packfile\n"]
    assert told[-1] == "FLUSH"
    assert unpacked(band_of(decode_all(body))) == {oid_of(item) for item in OBJECTS[3:]}


def test_negotiation_alone_sends_no_pack(raw: RawGit) -> None:
    """With wait-for-done and no want the common commits are all that is told."""
    haves = [b"have " + oid.hex().encode() for oid in (FIRST, ObjectId(b"\xaa" * 20))]
    told = texts(raw.ask_v2(b"fetch", b"wait-for-done", *haves))
    assert told == [b"acknowledgments\n", b"ACK %b\n" % FIRST.hex().encode(), "FLUSH"]


def test_nothing_in_common_is_told(raw: RawGit) -> None:
    """NAK, and the client goes on."""
    told = texts(raw.ask_v2(b"fetch", b"want " + TIP.hex().encode(), b"have " + b"ab" * 20))
    assert told == [b"acknowledgments\n", b"NAK\n", "FLUSH"]


def test_wanted_refs_come_before_the_pack(raw: RawGit) -> None:
    """A want-ref is answered with what it stands at."""
    told = texts(raw.ask_v2(b"fetch", b"want-ref refs/heads/main", b"done"))
    assert told[:4] == [b"wanted-refs\n", b"%b refs/heads/main\n" % TIP.hex().encode(), "DELIM", b"packfile\n"]
    assert b"unknown ref" in raw.ask_v2(b"fetch", b"want-ref refs/heads/none", b"done")


def test_unreachable_and_unknown_ids_are_not_to_be_had(raw: RawGit) -> None:
    """Ids that no ref reaches are refused in git's words by every version."""
    absent = ObjectId(b"\xab" * 20)
    line = b"ERR upload-pack: not our ref " + absent.hex().encode()
    for version in (0, 1):
        answer = raw.post("git-upload-pack", want(absent) + FLUSH_PKT, git_protocol=f"version={version}")
        assert (answer.status_code, texts(answer.content)) == (200, [line])
    assert texts(raw.ask_v2(b"fetch", b"want " + absent.hex().encode(), b"done")) == [line]


def test_any_reachable_id_may_be_wanted(raw: RawGit) -> None:
    """A commit in the middle, a tree, a blob."""
    for item, reached in ((OBJECTS[2], OBJECTS[:3]), (OBJECTS[4], OBJECTS[3:5]), (OBJECTS[3], OBJECTS[3:4])):
        answer = raw.post("git-upload-pack", want(oid_of(item)) + FLUSH_PKT + encode(b"done\n"))
        assert unpacked(answer.content.removeprefix(b"0008NAK\n")) == {oid_of(found) for found in reached}


def test_object_info_tells_sizes(raw: RawGit) -> None:
    """The size of each object, and nothing after the id of one that is not there."""
    ids = [OBJECTS[0], OBJECTS[5], blob(b"nowhere")]
    told = raw.ask_v2(b"object-info", b"size", *(b"oid " + oid_of(item).hex().encode() for item in ids))
    lines = [b"%b %d" % (oid_of(item).hex().encode(), len(item[1])) for item in ids[:2]]
    assert texts(told) == [b"size", *lines, oid_of(ids[2]).hex().encode() + b" ", "FLUSH"]


def test_ls_refs_tells_what_it_is_asked(raw: RawGit) -> None:
    """Symrefs and peeled tags on demand, prefixes honoured, HEAD first."""
    tag: Object = (
        ObjectKind.TAG,
        b"object %b\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n" % TIP.hex().encode(),
    )
    name = b"refs/tags/v1"
    assert raw.push([(ZERO_OID, oid_of(tag), name)], pack_of(tag)) == Outcome("ok", {name: None})
    tip, tagged = TIP.hex().encode(), oid_of(tag).hex().encode()
    plain = [b"%b HEAD\n" % tip, b"%b refs/heads/main\n" % tip, b"%b refs/tags/v1\n" % tagged]
    assert texts(raw.ask_v2(b"ls-refs")) == [*plain, "FLUSH"]
    assert texts(raw.ask_v2(b"ls-refs", b"symrefs", b"peel")) == [
        b"%b HEAD symref-target:refs/heads/main\n" % tip,
        plain[1],
        b"%b refs/tags/v1 peeled:%b\n" % (tagged, tip),
        "FLUSH",
    ]
    assert texts(raw.ask_v2(b"ls-refs", b"ref-prefix refs/tags/")) == [plain[2], "FLUSH"]
    assert texts(raw.ask_v2(b"ls-refs", b"ref-prefix refs/none/")) == ["FLUSH"]


def test_ls_refs_of_an_empty_repo_tells_the_unborn_branch(server: LiveServer, repo: Repo) -> None:
    """A clone of nothing learns the default branch."""
    raw = RawGit(server, repo)
    told = texts(raw.ask_v2(b"ls-refs", b"symrefs", b"unborn"))
    assert told == [b"unborn HEAD symref-target:refs/heads/main\n", "FLUSH"]
    assert texts(raw.ask_v2(b"ls-refs", b"symrefs")) == ["FLUSH"]


@pytest.mark.parametrize(
    "body",
    [
        b"0011command=other0000",
        b"0014command=ls-refs\n",
        b"zzzz",
        b"0003",
        b"ffff" + b"x" * 100,
        encode(b"command=fetch") + DELIM_PKT + encode(b"want xyz") + FLUSH_PKT,
        encode(b"command=fetch") + DELIM_PKT + encode(b"filter tree:x") + FLUSH_PKT,
        encode(b"command=fetch") + DELIM_PKT + encode(b"no-such-word") + FLUSH_PKT,
        encode(b"command=ls-refs") + encode(b"object-format=sha256") + FLUSH_PKT,
    ],
)
def test_what_is_no_request_gets_an_error_line(raw: RawGit, body: bytes) -> None:
    """An ERR line, which git shows as ``remote error``, and never a status of ours."""
    answer = raw.post("git-upload-pack", body, git_protocol="version=2")
    assert answer.status_code == 200
    (line,) = texts(answer.content)
    assert isinstance(line, bytes)
    assert line.startswith(b"ERR ")
    assert "Traceback" not in raw.server.output


@pytest.mark.parametrize(
    "body",
    [
        b"zzzz",
        b"0005x",
        b"0000trailing junk that is no pack",
        encode(b"0 0 refs/heads/x\0report-status side-band-64k") + FLUSH_PKT,
        encode(b"push-cert\0report-status side-band-64k") + FLUSH_PKT,
        good_push()[:100],
    ],
)
def test_what_is_no_push_is_answered_too(raw: RawGit, body: bytes) -> None:
    """A fatal message on the side-band, or nothing where nothing was asked; never a failure of the server."""
    before = raw.kept()
    answer = raw.post("git-receive-pack", body)
    assert answer.status_code == 200
    assert raw.kept() == before
    assert "Traceback" not in raw.server.output


def test_a_head_that_never_ends_is_cut_off(server: LiveServer) -> None:
    """Beyond its bound a header is refused with 431 and the connection closed, within bounded memory."""
    meter = MemoryMeter(server)
    with connection(server) as wire:
        wire.sendall(b"GET /git/default/x.git/info/refs HTTP/1.1\r\nHost: x\r\nX-Endless: ")
        answer = send_until_closed(wire.sendall, wire.recv, b"x" * 65536)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert meter.risen() < 16 * MIB


def test_many_headers_are_cut_off(server: LiveServer) -> None:
    """The bound is on the whole head, however many lines it has."""
    meter = MemoryMeter(server)
    with connection(server) as wire:
        wire.sendall(b"GET /git/default/x.git/info/refs HTTP/1.1\r\nHost: x\r\n")
        answer = send_until_closed(wire.sendall, wire.recv, b"X-More: of the same\r\n" * 3000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert meter.risen() < 16 * MIB


@pytest.mark.parametrize("piece", [b"x" * 65536, b"X-More: of the same\r\n" * 3000])
def test_trailers_that_never_end_are_cut_off(raw: RawGit, piece: bytes) -> None:
    """What follows the last chunk is a head too."""
    meter = MemoryMeter(raw.server)
    with connection(raw.server) as wire:
        wire.sendall(request_head(raw, "git-receive-pack", "Transfer-Encoding: chunked") + b"4\r\n0000\r\n0\r\n")
        wire.sendall(b"X-Start: ")
        send_until_closed(wire.sendall, wire.recv, piece)
    assert meter.risen() < 16 * MIB


def send_until_closed(send: Callable[[bytes], None], receive: Callable[[int], bytes], piece: bytes) -> bytes:
    """Send the same again and again until the other side has closed; answers what it said."""
    for _ in range(1000):
        try:
            send(piece)
        except OSError:
            break
    else:
        raise AssertionError("it took everything")
    try:
        return receive(65536)
    except OSError:
        return b""


def test_a_head_that_comes_too_slowly_is_dropped(tmp_path: Path) -> None:
    """A client that never completes its head does not hold its connection for ever."""
    with LiveServer(tmp_path / "data", settings={"TREEHOLD_HEAD_SECONDS": "1"}) as server, connection(server) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert wire.recv(100) == b""
