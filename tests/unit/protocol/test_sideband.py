"""Data is framed for a band without being copied, and its framed length is known beforehand."""

import pytest

from treehold.errors import MalformedMessage
from treehold.protocol.pktline import FLUSH_PKT, decode_all
from treehold.protocol.sideband import (
    BAND_DATA,
    BAND_ERROR,
    BAND_PROGRESS,
    KEEP_ALIVE,
    SIDE_BAND_BYTES,
    frame,
    frame_bytes,
    framed_length,
    split,
    wrap_packets,
)


def test_progress_is_framed_as_git_does() -> None:
    """A short message becomes one packet that begins with its band."""
    assert frame_bytes(BAND_PROGRESS, b"hi\n") == b"0008\x02hi\n"


def test_report_is_framed_as_git_does() -> None:
    """The answer of git 2.39's receive-pack to a deletion comes out byte for byte."""
    report = b"000eunpack ok\n0016ok refs/heads/new\n0000"
    assert frame_bytes(BAND_DATA, report) + FLUSH_PKT == (b"002d\x01000eunpack ok\n0016ok refs/heads/new\n00000000")


@pytest.mark.parametrize("size", [0, 1, 994, 995, 996, 1990, 1991, 5000])
def test_old_side_band_keeps_to_a_thousand_bytes(size: int) -> None:
    """No packet exceeds the 1,000 bytes of the old side-band, and nothing is lost."""
    data = bytes(index % 251 for index in range(size))
    framed = frame_bytes(BAND_DATA, data, packet_bytes=SIDE_BAND_BYTES)
    packets = [packet for packet in decode_all(framed) if isinstance(packet, bytes)]
    assert all(len(packet) + 4 <= SIDE_BAND_BYTES for packet in packets)
    assert b"".join(split(packet)[1] for packet in packets) == data
    assert framed_length(size, packet_bytes=SIDE_BAND_BYTES) == len(framed)


def test_large_data_is_not_copied() -> None:
    """The pieces to send are slices of the very buffer that was given."""
    data = bytearray(200_000)
    pieces = [buffer for buffer in frame(BAND_DATA, memoryview(data)) if isinstance(buffer, memoryview)]
    assert [len(piece) for piece in pieces] == [65515, 65515, 65515, 3455]
    assert all(piece.obj is data for piece in pieces)
    assert framed_length(200_000) == 200_000 + 4 * 5


def test_nothing_is_no_packet() -> None:
    """No data makes no packet; life is shown by a packet of its own."""
    assert frame(BAND_DATA, b"") == []
    assert framed_length(0) == 0
    assert decode_all(KEEP_ALIVE) == [b"\x01"]


@pytest.mark.parametrize("band", [BAND_DATA, BAND_PROGRESS, BAND_ERROR])
def test_band_and_data_are_split(band: int) -> None:
    """A received packet tells its band and its data."""
    assert split(bytes([band]) + b"data") == (band, b"data")


@pytest.mark.parametrize("packet", [b"", b"\x00x", b"\x04x", b"PACK"])
def test_unknown_band_is_refused(packet: bytes) -> None:
    """A packet on no known band is refused."""
    with pytest.raises(MalformedMessage):
        split(packet)


def test_every_packet_goes_on_band_one_for_sideband_all() -> None:
    """Lines are wrapped one by one and marks are left as they are."""
    assert wrap_packets(b"0008NAK\n0001000dpackfile\n") == b"0009\x01NAK\n0001000e\x01packfile\n"
