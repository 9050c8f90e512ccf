"""Decoders answer the same however they are fed, and to any bytes at all with a value or one of our own errors."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treehold.errors import RequestError
from treehold.protocol import fetch, ls_refs, object_info
from treehold.protocol.advertisement import decode_advertisement
from treehold.protocol.command import CommandDecoder
from treehold.protocol.filter_spec import parse_filter
from treehold.protocol.pktline import NEED_MORE, Marker, PktDecoder, encode
from treehold.protocol.receive_pack import PushRequestDecoder
from treehold.protocol.report_status import decode_report
from treehold.protocol.upload_pack import UploadRequestDecoder

HEX = b"c5f3ca8809857030283e6198a78f709e9ce93860"
ZERO = b"0" * 40

plausible_lines = st.sampled_from(
    [
        b"command=fetch",
        b"command=ls-refs\n",
        b"agent=git/2.39.5",
        b"object-format=sha1",
        b"object-format=sha256",
        b"want " + HEX,
        b"want " + HEX + b" side-band-64k multi_ack_detailed no-done filter\n",
        b"have " + HEX + b"\n",
        b"shallow " + HEX,
        b"deepen 1",
        b"deepen-since 5",
        b"deepen-not v1",
        b"filter blob:none",
        b"filter combine:tree:1+blob:limit=1k",
        b"want-ref refs/heads/main",
        b"want-ref nonsense",
        b"done\n",
        b"peel",
        b"ref-prefix refs/",
        b"size",
        b"oid " + HEX,
        HEX + b" " + ZERO + b" refs/heads/main",
        ZERO + b" " + HEX + b" refs/heads/new\0 report-status push-options",
        HEX + b" " + HEX + b" ..\n",
        b"push-cert\0x",
        b"unpack ok\n",
        b"ok refs/heads/main\n",
        b"ng refs/heads/main no\n",
        b"# service=git-upload-pack\n",
        b"version 2\n",
        HEX + b" HEAD\0symref=HEAD:refs/heads/main",
        HEX + b" refs/tags/v1^{}",
        b"unborn HEAD symref-target:refs/heads/main\n",
    ]
)
pieces = st.one_of(
    plausible_lines.map(encode),
    st.binary(max_size=40).map(encode),
    st.sampled_from(Marker).map(lambda marker: marker.value),
    st.binary(max_size=6),
)
bodies = st.lists(pieces, max_size=12).map(b"".join)


def read_command(feed_all: Callable[[Callable[[bytes], None]], None]) -> object:
    decoder = CommandDecoder()
    feed_all(decoder.feed)
    return decoder.result(), decoder.finish()


def read_fetch(feed_all: Callable[[Callable[[bytes], None]], None]) -> object:
    decoder = UploadRequestDecoder()
    feed_all(decoder.feed)
    return decoder.finish()


def read_push(feed_all: Callable[[Callable[[bytes], None]], None]) -> object:
    decoder = PushRequestDecoder()
    feed_all(decoder.feed)
    request = decoder.finish()
    return request, None if decoder.result() is NEED_MORE else decoder.take_rest()


def read_packets(feed_all: Callable[[Callable[[bytes], None]], None]) -> object:
    decoder = PktDecoder()
    feed_all(decoder.feed)
    packets: list[object] = []
    try:
        while (packet := decoder.next()) is not NEED_MORE:
            packets.append(packet)
    except RequestError as error:
        packets.append(str(error))
    return packets, decoder.take_rest()


def outcome(read: Callable[[Callable[[Callable[[bytes], None]], None]], object], parts: list[bytes]) -> object:
    """What reading gives: a value, or the error with its message. Any other error fails the test."""

    def feed_all(feed: Callable[[bytes], None]) -> None:
        for part in parts:
            feed(part)

    try:
        return read(feed_all)
    except RequestError as error:
        return type(error), str(error)


@pytest.mark.parametrize("read", [read_command, read_fetch, read_push, read_packets])
@given(body=bodies, cuts=st.lists(st.integers(0, 400), max_size=5))
def test_pieces_do_not_matter(
    read: Callable[[Callable[[Callable[[bytes], None]], None]], object], body: bytes, cuts: list[int]
) -> None:
    """Fed whole, byte by byte, or cut anywhere, a body has one outcome, and only our own errors come out."""
    whole = outcome(read, [body])
    bounds = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert outcome(read, [bytes([byte]) for byte in body]) == whole
    assert outcome(read, [body[start:end] for start, end in pairwise(bounds)]) == whole


@pytest.mark.parametrize(
    "decode", [decode_advertisement, ls_refs.decode_response, object_info.decode_response, decode_report, parse_filter]
)
@given(body=st.one_of(bodies, bodies.map(lambda body: body + b"0000"), st.binary()))
@example(body=b"0000")
def test_whole_messages_raise_only_our_errors(decode: Callable[[bytes], object], body: bytes) -> None:
    """Any bytes are a message or a RequestError."""
    try:
        decode(body)
    except RequestError:
        return


@pytest.mark.parametrize("decode", [fetch.decode_arguments, ls_refs.decode_arguments, object_info.decode_arguments])
@given(arguments=st.lists(plausible_lines | st.binary(max_size=40), max_size=6))
def test_arguments_raise_only_our_errors(decode: Callable[[list[bytes]], object], arguments: list[bytes]) -> None:
    """Any lines are arguments or a RequestError."""
    try:
        decode(arguments)
    except RequestError:
        return
