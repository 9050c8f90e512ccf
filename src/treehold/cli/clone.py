"""``treehold clone``: git clone with a token that lives for an hour, which is on no command line and on no disk."""

import signal
import subprocess
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from treehold.cli.failures import Refused, Status
from treehold.cli.git_setup import find_git, helper_settings
from treehold.cli.remote_url import RemoteUrl, parse_remote
from treehold.cli.session import Session
from treehold.cli.settings import environment
from treehold.client import Repo

TTL_SECONDS: Final = 3600


def clone(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="REPO", help="The repo's name.")],
    rest: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DIR] [GIT OPTIONS]", help="Where to, and what git clone takes, as --depth 1."),
    ] = None,
) -> None:
    """Clone a repo with git. Afterwards git asks `treehold credential` by itself, if you are logged in."""
    given = list(rest or [])
    if name.startswith("-"):
        raise Refused("the repo's name comes before git's options", status=Status.USAGE)
    folder = [given.pop(0)] if given and not given[0].startswith("-") else []
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        repo = artifacts.get(name)
        remote = _checked(repo.remote)
        variables = repo.git_env(scope="read", ttl=TTL_SECONDS, onto=environment())
    status = _run_git(
        ["clone", *_remembering(session, repo, remote.base), *given, "--", repo.remote, *folder], variables
    )
    if status != 0:
        raise Refused(f"git clone ended with status {status}", hint="git says above why")
    if session.place.profile is None and not session.screen.as_json:
        session.screen.say("git will ask for a token when it pushes: `treehold login` lets it find one by itself")
    session.screen.done(f"cloned {name}", {"name": repo.name, "remote": repo.remote, "cloned": True})


def _checked(url: str) -> RemoteUrl:
    """The remote taken apart; raises Refused for what no server of ours says: git runs programs for some URLs."""
    remote = parse_remote(url)
    if remote is None:
        raise Refused("the server names a remote that is no repo's URL", hint="is --url right?")
    return remote


def _remembering(session: Session, repo: Repo, base: str) -> list[str]:
    """Options by which the clone knows where its tokens come from."""
    profile = session.place.profile
    if profile is None:
        return []
    if not profile.knows(base):
        session.profiles.keep(profile.also_at(base))
    settings = helper_settings(repo.remote, profile.name)
    return [part for key, value in settings for part in ("--config", f"{key}={value}")]


def _run_git(arguments: list[str], variables: Mapping[str, str]) -> int:
    """Run git to its end; its status."""
    # git's own stdout is turned to stderr: what this command prints is for programs
    with subprocess.Popen(  # noqa: S603 - no shell; the token is in the variables
        [find_git(), *arguments], env=dict(variables), stdout=2
    ) as git:
        try:
            return git.wait()
        except KeyboardInterrupt:
            # from the keyboard git heard it too; either way it removes what it has begun, and that takes a moment
            git.send_signal(signal.SIGINT)
            git.wait()
            raise
