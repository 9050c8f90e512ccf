"""``treehold login``, ``logout`` and ``whoami``: which server this user works with, and as whom."""

import getpass
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from treehold.cli.failures import Refused, Status, not_there
from treehold.cli.git_setup import set_up, take_down
from treehold.cli.profiles import DEFAULT_NAME, Profile
from treehold.cli.session import Session
from treehold.cli.settings import environment
from treehold.client.identity import identify
from treehold.client.profile import DEFAULT_ACCOUNT, DEFAULT_NAMESPACE, DEFAULT_URL, find_profile


def login(
    ctx: typer.Context,
    *,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the API token from stdin; ask nothing.")
    ] = False,
    git: Annotated[bool, typer.Option("--git", help="Let git find tokens for this server by itself.")] = False,
) -> None:
    """Keep a server, an account and an API token for later, after the server has accepted them."""
    session = Session.of(ctx)
    if not token_stdin and not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on", hint="give --token-stdin and the token", status=Status.USAGE)
    profile = _checked(_told(session) if token_stdin else _asked(session))
    path = session.profiles.keep(profile)
    if not _is_sheltered(profile.url):
        session.screen.say("the API token will cross the network unencrypted: https:// would hide it")
    if git:
        set_up(profile.url, profile.name, environment())
    told = {"profile": profile.name, "url": profile.url, "account": profile.account, "namespace": profile.namespace}
    session.screen.done(f"logged in to {profile.url} as {profile.account}; kept in {path}", told)


def logout(ctx: typer.Context) -> None:
    """Forget a profile, and the tokens that git was given through it. The API token itself stays good."""
    session = Session.of(ctx)
    name = session.named_profile or DEFAULT_NAME
    profile = _readable(session, name)
    if not session.profiles.forget(name):
        raise not_there(f"there is no profile {name!r}")
    if profile is not None:
        session.tokens.drop(lambda kept: (kept.name.url, kept.name.account) == (profile.url, profile.account))
        if not any(other.url == profile.url for other in session.profiles.all()):
            take_down(profile.url, environment())
    session.screen.done(f"forgot the profile {name}; its API token stays good until it is revoked", {"profile": name})


def whoami(ctx: typer.Context) -> None:
    """Show where the verbs work, and as whom."""
    session = Session.of(ctx)
    place = session.place
    identity = identify(place.url, place.token)
    session.screen.show(
        {
            "url": place.url,
            "account": identity.account,
            "namespace": place.namespace,
            "roles": identity.roles,
            "profile": None if place.profile is None else place.profile.name,
            "token_from": "profile" if session.around.token is None else "environment",
        }
    )


def _asked(session: Session) -> Profile:
    """What a person types; earlier answers are offered again."""
    name = session.named_profile or DEFAULT_NAME
    earlier = _readable(session, name)
    url = session.asked_url or typer.prompt("URL", default=earlier.url if earlier else DEFAULT_URL, err=True)
    usual = earlier.account if earlier else DEFAULT_ACCOUNT
    account = session.asked_account or typer.prompt("Account", default=usual, err=True)
    token = getpass.getpass("API token (not shown): ")
    namespace = session.asked_namespace or (earlier.namespace if earlier else DEFAULT_NAMESPACE)
    return Profile(name, url, account, namespace, token.strip())


def _told(session: Session) -> Profile:
    """What options and the environment say."""
    return Profile(
        session.named_profile or DEFAULT_NAME,
        session.asked_url or DEFAULT_URL,
        session.asked_account or DEFAULT_ACCOUNT,
        session.asked_namespace or DEFAULT_NAMESPACE,
        sys.stdin.readline().strip(),
    )


def _checked(profile: Profile) -> Profile:
    """The profile as the server accepts it; raises Refused, ArtifactsError."""
    if not profile.token:
        raise Refused("no API token was given", hint="`treehold admin token create` makes one", status=Status.USAGE)
    found = find_profile(profile.url, profile.account, profile.namespace, profile.token)
    identity = identify(found.base_url, profile.token)
    if identity.account != profile.account:
        raise Refused(
            f"the API token belongs to the account {identity.account!r}, not {profile.account!r}",
            hint=f"give --account {identity.account}",
            status=Status.NOT_ALLOWED,
            code="AUTHENTICATION_ERROR",
        )
    return Profile(profile.name, found.base_url, profile.account, profile.namespace, profile.token)


def _readable(session: Session, name: str) -> Profile | None:
    """A profile, if it can be trusted; one that cannot is about to go."""
    try:
        return session.profiles.find(name)
    except Refused:
        return None


def _is_sheltered(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"localhost", "::1"} or str(parts.hostname).startswith("127.")
