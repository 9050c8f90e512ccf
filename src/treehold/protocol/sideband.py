"""Side-bands: pack data, progress and a fatal error multiplexed into one stream (gitprotocol-pack, "side-band").

Each packet's first payload byte names its band. A clone is gigabytes of band 1, so framing here never copies the data:
it answers small headers and slices to be written one after the other.
"""

from typing import Final

from treehold.errors import MalformedMessage
from treehold.protocol.pktline import LENGTH_BYTES, LINE_BYTES_MAX, Marker, decode_all, encode

BAND_DATA: Final = 1
BAND_PROGRESS: Final = 2
BAND_ERROR: Final = 3
"""A message on this band ends the conversation: the client shows it and fails."""

SIDE_BAND_BYTES: Final = 1000
"""Packet size of the old ``side-band`` capability."""
SIDE_BAND_64K_BYTES: Final = LINE_BYTES_MAX
"""Packet size of ``side-band-64k``, of v2, and of a push's report."""

KEEP_ALIVE: Final = b"0005\x01"
"""Band 1 with nothing in it: clients skip it, proxies see life."""

HEADER_BYTES: Final = LENGTH_BYTES + 1


def frame(band: int, data: bytes | memoryview, *, packet_bytes: int = SIDE_BAND_64K_BYTES) -> list[bytes | memoryview]:
    """Cut data into packets of at most ``packet_bytes`` on one band: headers and uncopied slices, in sending order.

    No data is no packet.
    """
    view = memoryview(data)
    step = packet_bytes - HEADER_BYTES
    full_header = _header(band, step)
    buffers: list[bytes | memoryview] = []
    for start in range(0, len(view), step):
        piece = view[start : start + step]
        buffers.append(full_header if len(piece) == step else _header(band, len(piece)))
        buffers.append(piece)
    return buffers


def frame_bytes(band: int, data: bytes | memoryview, *, packet_bytes: int = SIDE_BAND_64K_BYTES) -> bytes:
    """:func:`frame`, joined: for small data such as progress and reports."""
    return b"".join(frame(band, data, packet_bytes=packet_bytes))


def framed_length(data_bytes: int, *, packet_bytes: int = SIDE_BAND_64K_BYTES) -> int:
    """How many bytes :func:`frame` makes of that many: for a Content-Length."""
    packets = -(-data_bytes // (packet_bytes - HEADER_BYTES))
    return data_bytes + packets * HEADER_BYTES


def wrap_packets(packets: bytes) -> bytes:
    """Put complete packets on band 1, one by one, as v2's ``sideband-all`` asks; marks stay as they are."""
    return b"".join(
        packet.value if isinstance(packet, Marker) else encode(b"%c%b" % (BAND_DATA, packet))
        for packet in decode_all(packets)
    )


def split(packet: bytes) -> tuple[int, bytes]:
    """A received payload's band and data; raises MalformedMessage for a band that does not exist."""
    if not packet or packet[0] not in (BAND_DATA, BAND_PROGRESS, BAND_ERROR):
        raise MalformedMessage(f"not a side-band packet: {packet[:20]!r}")
    return packet[0], packet[1:]


def _header(band: int, data_bytes: int) -> bytes:
    return b"%04x%c" % (data_bytes + HEADER_BYTES, band)
