"""``treehold credential``: a credential helper of git, which mints short-lived repo tokens and keeps them for a while.

https://git-scm.com/docs/git-credential tells the form: lines ``key=value`` in, lines ``key=value`` out. Nothing is
said of servers that no profile knows, so that git goes on to its next helper.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Final, Literal

import typer

from treehold.cli.failures import Refused
from treehold.cli.profiles import Profile
from treehold.cli.remote_url import RemoteUrl, parse_remote
from treehold.cli.session import Place, Session
from treehold.cli.token_cache import KeptToken, RepoName
from treehold.client import NotFound

TTL_SECONDS: Final = 3600
_LINES_MAX: Final = 1000
_LINE_MAX: Final = 65536
"""Longest line of the protocol, in characters, as git itself has it."""


def credential(
    ctx: typer.Context,
    operation: Annotated[Literal["get", "store", "erase"], typer.Argument(help="What git asks for.")],
) -> None:
    """Answer git's questions for passwords; `treehold login --git` and `treehold clone` set it up."""
    session = Session.of(ctx)
    asked = read_question(sys.stdin.readline)
    remote = _remote_of(asked)
    if remote is None:
        if operation == "get":
            _hint_at_path(session, asked)
        return
    if operation == "erase":
        _erase(session, remote, asked.get("password"))
    elif operation == "get":
        found = _find(session, remote)
        if found is not None:
            sys.stdout.write(f"username=x\npassword={found.secret}\npassword_expiry_utc={found.expires_at}\n")


def read_question(read_line: Callable[[int], str]) -> dict[str, str]:
    """What git says of the credential that it wants, up to an empty line or the end; raises Refused."""
    asked: dict[str, str] = {}
    for _ in range(_LINES_MAX):
        line = read_line(_LINE_MAX).removesuffix("\n")
        if not line:
            return asked
        key, _, value = line.partition("=")
        asked[key] = value
    raise Refused("git does not speak like that")


def _remote_of(asked: dict[str, str]) -> RemoteUrl | None:
    parts = (asked.get("protocol"), asked.get("host"), asked.get("path"))
    return parse_remote("{}://{}/{}".format(*parts)) if all(parts) else None


def _hint_at_path(session: Session, asked: dict[str, str]) -> None:
    """Tell a person why there is no answer, where only the path is missing."""
    server = f"{asked.get('protocol')}://{asked.get('host')}"
    if "path" not in asked and any(_places(session, server)):
        key = f"credential.{server}.useHttpPath"
        session.screen.say(f"treehold: git did not say which repo; type: git config --global {key} true")


def _places(session: Session, base: str) -> Iterator[Place]:
    """Where a repo with such a URL may be, and whose token opens it."""
    if session.around.token is not None:
        place = session.place
        if base == place.url or (place.profile is not None and place.profile.knows(base)):
            yield place
    for profile in _profiles(session):
        if profile.knows(base):
            yield Place(profile.url, profile.account, profile.namespace, profile.token, profile)


def _profiles(session: Session) -> list[Profile]:
    if session.named_profile is None:
        return session.profiles.all()
    return [] if session.profile is None else [session.profile]


def _find(session: Session, remote: RemoteUrl) -> KeptToken | None:
    """A token that was kept, or a new one; None if no profile opens that repo."""
    for place in _places(session, remote.base):
        name = RepoName(place.url, place.account, remote.tail)
        found = session.tokens.find(name)
        if found is None:
            found = _mint(place, name, remote)
            if found is not None:
                session.tokens.keep(found)
        if found is not None:
            return found
    return None


def _mint(place: Place, name: RepoName, remote: RemoteUrl) -> KeptToken | None:
    """A new token; None if the repo of that URL is not in the place."""
    with replace(place, namespace=remote.namespace).artifacts() as artifacts:
        try:
            repo = artifacts.get(remote.repo)
        except NotFound:
            return None
        told = parse_remote(repo.remote)
        if told is None or told.tail != remote.tail:
            return None  # another account's, which has a repo of the same name
        made = repo.create_token("write", TTL_SECONDS)
    return KeptToken(name, made.id, made.plaintext.partition("?")[0], int(made.expires_at.timestamp()))


def _erase(session: Session, remote: RemoteUrl, secret: str | None) -> None:
    session.tokens.drop(lambda kept: kept.name.path == remote.tail if secret is None else kept.secret == secret)
