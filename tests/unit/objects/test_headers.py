import pytest

from treehold.errors import MalformedObject
from treehold.objects.headers import hex_at, join_headers, split_headers


def test_folded_values_are_unfolded_and_folded_again() -> None:
    """A value over several lines comes out without its folding spaces, and goes back with them."""
    data = b"a 1\ngpgsig BEGIN\n \n end\nb two words\n\nmessage\n\nmore"
    headers, message = split_headers(data)
    assert headers == [(b"a", b"1"), (b"gpgsig", b"BEGIN\n\nend"), (b"b", b"two words")]
    assert message == b"message\n\nmore"
    assert join_headers(headers, message) == data


@pytest.mark.parametrize(("data", "message"), [(b"a 1\n", None), (b"a 1\n\n", b"")])
def test_a_missing_message_is_not_an_empty_one(data: bytes, message: bytes | None) -> None:
    """Without the empty line the message is None, with it and nothing after it is empty."""
    headers, found = split_headers(data)
    assert found == message
    assert join_headers(headers, found) == data


def test_a_line_without_space_is_a_key() -> None:
    """A lone word is a key without a value."""
    assert split_headers(b"odd\n\n") == ([(b"odd", b"")], b"")


def test_nul_among_headers_is_refused() -> None:
    """A NUL byte in the headers is malformed, in the message it is not."""
    with pytest.raises(MalformedObject, match="nulInHeader"):
        split_headers(b"a \0\n\nmessage")
    assert split_headers(b"a 1\n\n\0")[1] == b"\0"


def test_ids_are_read_only_where_they_end() -> None:
    """Forty hex digits and a line end are an id; a digit less, another letter or no end are none."""
    digits = b"0123456789abcdefABCDEF" + b"0" * 18
    assert hex_at(b"x" + digits + b"\n", 1) == bytes.fromhex(digits.decode())
    assert hex_at(digits, 0) is None
    assert hex_at(digits[1:] + b"\n", 0) is None
    assert hex_at(b"g" * 40 + b"\n", 0) is None
    assert hex_at(b" " * 40 + b"\n", 0) is None
