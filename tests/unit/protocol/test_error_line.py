"""Refusals are one safe line."""

import pytest

from treehold.protocol.error_line import encode_error, one_line


def test_error_is_one_packet() -> None:
    """The message follows the word ERR."""
    assert encode_error("access denied") == b"0015ERR access denied"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("two\nlines\r\n", b"two lines"),
        ("\x1b[31mred\x1b[0m", b"[31mred [0m"),
        ("nul\0 and \u2028 separator", b"nul and separator"),
        ("lone \udcff surrogate", b"lone surrogate"),
        ("käse", "käse".encode()),
        ("", b"unspecified"),
        ("\n\n", b"unspecified"),
    ],
)
def test_only_printable_text_gets_through(message: str, line: bytes) -> None:
    """Line feeds, escapes and other controls become single blanks."""
    assert one_line(message, bytes_max=100) == line


def test_long_message_is_cut_between_characters() -> None:
    """A message is cut to its bytes without leaving half a character."""
    assert one_line("é" * 100, bytes_max=5) == "éé".encode()
    assert len(encode_error("x" * 100_000)) == 4 + 4 + 1000
