"""``treehold repo``: make, list, look at, change, delete, fork and import repos."""

import sys
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from treehold.cli.failures import Refused, Status, not_there
from treehold.cli.options import ROWS, All, Description, Limit, NewNameArgument, ReadOnly, RepoArgument, some
from treehold.cli.progress import counted, waiting
from treehold.cli.screen import record_of
from treehold.cli.session import Session
from treehold.client import KEEP, Artifacts, NotFound, Repo
from treehold.client.calls import PAGE_ROWS

repo = typer.Typer(help="Repos of the namespace.")

COLUMNS = ("name", "status", "default_branch", "last_push_at", "read_only", "description")
_IMPORT_SECONDS_MAX = 24 * 3600.0


@repo.command()
def create(
    ctx: typer.Context,
    name: NewNameArgument,
    *,
    description: Description = None,
    default_branch: Annotated[str | None, typer.Option(help="Its first branch. (default: main)")] = None,
    read_only: ReadOnly = False,
) -> None:
    """Create an empty repo. Prints its remote and, this once, a write token for a day."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        made = artifacts.create(name, description=description, read_only=read_only, default_branch=default_branch)
    session.screen.show(record_of(made))


@repo.command("list")
def list_repos(
    ctx: typer.Context,
    *,
    search: Annotated[str | None, typer.Option(help="Only names with this in them.")] = None,
    sort: Annotated[
        Literal["created_at", "updated_at", "last_push_at", "name"], typer.Option(help="What they are ordered by.")
    ] = "created_at",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order round.")] = False,
    limit: Limit = ROWS,
    is_all: All = False,
) -> None:
    """List repos: the newest first, or by name."""
    session = Session.of(ctx)
    direction: Literal["asc", "desc"] = "asc" if (sort == "name") != reverse else "desc"
    listing = _Listing()
    with session.artifacts() as artifacts:
        size = PAGE_ROWS if is_all else min(limit, PAGE_ROWS)
        rows = listing.rows(artifacts, size, search, sort=sort, direction=direction)
        chosen = counted(
            session.screen, "listing", some(rows, limit=limit, is_all=is_all), lambda: listing.wanted(limit, is_all)
        )
        session.screen.show_rows(COLUMNS, (record_of(row) for row in chosen))
    if listing.total > limit and not is_all and not session.screen.as_json:
        session.screen.say(f"{limit} of {listing.total} repos; --all shows all")


@repo.command()
def get(ctx: typer.Context, name: RepoArgument) -> None:
    """Show a repo."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        session.screen.show(record_of(artifacts.get(name)))


@repo.command()
def update(
    ctx: typer.Context,
    name: RepoArgument,
    *,
    description: Annotated[str | None, typer.Option(help="What it is for; '' takes it away.")] = None,
    default_branch: Annotated[str | None, typer.Option(help="The branch that HEAD means.")] = None,
    read_only: Annotated[bool | None, typer.Option("--read-only/--read-write", help="Refuse or take pushes.")] = None,
) -> None:
    """Change what is given of a repo, and show it."""
    if description is None and default_branch is None and read_only is None:
        raise Refused("nothing to change", hint="see `treehold repo update --help`", status=Status.USAGE)
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        told = KEEP if description is None else description or None
        changed = artifacts.get(name).update(description=told, default_branch=default_branch, read_only=read_only)
        session.screen.show(record_of(changed))


@repo.command()
def delete(
    ctx: typer.Context,
    name: RepoArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a repo, its history and its tokens. Asks before on a terminal."""
    session = Session.of(ctx)
    if not yes and sys.stdin.isatty() and not typer.confirm(f"Delete {name} and all its history?", err=True):
        raise Refused(f"{name} was not deleted")
    with session.artifacts() as artifacts:
        if not artifacts.delete(name):
            raise not_there(f"there is no repo {name!r}", hint="`treehold repo list` shows what is there")
    place = session.place
    session.tokens.drop(
        lambda kept: kept.name.url == place.url and kept.name.path.endswith(f"/{place.namespace}/{name}")
    )
    session.screen.done(f"deleted {name}", {"name": name, "deleted": True})


@repo.command()
def fork(
    ctx: typer.Context,
    name: RepoArgument,
    new_name: NewNameArgument,
    *,
    description: Description = None,
    read_only: ReadOnly = False,
    default_branch_only: Annotated[bool, typer.Option("--default-branch-only", help="Take no other refs.")] = False,
) -> None:
    """Make an independent copy of a repo."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts, waiting(session.screen, f"forking {name}"):
        made = artifacts.get(name).fork(
            new_name, description=description, read_only=read_only, default_branch_only=default_branch_only
        )
    session.screen.show(record_of(made, "token"))


@repo.command("import")
def import_repo(  # noqa: PLR0913 - each is something that can be said of an import
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="Where it is now, https://…")],
    name: NewNameArgument,
    *,
    branch: Annotated[str | None, typer.Option(help="Only this branch.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Only so many commits deep.")] = None,
    description: Description = None,
    read_only: ReadOnly = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End while it is still being imported.")] = False,
) -> None:
    """Copy a repo from another server, and wait until it is there. Ctrl-C cancels the import."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        artifacts.import_(url, name=name, branch=branch, depth=depth, description=description, read_only=read_only)
        begun = artifacts.get(name)
        session.screen.show(record_of(begun if no_wait else _await_import(session, artifacts, begun)))


def _await_import(session: Session, artifacts: Artifacts, begun: Repo) -> Repo:
    """The repo when it is ready; raises Refused when the import failed."""
    try:
        with waiting(session.screen, f"importing {begun.name}"):
            return begun.wait_until_ready(_IMPORT_SECONDS_MAX)
    except NotFound:
        raise Refused(
            f"the import of {begun.name} failed, and nothing was kept",
            hint="`treehold admin maintenance status` tells the server's operator why",
        ) from None
    except KeyboardInterrupt:
        session.screen.say(f"cancelling: {begun.name} is being deleted")
        artifacts.delete(begun.name)
        raise


class _Listing:
    """Repos page by page, and how many there are in all."""

    def __init__(self) -> None:
        self.total = 0

    def wanted(self, limit: int, is_all: bool) -> int:  # noqa: FBT001 - as the option is
        """How many rows will come."""
        return self.total if is_all else min(limit, self.total)

    def rows(
        self,
        artifacts: Artifacts,
        size: int,
        search: str | None,
        *,
        sort: Literal["created_at", "updated_at", "last_push_at", "name"],
        direction: Literal["asc", "desc"],
    ) -> Iterator[Repo]:
        """The repos."""
        cursor = None
        while True:
            page = artifacts.list(limit=size, cursor=cursor, search=search, sort=sort, direction=direction)
            self.total = page.total
            yield from page.repos
            cursor = page.cursor
            if cursor is None:
                return
