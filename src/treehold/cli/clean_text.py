"""Text from elsewhere as a terminal may see it: names and messages can hold what moves the cursor or hides a line."""

import re
from typing import Final

_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the writing direction, and halves of characters, which cannot be written."""


def one_line(text: str) -> str:
    r"""The text in one line, what a terminal would obey shown as ``\x1b``; line ends and tabs become spaces."""
    return _UNSAFE.sub(_shown, " ".join(re.split(r"[\t\r\n]+", text.strip())))


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
