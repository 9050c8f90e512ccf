"""``treehold namespace``: make, list, look at and delete namespaces."""

from typing import Annotated, Literal

import typer

from treehold.cli.failures import Refused, not_there
from treehold.cli.options import ROWS, All, Limit, some
from treehold.cli.screen import record_of
from treehold.cli.session import Session
from treehold.client import AlreadyExists

namespace = typer.Typer(help="Namespaces of the account.")

COLUMNS = ("namespace", "repo_count", "jurisdiction", "created_at")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The namespace's name.")]


@namespace.command()
def create(
    ctx: typer.Context,
    name: NameArgument,
    *,
    jurisdiction: Annotated[Literal["eu", "us"] | None, typer.Option(help="Where it may lie.")] = None,
) -> None:
    """Create an empty namespace. Creating a repo makes its namespace too."""
    session = Session.of(ctx)
    with session.place.namespaces() as namespaces:
        session.screen.show(record_of(namespaces.create(name, jurisdiction=jurisdiction)))


@namespace.command("list")
def list_namespaces(ctx: typer.Context, *, limit: Limit = ROWS, is_all: All = False) -> None:
    """List namespaces by name."""
    session = Session.of(ctx)
    with session.place.namespaces() as namespaces:
        rows = some(namespaces.iterate(), limit=limit, is_all=is_all)
        session.screen.show_rows(COLUMNS, (record_of(row) for row in rows))


@namespace.command()
def get(ctx: typer.Context, name: NameArgument) -> None:
    """Show a namespace."""
    session = Session.of(ctx)
    with session.place.namespaces() as namespaces:
        session.screen.show(record_of(namespaces.get(name)))


@namespace.command()
def delete(ctx: typer.Context, name: NameArgument) -> None:
    """Delete a namespace in which there are no repos."""
    session = Session.of(ctx)
    with session.place.namespaces() as namespaces:
        try:
            is_found = namespaces.delete(name)
        except AlreadyExists as error:
            hint = f"delete them first: `treehold --namespace {name} repo list`"
            raise Refused(f"there are still repos in {name}", hint=hint, code=error.code) from None
    if not is_found:
        hint = "`treehold namespace list` shows what is there"
        raise not_there(f"there is no namespace {name!r}", hint=hint)
    session.screen.done(f"deleted {name}", {"namespace": name, "deleted": True})
