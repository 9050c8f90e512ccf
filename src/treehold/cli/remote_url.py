"""A repo's URL as git knows it, taken apart: ``<base>/git/[<account>/]<namespace>/<repo>.git``."""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = r"[A-Za-z0-9._~%-]+"
_REMOTE: Final = re.compile(
    rf"(?P<base>https?://[A-Za-z0-9._~%:\[\]-]+(?:/{_NAME})*)"
    rf"(?P<tail>/git/(?:{_NAME}/)?(?P<namespace>{_NAME})/(?P<repo>{_NAME}?))(?:\.git)?/?"
)


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """``base`` is the server's, as in a profile; ``tail`` is the rest without ``.git``."""

    base: str
    tail: str
    namespace: str
    repo: str


def parse_remote(url: str) -> RemoteUrl | None:
    """Take a URL apart; None if it is not of that form."""
    found = _REMOTE.fullmatch(url)
    return None if found is None else RemoteUrl(found["base"], found["tail"], found["namespace"], found["repo"])
