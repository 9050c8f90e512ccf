"""Every message that is written is read back as it was, and in git's own bounds."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from treehold.errors import InvalidRefName
from treehold.ids import ZERO_OID, ObjectId, RefName, parse_ref_name
from treehold.protocol import fetch, ls_refs, object_info, receive_pack, upload_pack
from treehold.protocol.advertisement import (
    RECEIVE_PACK,
    UPLOAD_PACK,
    AdvertisedRef,
    decode_advertisement,
    encode_v0,
    encode_v2,
)
from treehold.protocol.capabilities import Capabilities, encode_capabilities, parse_capabilities
from treehold.protocol.command import CommandDecoder, CommandRequest, encode_command
from treehold.protocol.error_line import one_line
from treehold.protocol.fetch_request import INFINITE_DEPTH, AckMode, FetchRequest
from treehold.protocol.filter_spec import FilterSpec, parse_filter
from treehold.protocol.pktline import Marker, decode_all, encode
from treehold.protocol.report_status import RefResult, decode_report, encode_report
from treehold.protocol.sideband import frame_bytes, framed_length, split

oids = st.binary(min_size=20, max_size=20).map(ObjectId).filter(lambda oid: oid != ZERO_OID)
unique_oids = st.lists(oids, unique=True, max_size=5).map(tuple)
words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-=/.", min_size=1, max_size=12).map(str.encode)
lines = st.binary(max_size=60).filter(lambda line: not line.endswith(b"\n"))


def is_ref_name(name: bytes) -> bool:
    try:
        parse_ref_name(name)
    except InvalidRefName:
        return False
    return True


ref_names = (
    st.binary(min_size=1, max_size=30)
    .map(lambda tail: RefName(b"refs/heads/" + tail))
    .filter(lambda name: is_ref_name(name) and not name.endswith(b"^{}"))
)
advertised_refs = st.builds(AdvertisedRef, name=ref_names, oid=oids, peeled=st.none() | oids)
heads = st.builds(AdvertisedRef, name=st.just(b"HEAD"), oid=oids, symref_target=st.none() | ref_names)
ref_lists = st.tuples(
    st.lists(heads, max_size=1), st.lists(advertised_refs, max_size=5, unique_by=lambda ref: ref.name)
).map(lambda both: (*both[0], *both[1]))

simple_filters = st.one_of(
    st.just(b"blob:none"),
    st.integers(0, 2**63 - 1).map(lambda size: b"blob:limit=%d" % size),
    st.integers(0, 100).map(lambda depth: b"tree:%d" % depth),
    st.sampled_from([b"blob", b"tree", b"commit", b"tag"]).map(lambda kind: b"object:type=" + kind),
)
filters = st.lists(simple_filters, min_size=1, max_size=4).map(
    lambda parts: parse_filter(b"combine:" + b"+".join(parts))
)


@st.composite
def fetch_requests(draw: st.DrawFn, *, is_v2: bool) -> FetchRequest:
    """A request that its version can express."""
    draw_flag: Callable[[], bool] = lambda: draw(st.booleans())  # noqa: E731
    has_depth = draw_flag()
    wants = draw(unique_oids if is_v2 else unique_oids.filter(bool))
    has_negotiated = True if is_v2 else draw_flag()
    return FetchRequest(
        wants=wants,
        haves=draw(unique_oids) if has_negotiated else (),
        want_refs=draw(st.lists(ref_names, unique=True, max_size=3).map(tuple)) if is_v2 else (),
        shallow=frozenset(draw(unique_oids)),
        deepen=draw(st.none() | st.integers(1, INFINITE_DEPTH)) if has_depth else None,
        deepen_relative=draw_flag(),
        deepen_since=None if has_depth else draw(st.none() | st.integers(1, 2**63 - 1)),
        deepen_not=() if has_depth else draw(st.lists(ref_names, unique=True, max_size=3).map(tuple)),
        filter=draw(st.none() | filters),
        done=has_negotiated and draw_flag(),
        wait_for_done=is_v2 and draw_flag(),
        thin_pack=draw_flag(),
        ofs_delta=draw_flag(),
        include_tag=draw_flag(),
        no_progress=draw_flag(),
        side_band=65520 if is_v2 else draw(st.sampled_from([0, 1000, 65520])),
        sideband_all=is_v2 and draw_flag(),
        ack_mode=AckMode.NONE if is_v2 else draw(st.sampled_from(AckMode)),
        no_done=not is_v2 and draw_flag(),
        has_negotiated=has_negotiated,
    )


commands = st.builds(
    receive_pack.RefCommand, name=ref_names, old=oids | st.just(ZERO_OID), new=oids | st.just(ZERO_OID)
)
push_requests = st.builds(
    receive_pack.PushRequest,
    commands=st.lists(commands, min_size=1, max_size=5, unique_by=lambda command: command.name).map(tuple),
    capabilities=st.lists(words, max_size=4).map(
        lambda entries: Capabilities((*(word for word in entries if b"=" not in word), b"push-options"))
    ),
    shallow=unique_oids,
    push_options=st.lists(lines, max_size=3).map(tuple),
)


@given(st.lists(st.binary(max_size=200) | st.sampled_from(Marker), max_size=10))
def test_packets(packets: list[bytes | Marker]) -> None:
    """Payloads and marks come out as they went in."""
    data = b"".join(packet.value if isinstance(packet, Marker) else encode(packet) for packet in packets)
    assert decode_all(data) == packets


@given(st.integers(1, 3), st.binary(max_size=5000), st.integers(6, 65520))
def test_side_band(band: int, data: bytes, packet_bytes: int) -> None:
    """Framed data is cut into packets of the allowed size, has the length foretold, and comes together again."""
    framed = frame_bytes(band, data, packet_bytes=packet_bytes)
    assert len(framed) == framed_length(len(data), packet_bytes=packet_bytes)
    pieces = [split(packet) for packet in decode_all(framed) if isinstance(packet, bytes)]
    assert all(piece_band == band and len(piece) <= packet_bytes - 5 for piece_band, piece in pieces)
    assert b"".join(piece for _, piece in pieces) == data


@given(st.lists(words))
def test_capability_lists(entries: list[bytes]) -> None:
    """Words come out in their order."""
    assert parse_capabilities(encode_capabilities(entries)) == Capabilities(tuple(entries))


@given(ref_lists, st.booleans(), unique_oids)
def test_fetch_advertisements(refs: tuple[AdvertisedRef, ...], version_1: bool, shallow: tuple[ObjectId, ...]) -> None:
    """A fetching client learns every ref with what it peels to and points at."""
    body = encode_v0(refs, [b"agent=x"], service=UPLOAD_PACK, version_1=version_1, shallow=shallow)
    advertisement = decode_advertisement(body)
    assert (advertisement.version, advertisement.refs, advertisement.shallow) == (int(version_1), refs, shallow)


@given(ref_lists)
def test_push_advertisements(refs: tuple[AdvertisedRef, ...]) -> None:
    """A pushing client learns every ref but HEAD, and its value alone."""
    body = encode_v0(refs, [b"agent=x"], service=RECEIVE_PACK, version_1=False)
    assert decode_advertisement(body).refs == tuple(
        AdvertisedRef(ref.name, ref.oid) for ref in refs if ref.name != b"HEAD"
    )


@given(st.lists(words))
def test_v2_advertisements(entries: list[bytes]) -> None:
    """A v2 client learns every capability."""
    assert decode_advertisement(encode_v2(entries, service=None)).capabilities == Capabilities(tuple(entries))


@given(words, st.lists(words.filter(lambda word: b"=" not in word), max_size=4), st.lists(lines, max_size=5))
def test_commands(command: bytes, capabilities: list[bytes], arguments: list[bytes]) -> None:
    """A v2 request keeps its command, capabilities and arguments."""
    request = CommandRequest(command, Capabilities(tuple(capabilities)), tuple(arguments))
    decoder = CommandDecoder()
    decoder.feed(encode_command(request))
    assert decoder.finish() == request


@given(st.builds(ls_refs.LsRefsRequest, prefixes=st.lists(lines, max_size=5).map(tuple)))
def test_ls_refs_arguments(request: ls_refs.LsRefsRequest) -> None:
    """Flags and prefixes are kept."""
    assert ls_refs.decode_arguments(ls_refs.encode_arguments(request)) == request


@given(ref_lists, st.none() | ref_names)
def test_ls_refs_responses(refs: tuple[AdvertisedRef, ...], unborn_head: bytes | None) -> None:
    """A client that asks for everything learns everything."""
    request = ls_refs.LsRefsRequest(peel=True, symrefs=True, unborn=True)
    body = ls_refs.encode_response(refs, request, unborn_head=unborn_head)
    assert ls_refs.decode_response(body) == (refs, unborn_head)


@given(st.lists(st.text("ab/", max_size=4).map(str.encode), max_size=8), st.text("ab/", max_size=6).map(str.encode))
def test_prefixes_match_as_a_plain_scan_does(prefixes: list[bytes], name: bytes) -> None:
    """The binary search finds what comparing with every prefix would."""
    expected = not prefixes or name.startswith(tuple(prefixes))
    assert ls_refs.PrefixMatcher(prefixes).matches(name) == expected


@given(fetch_requests(is_v2=True))
def test_v2_fetches(request: FetchRequest) -> None:
    """A v2 fetch keeps every wish."""
    assert fetch.decode_arguments(fetch.encode_arguments(request)) == request


@given(fetch_requests(is_v2=False))
def test_v0_fetches(request: FetchRequest) -> None:
    """A v0 fetch keeps every wish."""
    decoder = upload_pack.UploadRequestDecoder()
    decoder.feed(upload_pack.encode_request(request))
    assert decoder.finish() == request


@given(fetch_requests(is_v2=False), st.booleans(), st.data())
def test_acknowledgments_keep_to_the_protocol(request: FetchRequest, ready: bool, data: st.DataObject) -> None:
    """Every line is an ACK of a have or NAK; the pack follows ``done``, or ``ready`` where that may stand for it."""
    common = data.draw(st.sets(st.sampled_from(request.haves))) if request.haves else set()
    body, pack_follows = upload_pack.acknowledge(request, common, ready=ready)
    answered = [packet for packet in decode_all(body) if isinstance(packet, bytes)]
    known = {b"NAK\n", *(b"ACK " + have.hex().encode() for have in request.haves)}
    assert all(line[:44] in known for line in answered)
    was_ready = any(line.endswith(b" ready\n") for line in answered)
    assert pack_follows == (request.done or (request.no_done and was_ready))
    assert not was_ready or (ready and common)


@given(push_requests, st.binary(max_size=50))
def test_pushes(request: receive_pack.PushRequest, pack: bytes) -> None:
    """The head of a push keeps every command and option, and the pack is left as it is."""
    decoder = receive_pack.PushRequestDecoder()
    decoder.feed(receive_pack.encode_request(request) + pack)
    assert decoder.finish() == request
    assert decoder.take_rest() == pack


reasons = st.text(min_size=1, max_size=60).map(lambda text: one_line(text, bytes_max=400).decode())


@given(reasons, st.lists(st.builds(RefResult, name=ref_names, error=st.none() | reasons), max_size=5).map(tuple))
def test_reports(unpack: str, results: tuple[RefResult, ...]) -> None:
    """A report keeps every ref and printable reason."""
    assert decode_report(encode_report(unpack, results)) == (unpack, results)


@given(st.text(), st.integers(20, 100))
def test_messages_become_one_safe_line(message: str, bytes_max: int) -> None:
    """Whatever is said, the line is printable, bounded, and stays as it is when made safe again."""
    line = one_line(message, bytes_max=bytes_max)
    assert 0 < len(line) <= bytes_max
    assert line.decode().isprintable()
    assert one_line(line.decode(), bytes_max=bytes_max) == line


@given(st.builds(object_info.ObjectInfoRequest, oids=unique_oids), st.integers(0, 2**64))
def test_object_info(request: object_info.ObjectInfoRequest, size: int) -> None:
    """Requests and sizes are kept; every object asked about is answered."""
    assert object_info.decode_arguments(object_info.encode_arguments(request)) == request
    answer = object_info.decode_response(object_info.encode_response(request, dict.fromkeys(request.oids, size)))
    assert answer == dict.fromkeys(request.oids, size if request.size else None)


@given(st.lists(simple_filters, min_size=1, max_size=16))
def test_filters_have_one_spelling(parts: list[bytes]) -> None:
    """A canonical filter is read as itself."""
    spec = parse_filter(b"combine:" + b"+".join(parts))
    assert parse_filter(spec.text) == spec == FilterSpec(spec.text)
