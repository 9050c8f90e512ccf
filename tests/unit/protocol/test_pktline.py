"""Packets are cut out of any stream, however it is fed, and nothing else is taken for one."""

import pytest

from treehold.errors import MalformedMessage
from treehold.protocol.pktline import (
    DELIM_PKT,
    FLUSH_PKT,
    LINE_BYTES_MAX,
    NEED_MORE,
    PAYLOAD_BYTES_MAX,
    RESPONSE_END_PKT,
    Marker,
    NeedMore,
    Packet,
    PktDecoder,
    chomp,
    decode_all,
    encode,
)


def decode_fed(data: bytes, step: int) -> list[Packet]:
    decoder = PktDecoder()
    packets: list[Packet] = []
    for start in range(0, len(data), step):
        decoder.feed(memoryview(data)[start : start + step])
        while (packet := decoder.next()) is not NEED_MORE:
            packets.append(packet)
    return packets


def test_payload_is_preceded_by_its_length() -> None:
    """The length counts its own four digits."""
    assert encode(b"hello\n") == b"000ahello\n"


def test_longest_payload_fits() -> None:
    """A packet of exactly the longest length is encoded and decoded."""
    packet = encode(b"x" * PAYLOAD_BYTES_MAX)
    assert len(packet) == LINE_BYTES_MAX
    assert decode_all(packet) == [b"x" * PAYLOAD_BYTES_MAX]


def test_too_long_payload_is_our_mistake() -> None:
    """A payload longer than a packet holds is a ValueError and not an error of the asker."""
    with pytest.raises(ValueError, match="65516"):
        encode(b"x" * (PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
def test_packets_come_out_whatever_the_pieces(step: int) -> None:
    """Payloads, an empty payload and the three marks are told apart, fed byte by byte or whole."""
    data = b"0006a\n" + DELIM_PKT + b"0004" + b"0009done\n" + FLUSH_PKT + RESPONSE_END_PKT
    assert decode_fed(data, step) == [b"a\n", Marker.DELIM, b"", b"done\n", Marker.FLUSH, Marker.RESPONSE_END]


def test_upper_case_length_digits_are_read() -> None:
    """Hex digits of either case are a length, as git reads them."""
    assert decode_all(b"000Ahello\n") == [b"hello\n"]


@pytest.mark.parametrize("digits", [b"0003", b"fff1", b"ffff", b"zzzz", b"+00a", b"0x0a", b" 00a", b"0_0a", b"00 a"])
def test_false_length_is_refused(digits: bytes) -> None:
    """A length that means nothing, is too large, or is spelled as Python's int would also take it is refused."""
    decoder = PktDecoder()
    decoder.feed(digits)
    with pytest.raises(MalformedMessage):
        decoder.next()


def test_nothing_fed_needs_more() -> None:
    """A decoder that was fed nothing, or part of a packet, asks for more and keeps what it has."""
    decoder = PktDecoder()
    assert decoder.next() is NeedMore.NEED_MORE
    decoder.feed(b"000ahel")
    assert decoder.next() is NEED_MORE
    assert decoder.buffered == 7


def test_rest_is_what_was_not_consumed() -> None:
    """After the last packet the unconsumed bytes are handed over once."""
    decoder = PktDecoder()
    decoder.feed(FLUSH_PKT + b"PACK....")
    assert decoder.next() is Marker.FLUSH
    assert decoder.take_rest() == b"PACK...."
    assert decoder.take_rest() == b""
    assert decoder.buffered == 0


def test_consumed_bytes_are_dropped() -> None:
    """A long stream does not pile up behind the reader."""
    decoder = PktDecoder()
    packet = encode(b"x" * 40_000)
    for _ in range(50):
        decoder.feed(packet)
        assert decoder.next() == b"x" * 40_000
    assert len(decoder._buffer) < 4 * len(packet)


def test_cut_message_is_refused_by_decode_all() -> None:
    """A message that ends inside a packet is not a message."""
    with pytest.raises(MalformedMessage, match="inside a packet"):
        decode_all(b"000ahel")


@pytest.mark.parametrize(
    ("payload", "text"), [(b"done\n", b"done"), (b"done", b"done"), (b"a\n\n", b"a\n"), (b"", b"")]
)
def test_one_line_feed_is_chomped(payload: bytes, text: bytes) -> None:
    """A line loses one line feed if it has one."""
    assert chomp(payload) == text
