"""What the operator's verbs share: their options, how they run on the data folder, and how they fail."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from treehold.errors import TreeholdError
from treehold.ids import Milliseconds
from treehold.server import startup
from treehold.server.settings import Settings

T = TypeVar("T")

DataDir = Annotated[Path | None, typer.Option(help="Folder of all data. (default: ./data)")]


def settings_with(**options: str | int | Path | None) -> Settings:
    """The settings, with the options that were given; ends the command when they are bad."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise failure(TreeholdError(f"bad settings: {problems}")) from None


def run_deed(deed: Coroutine[None, None, T]) -> T:
    """What the deed answers; ends the command when it fails."""
    try:
        return asyncio.run(deed)
    except TreeholdError as error:
        raise failure(error) from None


def failure(error: TreeholdError) -> typer.Exit:
    """Say what is wrong; the exit to raise."""
    typer.echo(startup.explain(error), err=True)
    return typer.Exit(1)


def when(at: Milliseconds) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
