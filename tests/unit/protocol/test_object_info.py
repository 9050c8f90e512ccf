"""object-info tells sizes."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ObjectId
from treehold.protocol.object_info import (
    ObjectInfoRequest,
    decode_arguments,
    decode_response,
    encode_arguments,
    encode_response,
)

A, B = ObjectId(b"\xaa" * 20), ObjectId(b"\xbb" * 20)
HEX_A, HEX_B = b"aa" * 20, b"bb" * 20


def test_arguments_are_read() -> None:
    """The attribute and the ids are told apart, and written as they were read."""
    arguments = (b"size", b"oid " + HEX_A, b"oid " + HEX_B)
    assert decode_arguments(arguments) == ObjectInfoRequest((A, B), size=True)
    assert encode_arguments(ObjectInfoRequest((A, B), size=True)) == arguments
    assert encode_arguments(ObjectInfoRequest()) == ()


def test_known_and_unknown_objects_are_answered() -> None:
    """A size follows each id, and nothing follows the id of an object that is not there."""
    body = encode_response(ObjectInfoRequest((A, B), size=True), {A: 42})
    assert body == b"0008size002f" + HEX_A + b" 42002d" + HEX_B + b" 0000"
    assert decode_response(body) == {A: 42, B: None}


def test_answer_without_sizes_has_ids_alone() -> None:
    """Who does not ask for sizes is not told any."""
    body = encode_response(ObjectInfoRequest((A,)), {A: 42})
    assert body == b"002c" + HEX_A + b"0000"
    assert decode_response(body) == {A: None}


def test_nothing_asked_is_a_flush() -> None:
    """A request without ids has an empty answer, as git's has."""
    assert encode_response(ObjectInfoRequest(size=True), {}) == b"0000"


@pytest.mark.parametrize("argument", [b"type", b"oid x", b"oid"])
def test_malformed_argument_is_refused(argument: bytes) -> None:
    """Another attribute, or an id that is none, is refused."""
    with pytest.raises(MalformedMessage):
        decode_arguments([argument])


def test_ids_are_limited() -> None:
    """One more id than allowed is refused."""
    with pytest.raises(LimitExceeded, match="more than 1 objects"):
        decode_arguments([b"oid " + HEX_A] * 2, oids_max=1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"0008size",
        b"00010000",
        b"0005x0000",
        b"002e" + HEX_A + b" x0000",
        b"0042" + HEX_A + b" " + b"1" * 21 + b"0000",
    ],
)
def test_malformed_answer_is_refused(body: bytes) -> None:
    """Without its flush, with a mark inside, or with an id or size that is none: refused."""
    with pytest.raises(MalformedMessage):
        decode_response(body)
