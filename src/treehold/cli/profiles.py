"""Profiles: which server a user works with, and as whom, kept by ``treehold login`` in a file each."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from treehold.cli.failures import Refused, Status
from treehold.cli.private_files import read_private, remove_private, write_private

DEFAULT_NAME: Final = "default"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BASES_MAX: Final = 16
"""How many addresses of one server are remembered."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and the API token to show there alone. ``bases`` are other URLs by which it names its repos."""

    name: str
    url: str
    account: str
    namespace: str
    token: str = field(repr=False)
    bases: tuple[str, ...] = ()

    def knows(self, base: str) -> bool:
        """Whether repos of this server have URLs that begin so."""
        return base == self.url or base in self.bases

    def also_at(self, base: str) -> "Profile":
        """The same, which knows that URL too."""
        return self if self.knows(base) else replace(self, bases=(*self.bases, base)[-_BASES_MAX:])


class Profiles:
    """The profiles of a user, in a folder; all of it raises Refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Profile | None:
        """The profile of that name; None if there is none."""
        path = self._path(name)
        content = read_private(path)
        return None if content is None else _decode(name, content, path)

    def all(self) -> list[Profile]:
        """Every profile, by name."""
        names = sorted(path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem))
        return [found for found in map(self.find, names) if found is not None]

    def keep(self, profile: Profile) -> Path:
        """Write a profile, over an earlier one of its name; answers the file."""
        path = self._path(profile.name)
        fields = asdict(profile)
        del fields["name"]
        write_private(path, json.dumps(fields, indent=2).encode() + b"\n")
        return path

    def forget(self, name: str) -> bool:
        """Remove a profile; False if there was none."""
        return remove_private(self._path(name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Refused(f"{name!r} is no name of a profile", hint="use letters, digits, _ . -", status=Status.USAGE)
        return self._folder / f"{name}.json"


def _decode(name: str, content: bytes, path: Path) -> Profile:
    try:
        fields: dict[str, Any] = json.loads(content)
        url, account, namespace, token = (fields[key] for key in ("url", "account", "namespace", "token"))
        bases = tuple(fields.get("bases", []))
        if not all(isinstance(text, str) and text for text in (url, account, namespace, token, *bases)):
            raise TypeError
        return Profile(name, url, account, namespace, token, bases)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused(f"{path} is damaged", hint=f"`treehold --profile {name} login` writes it anew") from None
