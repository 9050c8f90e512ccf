"""v0 and v1 requests are read, and their haves are acknowledged as git does."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ObjectId
from treehold.protocol.fetch_request import DEFAULT_LIMITS, AckMode, FetchLimits, FetchRequest
from treehold.protocol.filter_spec import FilterSpec
from treehold.protocol.pktline import DELIM_PKT, FLUSH_PKT, encode
from treehold.protocol.upload_pack import UploadRequestDecoder, acknowledge, encode_request, encode_shallow_update

HEX = b"c5f3ca8809857030283e6198a78f709e9ce93860"
OID = ObjectId(bytes.fromhex(HEX.decode()))
A, B, C, D = (ObjectId(bytes([number]) * 20) for number in range(1, 5))

CLONE = (
    b"00a4want c5f3ca8809857030283e6198a78f709e9ce93860 multi_ack_detailed no-done side-band-64k thin-pack no-progress "
    b"ofs-delta deepen-since deepen-not agent=git/2.39.5\n"
    b"0032want 31f3a580c7197a8f198d0523a790cb29052be949\n00000009done\n"
)
DEEPEN = (
    b"00c0want daa1984f25b0653ff655e0e08228b3ed0aa59c02 multi_ack_detailed no-done side-band-64k deepen-relative "
    b"thin-pack no-progress include-tag ofs-delta deepen-since deepen-not agent=git/2.39.5\n"
    b"0034shallow c5f3ca8809857030283e6198a78f709e9ce93860000cdeepen 10000"
)
"""Both as git 2.39 sent them."""


def read(data: bytes, *, step: int = 1 << 20, limits: FetchLimits = DEFAULT_LIMITS) -> FetchRequest:
    decoder = UploadRequestDecoder(limits)
    for start in range(0, len(data), step):
        decoder.feed(memoryview(data)[start : start + step])
    return decoder.finish()


def want(capabilities: bytes = b"") -> bytes:
    return encode(b"want " + HEX + capabilities)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_clone_is_read(step: int) -> None:
    """Git's request for a clone comes apart into wants and capabilities."""
    assert read(CLONE, step=step) == FetchRequest(
        wants=(OID, ObjectId(bytes.fromhex("31f3a580c7197a8f198d0523a790cb29052be949"))),
        done=True,
        thin_pack=True,
        ofs_delta=True,
        no_progress=True,
        side_band=65520,
        ack_mode=AckMode.DETAILED,
        no_done=True,
        has_negotiated=True,
    )


@pytest.mark.parametrize("step", [1, 1000])
def test_question_for_shallow_lines_alone_is_read(step: int) -> None:
    """A body that ends with the wants asks for shallow lines and negotiates nothing."""
    request = read(DEEPEN, step=step)
    assert (request.shallow, request.deepen, request.deepen_relative) == (frozenset({OID}), 1, True)
    assert not request.has_negotiated
    assert acknowledge(request, [], ready=False) == (b"", False)


def test_haves_are_read_up_to_their_flush() -> None:
    """A round ends at its flush, and what follows it is not looked at."""
    data = want() + FLUSH_PKT + encode(b"have " + HEX) + FLUSH_PKT + b"anything"
    request = read(data)
    assert request == read(data, step=1)
    assert (request.haves, request.done, request.has_negotiated) == ((OID,), False, True)


@pytest.mark.parametrize("body", [b"", b"0000", b"0000" + want()])
def test_nothing_wanted_is_an_empty_request(body: bytes) -> None:
    """An empty body and a flush without wants ask for nothing."""
    assert read(body) == FetchRequest()
    assert encode_request(FetchRequest()) == FLUSH_PKT


@pytest.mark.parametrize(
    ("capabilities", "side_band"),
    [
        (b"", 0),
        (b" side-band", 1000),
        (b" side-band side-band-64k", 65520),
        (b" side-band-64k", 65520),
    ],
)
def test_larger_side_band_wins(capabilities: bytes, side_band: int) -> None:
    """Of two side-bands the larger is meant; without any the pack comes bare."""
    assert read(want(capabilities) + FLUSH_PKT).side_band == side_band


@pytest.mark.parametrize(
    ("capabilities", "ack_mode"),
    [
        (b"", AckMode.NONE),
        (b" multi_ack", AckMode.MULTI),
        (b" multi_ack multi_ack_detailed", AckMode.DETAILED),
    ],
)
def test_most_detailed_acknowledgments_win(capabilities: bytes, ack_mode: AckMode) -> None:
    """Of two ways to acknowledge the more detailed is meant."""
    assert read(want(capabilities) + FLUSH_PKT).ack_mode is ack_mode


def test_capabilities_of_later_wants_add_up() -> None:
    """Capabilities on a second want never take away those of the first."""
    data = want(b" side-band-64k multi_ack_detailed") + want(b" side-band multi_ack ofs-delta") + FLUSH_PKT
    request = read(data)
    assert (request.side_band, request.ack_mode, request.ofs_delta) == (65520, AckMode.DETAILED, True)


def test_filter_needs_its_capability() -> None:
    """A filter is taken from a client that asked for filters only."""
    assert read(want(b" filter") + encode(b"filter blob:none\n") + FLUSH_PKT).filter == FilterSpec(b"blob:none")
    with pytest.raises(MalformedMessage, match="filter capability"):
        read(want() + encode(b"filter blob:none\n") + FLUSH_PKT)


@pytest.mark.parametrize(
    "body",
    [
        want(),
        want() + b"00",
        want() + FLUSH_PKT + b"00",
        want() + FLUSH_PKT + encode(b"have " + HEX),
        want() + DELIM_PKT,
        want() + FLUSH_PKT + DELIM_PKT,
        want() + FLUSH_PKT + encode(b"want " + HEX),
        want() + encode(b"have " + HEX) + FLUSH_PKT,
        want() + encode(b"done") + FLUSH_PKT,
        want(b" object-format=sha256") + FLUSH_PKT,
        want() + encode(b"deepen 1") + encode(b"deepen-since 5") + FLUSH_PKT,
        encode(b"want x") + FLUSH_PKT,
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_malformed_request_is_refused(body: bytes, step: int) -> None:
    """Cut short, with a mark or a line where it does not belong, or contradicting itself: refused."""
    with pytest.raises(MalformedMessage):
        read(body, step=step)


def test_lines_are_limited() -> None:
    """The limits given are kept to while the body is still coming."""
    decoder = UploadRequestDecoder(FetchLimits(wants=0))
    with pytest.raises(LimitExceeded):
        decoder.feed(want())


def test_request_is_written_as_git_does() -> None:
    """An encoded request has the capabilities on its first want and reads back the same."""
    request = read(CLONE)
    assert encode_request(request) == CLONE.replace(b"00a4", b"007b").replace(
        b" deepen-since deepen-not agent=git/2.39.5", b""
    )
    assert read(encode_request(request)) == request
    assert read(encode_request(read(DEEPEN))) == read(DEEPEN)


def test_shallow_update_is_git_s() -> None:
    """Shallow and unshallow lines come without line feeds and end with a flush."""
    assert encode_shallow_update([OID], [OID]) == b"0034shallow " + HEX + b"0036unshallow " + HEX + b"0000"


def ack(oid: ObjectId, status: bytes = b"") -> bytes:
    return encode(b"ACK " + oid.hex().encode() + status + b"\n")


NAK = b"0008NAK\n"


def ask(ack_mode: AckMode, *haves: ObjectId, done: bool = False, no_done: bool = False) -> FetchRequest:
    return FetchRequest(wants=(OID,), haves=haves, ack_mode=ack_mode, done=done, no_done=no_done, has_negotiated=True)


def test_real_incremental_fetch_is_answered_alike() -> None:
    """Of an unknown and a common have with ``done``, git acknowledged the common one twice and sent the pack."""
    request = ask(AckMode.DETAILED, A, B, done=True, no_done=True)
    assert acknowledge(request, {B}, ready=True) == (ack(B, b" common") + ack(B), True)


@pytest.mark.parametrize("ack_mode", list(AckMode))
def test_nothing_common_is_a_nak(ack_mode: AckMode) -> None:
    """A round without anything common, or a clone, is answered NAK in every mode; readiness then means nothing."""
    assert acknowledge(ask(ack_mode, A), [], ready=True) == (NAK, False)
    assert acknowledge(ask(ack_mode, done=True), [], ready=False) == (NAK, True)


@pytest.mark.parametrize(
    ("request_", "ready", "lines", "pack_follows"),
    [
        (ask(AckMode.NONE, A, B, C), False, ack(A), False),
        (ask(AckMode.NONE, A, B, C, done=True), False, ack(A), True),
        (ask(AckMode.MULTI, A, B, C), False, ack(A, b" continue") + ack(B, b" continue") + NAK, False),
        (
            ask(AckMode.MULTI, A, B, C),
            True,
            ack(A, b" continue") + ack(B, b" continue") + ack(C, b" continue") + NAK,
            False,
        ),
        (
            ask(AckMode.MULTI, A, B, done=True),
            False,
            ack(A, b" continue") + ack(B, b" continue") + ack(B),
            True,
        ),
        (ask(AckMode.DETAILED, A, B, C), False, ack(A, b" common") + ack(B, b" common") + NAK, False),
        (
            ask(AckMode.DETAILED, A, B, C),
            True,
            ack(A, b" common") + ack(B, b" common") + ack(C, b" ready") + NAK,
            False,
        ),
        (
            ask(AckMode.DETAILED, A, B, C, no_done=True),
            True,
            ack(A, b" common") + ack(B, b" common") + ack(C, b" ready") + NAK + ack(B),
            True,
        ),
        (
            ask(AckMode.DETAILED, A, B, no_done=True),
            True,
            ack(A, b" common") + ack(B, b" common") + ack(B, b" ready") + NAK + ack(B),
            True,
        ),
        (ask(AckMode.DETAILED, A, B), True, ack(A, b" common") + ack(B, b" common") + ack(B, b" ready") + NAK, False),
        (
            ask(AckMode.DETAILED, A, C, B, no_done=True),
            True,
            ack(A, b" common") + ack(C, b" ready") + ack(B, b" common") + NAK + ack(B),
            True,
        ),
        (ask(AckMode.NONE, A, C), True, ack(A), False),
        (ask(AckMode.DETAILED, C, A, B), True, ack(A, b" common") + ack(B, b" common") + NAK, False),
        (
            ask(AckMode.DETAILED, A, C, done=True),
            True,
            ack(A, b" common") + ack(C, b" ready") + ack(A),
            True,
        ),
    ],
)
def test_haves_are_acknowledged_as_git_does(
    request_: FetchRequest, ready: bool, lines: bytes, pack_follows: bool
) -> None:
    """With A and B in the repo, each mode has its own lines, and the pack follows ``done`` or a promised ``ready``."""
    assert acknowledge(request_, {A, B, D}, ready=ready) == (lines, pack_follows)
