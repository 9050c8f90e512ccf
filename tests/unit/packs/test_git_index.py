from hashlib import sha1

import pytest

from treehold.errors import CorruptStore
from treehold.ids import ObjectId
from treehold.packs.git_index import from_git_index, to_git_index
from treehold.packs.index import PackIndex

ROWS = [
    (ObjectId(b"\x00" + b"a" * 19), 1, 12),
    (ObjectId(b"\x07" + b"b" * 19), 2**32 - 1, 2**31 - 1),
    (ObjectId(b"\x07" + b"c" * 19), 3, 2**31),
    (ObjectId(b"\xff" + b"d" * 19), 4, 2**40),
]
TRAILER = b"t" * 20


def seal(body: bytes) -> bytes:
    """Add the checksum that fits."""
    return body + sha1(body).digest()


@pytest.mark.parametrize("count", range(5))
def test_indexes_round_trip(count: int) -> None:
    """An index survives the way through git's form, large offsets included."""
    index = PackIndex.build(ROWS[:count])
    assert list(from_git_index(to_git_index(index, TRAILER)).entries()) == ROWS[:count]


def test_the_form_is_that_of_git() -> None:
    """Magic, fan-out, columns, table of large offsets and both checksums are where git has them."""
    data = to_git_index(PackIndex.build(ROWS), TRAILER)
    assert data.startswith(b"\xfftOc\0\0\0\2")
    assert [int.from_bytes(data[8 + 4 * n : 12 + 4 * n]) for n in (0, 6, 7, 254, 255)] == [1, 1, 3, 3, 4]
    assert data[1032 : 1032 + 80] == b"".join(oid for oid, _, _ in ROWS)
    assert data[1128:1144].hex(" ", 4) == "0000000c 7fffffff 80000000 80000001"
    assert data[1144:1160].hex(" ", 8) == "0000000080000000 0000010000000000"
    assert data[1160:1180] == TRAILER
    assert data == seal(data[:-20])


def test_damaged_indexes_are_corrupt() -> None:
    """Another magic, a wrong checksum, another length, a row outside the table and an object twice are refused."""
    good = to_git_index(PackIndex.build(ROWS), TRAILER)[:-20]
    broken = [
        b"",
        b"\xfftOc\0\0\0\1" + good[8:],
        seal(good)[:-1] + b"x",
        seal(good + b"\0"),
        seal(good[:1100] + TRAILER),
        seal(good[:1144] + TRAILER),
        seal(good[:1032] + 2 * good[1032:1052] + good[1072:]),
    ]
    for data in broken:
        with pytest.raises(CorruptStore):
            from_git_index(data)
