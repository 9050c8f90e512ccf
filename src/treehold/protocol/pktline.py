"""Pkt-lines: the envelopes in which every Git message travels (gitprotocol-common).

Four hex digits give the length of the whole packet, themselves included, and the payload follows. Lengths below four
carry no payload and are marks of their own: flush ends a message, delim a section, response-end a stateless answer.
The three are three values here, because v2 gives each another meaning.
"""

import binascii
from enum import Enum
from typing import Final

from treehold.errors import MalformedMessage


class Marker(Enum):
    """A packet without payload; the value is its form on the wire."""

    FLUSH = b"0000"
    DELIM = b"0001"
    RESPONSE_END = b"0002"


class NeedMore(Enum):
    """What an incremental decoder answers until it has been fed enough."""

    NEED_MORE = "need more"


Packet = bytes | Marker
"""One decoded packet: a payload, which may be empty, or a mark."""

NEED_MORE: Final = NeedMore.NEED_MORE
FLUSH_PKT: Final = Marker.FLUSH.value
DELIM_PKT: Final = Marker.DELIM.value
RESPONSE_END_PKT: Final = Marker.RESPONSE_END.value

LENGTH_BYTES: Final = 4
LINE_BYTES_MAX: Final = 65520
"""Longest packet, its four length digits included; the protocol's own figure."""
PAYLOAD_BYTES_MAX: Final = LINE_BYTES_MAX - LENGTH_BYTES

_MARKERS: Final = {0: Marker.FLUSH, 1: Marker.DELIM, 2: Marker.RESPONSE_END}
_COMPACT_BYTES: Final = 65536
"""Consumed bytes are dropped once they are this many and half of the buffer: each byte is then moved at most once."""


def encode(payload: bytes) -> bytes:
    """Wrap a payload of at most 65,516 bytes as one packet; a longer one is our own mistake: ValueError."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a packet holds {PAYLOAD_BYTES_MAX} bytes, not {len(payload)}")
    return b"%04x%b" % (len(payload) + LENGTH_BYTES, payload)


def chomp(payload: bytes) -> bytes:
    """A text line without the one line feed that it may end with; senders should add it, receivers must not ask it."""
    return payload.removesuffix(b"\n")


class PktDecoder:
    """Cuts a stream, fed in pieces of any size, into packets; linear in the bytes fed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0  # everything before it is consumed

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet consumed."""
        return len(self._buffer) - self._offset

    def feed(self, data: bytes | memoryview) -> None:
        """Add the next piece of the stream."""
        if self._offset >= _COMPACT_BYTES and self._offset * 2 >= len(self._buffer):
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    def next(self) -> Packet | NeedMore:
        """The next packet, or NEED_MORE; raises MalformedMessage for a length that is none."""
        start = self._offset + LENGTH_BYTES
        if len(self._buffer) < start:
            return NEED_MORE
        length = _packet_length(self._buffer[self._offset : start])
        if length < LENGTH_BYTES:
            self._offset = start
            return _MARKERS[length]
        end = self._offset + length
        if len(self._buffer) < end:
            return NEED_MORE
        self._offset = end
        return bytes(self._buffer[start:end])

    def take_rest(self) -> bytes:
        """Everything fed and not consumed, and forget it: where the packets end, a pack begins."""
        rest = bytes(self._buffer[self._offset :])
        self._buffer.clear()
        self._offset = 0
        return rest


def decode_all(data: bytes) -> list[Packet]:
    """Cut a complete message into its packets; raises MalformedMessage when it ends inside one."""
    decoder = PktDecoder()
    decoder.feed(data)
    packets = []
    while (packet := decoder.next()) is not NEED_MORE:
        packets.append(packet)
    if decoder.buffered:
        raise MalformedMessage("the message ends inside a packet")
    return packets


def _packet_length(digits: bytearray) -> int:
    """Read the four digits. Not by ``int(digits, 16)``, which also takes ``+``, ``_``, ``0x`` and blanks: a length
    that two readers see differently lets a sender hide one message in another."""
    try:
        length = int.from_bytes(binascii.unhexlify(digits))
    except binascii.Error:
        raise MalformedMessage(f"not a packet length: {bytes(digits)!r}") from None
    if length == 3 or length > LINE_BYTES_MAX:
        raise MalformedMessage(f"no packet is {length} bytes long")
    return length
