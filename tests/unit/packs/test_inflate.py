from zlib import compress, compressobj

import pytest

from treehold.errors import RejectedPack
from treehold.packs.inflate import inflate, inflate_beginning, inflate_pieces

DATA = bytes(range(256)) * 300


@pytest.mark.parametrize("data", [b"", b"a", DATA, b"x" * 10**6])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_streams_are_inflated_to_their_end(data: bytes, level: int) -> None:
    """The data comes out, and the end is where the stream ends, whatever follows."""
    stream = compress(data, level)
    view = memoryview(b"before" + stream + DATA)
    assert inflate(view, 6, len(view), len(data)) == (data, 6 + len(stream))


def test_streams_longer_than_expected_are_fed_on() -> None:
    """A stream of many empty blocks, far longer than its data, is read to its end."""
    writer = compressobj()
    stream = b"".join(writer.flush(2) for _ in range(500)) + b"".join(
        writer.compress(bytes([byte])) + writer.flush(3) for byte in range(100)
    )
    stream += writer.flush()
    assert inflate(memoryview(stream), 0, len(stream), 100) == (bytes(range(100)), len(stream))


@pytest.mark.parametrize("size", [0, 5, 10**6 - 1, 10**6 + 1, 2**40])
def test_another_size_is_refused(size: int) -> None:
    """Data that is longer or shorter than announced is refused."""
    stream = compress(b"x" * 10**6)
    with pytest.raises(RejectedPack, match="size"):
        inflate(memoryview(stream), 0, len(stream), size)


def test_a_stream_without_end_is_refused() -> None:
    """A stream that is cut off is refused, even if all its data is there."""
    stream = compress(DATA)
    for end in (0, 1, 10, len(stream) - 4, len(stream) - 1):
        with pytest.raises(RejectedPack, match="ends within"):
            inflate(memoryview(stream), 0, end, len(DATA))


def test_damaged_streams_are_refused() -> None:
    """A wrong checksum and bytes that are no stream are refused."""
    for stream in (compress(DATA)[:-1] + b"\xee", b"junk" * 9):
        with pytest.raises(RejectedPack, match="damaged"):
            inflate(memoryview(stream), 0, len(stream), len(DATA))


def test_the_beginning_is_enough() -> None:
    """The first bytes come out without the rest, and all of them when there are no more."""
    stream = compress(DATA)
    assert inflate_beginning(memoryview(stream), 0, len(stream), 20) == DATA[:20]
    short = compress(b"abc")
    assert inflate_beginning(memoryview(short), 0, len(short), 20) == b"abc"
    with pytest.raises(RejectedPack, match="damaged"):
        inflate_beginning(memoryview(b"junk"), 0, 4, 20)


@pytest.mark.parametrize("data", [b"", b"a", DATA, b"x" * 10**6])
@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("piece_bytes", [1000, 10**7])
def test_streams_come_in_pieces(data: bytes, level: int, piece_bytes: int) -> None:
    """All pieces together are the data, and none is empty or larger than asked for, whatever follows the stream."""
    view = memoryview(b"before" + compress(data, level) + DATA)
    pieces = list(inflate_pieces(view, 6, len(view), len(data), piece_bytes=piece_bytes))
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= piece_bytes for piece in pieces)


def test_pieces_of_a_wrong_stream_end_in_an_error() -> None:
    """Pieces of another size, cut off or damaged are refused in the end, and there are never too many."""
    stream = compress(DATA)
    wrong = [
        (stream, len(DATA) - 1, "size"),
        (stream, len(DATA) + 1, "size"),
        (stream[:-1], len(DATA), "ends within"),
        (b"", 0, "ends within"),
        (stream[:-1] + b"\xee", len(DATA), "damaged"),
        (b"junk" * 9, 10, "damaged"),
    ]
    for sent, size, match in wrong:
        given: list[bytes] = []
        with pytest.raises(RejectedPack, match=match):
            given.extend(inflate_pieces(memoryview(sent), 0, len(sent), size, piece_bytes=1000))
        assert sum(map(len, given)) <= size
