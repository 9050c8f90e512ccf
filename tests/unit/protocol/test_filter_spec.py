"""Filters are read, checked and spelled anew."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.protocol.filter_spec import parse_filter


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (b"blob:none", b"blob:none"),
        (b"blob:limit=0", b"blob:limit=0"),
        (b"blob:limit=1k", b"blob:limit=1024"),
        (b"blob:limit=2M", b"blob:limit=2097152"),
        (b"blob:limit=1g", b"blob:limit=1073741824"),
        (b"tree:0", b"tree:0"),
        (b"tree:007", b"tree:7"),
        (b"object:type=commit", b"object:type=commit"),
        (b"object:type=tag", b"object:type=tag"),
        (b"combine:blob:none", b"blob:none"),
        (b"combine:blob:none+tree:3", b"combine:blob:none+tree:3"),
        (b"combine:blob%3Anone+tree%3a3", b"combine:blob:none+tree:3"),
        (b"combine:combine%3Ablob%3Anone%2Btree%3A3+blob:none", b"combine:blob:none+tree:3"),
    ],
)
def test_known_filter_is_spelled_canonically(text: bytes, canonical: bytes) -> None:
    """Each filter that is offered has one spelling, combinations being flat and without repetition."""
    assert parse_filter(text).text == canonical
    assert parse_filter(canonical).text == canonical


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"blob",
        b"blob:none ",
        b"blob:limit=",
        b"blob:limit=-1",
        b"blob:limit=1t",
        b"blob:limit=9999999999999999999",
        b"blob:limit=9999999999999999g",
        b"tree:",
        b"tree:x",
        b"object:type=",
        b"object:type=note",
        b"object:commit",
        b"sparse:oid=main:patterns",
        b"sparse:path=patterns",
        b"combine:",
        b"combine:blob:none+",
        b"combine:sparse:oid=x",
        b"--upload-pack=x",
        b"\xff\x00",
    ],
)
def test_other_filter_is_refused_by_name(text: bytes) -> None:
    """What is not offered, sparse filters above all, is refused."""
    with pytest.raises(MalformedMessage, match="filter"):
        parse_filter(text)


def test_combinations_are_bounded() -> None:
    """Length, number of parts and nesting each have a limit."""
    with pytest.raises(LimitExceeded, match="bytes"):
        parse_filter(b"combine:" + b"blob:none+" * 1000)
    with pytest.raises(LimitExceeded, match="parts"):
        parse_filter(b"combine:" + b"+".join(b"tree:%d" % depth for depth in range(17)))
    with pytest.raises(LimitExceeded, match="nested"):
        parse_filter(b"combine:" * 5 + b"blob:none")
