"""Short-lived repo tokens for git, kept until shortly before their end in files that only their user may read."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from treehold.cli.failures import Refused
from treehold.cli.private_files import read_private, remove_private, write_private

MARGIN_SECONDS: Final = 300
"""A token is no longer handed out this long before its end: one push asks several times, between which it packs."""


@dataclass(frozen=True, slots=True)
class RepoName:
    """A repo of a server, as an account's token opens it; ``path`` is that of its URL, without ``.git``."""

    url: str
    account: str
    path: str


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A write token of a repo, without its hint. ``expires_at`` is in seconds since 1970."""

    name: RepoName
    id: str
    secret: str = field(repr=False)
    expires_at: int

    def is_good(self, now: float) -> bool:
        """Whether it can be handed out at that time."""
        return self.expires_at - MARGIN_SECONDS > now


class TokenCache:
    """The tokens of a user. All of it can be thrown away, so a file that cannot be trusted counts as none."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock

    def find(self, name: RepoName) -> KeptToken | None:
        """A token that can be handed out."""
        kept = _read(self._path(name))
        return kept if kept is not None and kept.name == name and kept.is_good(self._clock()) else None

    def keep(self, token: KeptToken) -> None:
        """Keep a token, and let go of those that have ended."""
        now = self._clock()
        self.drop(lambda kept: not kept.is_good(now))
        write_private(self._path(token.name), json.dumps(asdict(token)).encode())

    def drop(self, is_meant: Callable[[KeptToken], bool]) -> int:
        """Let go of the tokens of which ``is_meant`` is true, and of what cannot be read; how many there were."""
        files = [path for path in self._folder.glob("*.json") if (kept := _read(path)) is None or is_meant(kept)]
        return sum(remove_private(path) for path in files)

    def _path(self, name: RepoName) -> Path:
        told = json.dumps(asdict(name), sort_keys=True).encode()
        return self._folder / f"{hashlib.sha256(told).hexdigest()[:32]}.json"


def _read(path: Path) -> KeptToken | None:
    try:
        content = read_private(path)
        fields = json.loads(content or b"")
        return KeptToken(RepoName(**fields["name"]), fields["id"], fields["secret"], int(fields["expires_at"]))
    except (Refused, ValueError, TypeError, KeyError):
        return None
