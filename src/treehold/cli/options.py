"""Arguments and options that several verbs share."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Final, TypeVar

import typer

T = TypeVar("T")

ROWS: Final = 50
"""How many rows a list shows when nobody says."""

RepoArgument = Annotated[str, typer.Argument(metavar="REPO", help="The repo's name.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The new repo's name.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Refuse pushes.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many rows.")]
All = Annotated[bool, typer.Option("--all", help="All rows, however many.")]
Ref = Annotated[str | None, typer.Option(help="A branch, tag or commit. (default: HEAD)")]


def some(rows: Iterator[T], *, limit: int, is_all: bool) -> Iterator[T]:
    """The rows that were asked for; no page is fetched beyond them."""
    return rows if is_all else islice(rows, limit)
