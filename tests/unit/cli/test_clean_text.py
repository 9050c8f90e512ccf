"""Text that a terminal may see."""

import pytest

from treehold.cli.clean_text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),
        (" two\r\n\tlines\n", "two lines"),
        ("\x1b]0;title\x07\x9b31m\x00", r"\x1b]0;title\x07\x9b31m\x00"),
        ("abc\u202etxt.exe", r"abc\u202etxt.exe"),
        ("bad-\udcff", r"bad-\udcff"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    """Letters of all languages stay; what moves a cursor, turns the direction or cannot be written is spelled out."""
    assert one_line(text) == shown
