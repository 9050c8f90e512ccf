import pytest

from tests.properties.pack_strategies import copy, encode_delta, encode_size, insert
from treehold.errors import LimitExceeded, RejectedPack
from treehold.packs.delta import apply_delta, delta_result_size, delta_sizes

BASE = bytes(range(256)) * 1000


def delta(result_size: int, *instructions: bytes, base_size: int = len(BASE)) -> bytes:
    """A delta with these instructions."""
    return encode_size(base_size) + encode_size(result_size) + b"".join(instructions)


def apply(data: bytes) -> bytes:
    """The delta's result on BASE."""
    return apply_delta(BASE, data, result_bytes_max=10**6)


def test_copies_and_inserts_are_joined() -> None:
    """Pieces of the base and new bytes come in the order of the instructions."""
    made = apply(delta(13, copy(3, 4), insert(b"hello"), copy(250_000, 4)))
    assert made == BASE[3:7] + b"hello" + BASE[250_000:250_004]


@pytest.mark.parametrize(
    ("instruction", "offset", "size"),
    [
        (b"\x80", 0, 0x10000),
        (b"\x90\x05", 0, 5),
        (b"\xa0\x02", 0, 0x200),
        (b"\xc0\x01", 0, 0x10000),
        (b"\x91\x07\x05", 7, 5),
        (b"\x92\x07\x05", 0x700, 5),
        (b"\x94\x01\x05", 0x10000, 5),
        (b"\xb1\x01\x02\x03", 1, 0x302),
    ],
)
def test_copies_leave_out_zero_bytes(instruction: bytes, offset: int, size: int) -> None:
    """Each flag of a copy brings its byte, and size 0 means 65,536."""
    assert apply(delta(size, instruction)) == BASE[offset : offset + size]


def test_an_empty_result_is_a_result() -> None:
    """A delta without instructions makes the empty object."""
    assert apply(delta(0)) == b""


def test_sizes_are_read_from_the_beginning() -> None:
    """The sizes and where the instructions begin come from the first bytes alone."""
    made = encode_delta(BASE, BASE + b"more")
    assert delta_sizes(made) == (256_000, 256_004, 6)
    assert delta_result_size(made[:20]) == 256_004


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "never ends"),
        (b"\x80", "never ends"),
        (b"\x80" * 30, "never ends"),
        (b"\x00", "never ends"),
        (delta(1, b"\x01a", base_size=5), "base of 5 bytes"),
        (delta(5, copy(len(BASE), 1)), "beyond"),
        (delta(5, copy(len(BASE) - 4, 5)), "beyond"),
        (delta(5, b"\x08\0\0\0\xff\x05"), "ends within"),
        (delta(5, b"\x05abcd"), "ends within"),
        (delta(5, b"\x91\x00"), "ends within"),
        (delta(5, b"\xff" + bytes(6)), "ends within"),
        (delta(5, b"\0"), "reserved"),
        (delta(5, copy(0, 4)), "size"),
        (delta(5, copy(0, 6)), "size"),
        (delta(5, copy(0, 5), insert(b"x")), "size"),
        (delta(5, copy(0, 0x10000), copy(0, 0x10000)), "size"),
    ],
)
def test_deltas_that_do_not_fit_are_refused(data: bytes, reason: str) -> None:
    """A delta that is cut off, reaches beyond its base or misses its size is refused."""
    with pytest.raises(RejectedPack, match=reason):
        apply(data)


def test_large_results_are_refused_before_they_are_made() -> None:
    """A result over the limit is refused by its announced size."""
    with pytest.raises(LimitExceeded, match="1000"):
        apply_delta(BASE, delta(1001), result_bytes_max=1000)
