"""Capability lists: what one side offers and the other asks for (gitprotocol-capabilities).

In v0 and v1 they are words after a NUL or a want, in v2 one line each. A word is ``name`` or ``name=value``; a name may
come more than once (``symref``, ``server-option``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from treehold.errors import LimitExceeded, MalformedMessage

CAPABILITIES_MAX: Final = 1024
"""Words taken in one list. Git 2.39 offers some 20; a repo with many symrefs repeats ``symref``."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A capability list in the order it came; ``entries`` are the words as they stand, values included."""

    entries: tuple[bytes, ...] = ()

    def has(self, name: bytes) -> bool:
        """Whether the name is there, with a value or without."""
        with_value = name + b"="
        return any(entry == name or entry.startswith(with_value) for entry in self.entries)

    def value(self, name: bytes) -> bytes | None:
        """The first value of that name; None when it is absent or comes bare."""
        return next(iter(self.values(name)), None)

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """All values of that name, in order."""
        with_value = name + b"="
        return tuple(entry.removeprefix(with_value) for entry in self.entries if entry.startswith(with_value))


NO_CAPABILITIES: Final = Capabilities()


def parse_capabilities(text: bytes, *, count_max: int = CAPABILITIES_MAX) -> Capabilities:
    """Read a list of words separated by blanks; raises LimitExceeded for more than ``count_max``."""
    entries = tuple(word for word in text.removesuffix(b"\n").split(b" ") if word)
    if len(entries) > count_max:
        raise LimitExceeded(f"more than {count_max} capabilities")
    return Capabilities(entries)


def encode_capabilities(entries: Iterable[bytes]) -> bytes:
    """Join words with blanks; one that holds a blank, NUL or line feed is our own mistake: ValueError."""
    words = tuple(entries)
    text = b" ".join(words)
    if not all(words) or text.count(b" ") >= max(1, len(words)) or b"\0" in text or b"\n" in text:
        raise ValueError(f"not a capability, among {words!r}")
    return text


def require_sha1(capabilities: Capabilities) -> None:
    """Raises MalformedMessage when the other side speaks of another hash than SHA-1, the only one kept here."""
    for algorithm in capabilities.values(b"object-format"):
        if algorithm != b"sha1":
            raise MalformedMessage(f"object format {algorithm[:40]!r} is not supported, only sha1")
