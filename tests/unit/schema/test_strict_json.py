"""Twin of treehold.schema.strict_json."""

import pytest

from treehold.errors import InvalidInput
from treehold.schema.strict_json import KEY_SHOWN_MAX, parse_json_object


def test_an_object_is_read() -> None:
    """A plain object comes back as a dict, its nested values with it."""
    assert parse_json_object(b'{"a": [1, {"b": null}], "\xc3\xa9": true}') == {"a": [1, {"b": None}], "é": True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1} x',
        b"name=x",
        b'{"a": "\x00"}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[]",
        b"null",
        b'"name"',
        b"1",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"\\ud800": 1, "\\ud800": 2}',
    ],
)
def test_anything_else_is_the_senders_mistake(body: bytes) -> None:
    """What is not one JSON object with distinct keys raises InvalidInput without a pointer."""
    with pytest.raises(InvalidInput) as raised:
        parse_json_object(body)
    assert raised.value.pointer is None
    str(raised.value).encode("utf-8")


def test_a_long_doubled_key_is_shown_in_part() -> None:
    """A message repeats only the beginning of a key that a stranger chose."""
    key = b"k" * 10_000
    with pytest.raises(InvalidInput, match="more than once") as raised:
        parse_json_object(b'{"' + key + b'": 1, "' + key + b'": 2}')
    assert len(str(raised.value)) < KEY_SHOWN_MAX + 60


def test_lone_surrogates_pass() -> None:
    """A lone surrogate is left for the models to refuse."""
    assert parse_json_object(b'{"a": "\\ud800"}') == {"a": "\ud800"}
