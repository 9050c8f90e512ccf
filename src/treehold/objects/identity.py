"""Who made a commit or a tag, and when: ``Name <email> seconds +hhmm``."""

import re
from typing import Final, NamedTuple

from treehold.errors import MalformedObject

_IDENTITY: Final = re.compile(rb"([^<>\n]*)<([^<>\n]*)>(?: (-?[0-9]{1,19}))?(?: ([+-][0-9]{4}))?[^\n]*")


class Identity(NamedTuple):
    """A person at a moment: name and e-mail in the commit's own encoding, seconds since 1970 UTC, ``+hhmm``."""

    name: bytes
    email: bytes
    seconds: int
    timezone: bytes

    @property
    def offset_minutes(self) -> int:
        """How far the writer's clock was ahead of UTC."""
        minutes = int(self.timezone[1:3]) * 60 + int(self.timezone[3:5])
        return -minutes if self.timezone.startswith(b"-") else minutes


def parse_identity(line: bytes) -> Identity:
    """Read the value of an author, committer or tagger line; raises MalformedObject (missingEmail).

    A missing or unreadable date counts as the beginning of 1970 in UTC, as git log shows it: old histories have some.
    """
    match = _IDENTITY.fullmatch(line)
    if match is None:
        raise MalformedObject("missingEmail", "an author, committer or tagger line without an e-mail in <>")
    name, email, seconds, timezone = match.groups()
    return Identity(name.strip(b" "), email, int(seconds or 0), timezone or b"+0000")


def encode_identity(identity: Identity) -> bytes:
    """The line's value. The name and the e-mail must not hold ``<``, ``>`` or a line end."""
    return b"%b <%b> %d %b" % identity
