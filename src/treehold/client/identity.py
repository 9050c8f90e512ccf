"""Whom the server sees behind an API token."""

from dataclasses import dataclass

from treehold.client import answers
from treehold.client.answers import Answer
from treehold.client.calls import Call
from treehold.client.errors import UnexpectedAnswer
from treehold.client.profile import find_profile


@dataclass(frozen=True, slots=True)
class Identity:
    """The account of an API token, and what the token allows there, in the server's words."""

    account: str
    roles: tuple[str, ...]


def identify(base_url: str | None = None, token: str | None = None, *, timeout: float = 60.0) -> Identity:
    """Ask the server whose token this is; raises ArtifactsError.

    >>> from treehold.client.identity import identify
    >>> identify().account
    'local'
    """
    from treehold.client.transport import BlockingLink  # noqa: PLC0415 - httpx is slow to load

    profile = find_profile(base_url, None, None, token)
    link = BlockingLink(profile.server_api, profile.token, timeout=timeout, retries=3)
    try:
        return link.run(membership())
    finally:
        link.close()


def membership() -> Call[Identity]:
    """Look at what the token has to do with its account."""

    def read(answer: Answer) -> Identity:
        found, _ = answers.read_listing(answer)
        if not found:
            raise UnexpectedAnswer("the answer tells of no account", "UNEXPECTED_ANSWER")
        return Identity(found[0].row("account").text("id"), found[0].texts("roles"))

    return Call("GET", "/memberships", read)
