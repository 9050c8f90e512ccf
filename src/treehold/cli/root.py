"""The ``treehold`` command: all verbs joined, and how a run of it ends."""

import copy
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from treehold import __version__
from treehold.cli.clone import clone
from treehold.cli.credential import credential
from treehold.cli.failures import Failure, OutputClosed, Refused, Status, explain
from treehold.cli.login import login, logout, whoami
from treehold.cli.namespace import namespace
from treehold.cli.repo import repo
from treehold.cli.repo_reads import cat, log, ls
from treehold.cli.session import remember
from treehold.cli.token import token
from treehold.client import ArtifactsError

EVERYWHERE = "Before or behind any verb"

app = typer.Typer(help="Versioned file trees that speak Git.", no_args_is_help=True, pretty_exceptions_enable=False)
for verb in (log, cat, ls):
    repo.command()(verb)
app.add_typer(repo, name="repo", no_args_is_help=True)
app.add_typer(namespace, name="namespace", no_args_is_help=True)
app.add_typer(token, name="token", no_args_is_help=True)
app.command(context_settings={"ignore_unknown_options": True})(clone)
app.command()(credential)
app.command()(login)
app.command()(logout)
app.command()(whoami)


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if is_asked:
        typer.echo(__version__)
        raise typer.Exit


def _everywhere(option: str, told: str) -> Any:
    return typer.Option(option, callback=remember, help=told, rich_help_panel=EVERYWHERE)


@app.callback()
def root(
    *,  # no argument of a verb may have the name of one of these
    with_profile: Annotated[str | None, _everywhere("--profile", "Which profile. (TREEHOLD_PROFILE)")] = None,
    with_url: Annotated[str | None, _everywhere("--url", "The server. (TREEHOLD_URL)")] = None,
    with_account: Annotated[str | None, _everywhere("--account", "The account. (TREEHOLD_ACCOUNT_ID)")] = None,
    with_namespace: Annotated[str | None, _everywhere("--namespace", "The namespace. (TREEHOLD_NAMESPACE)")] = None,
    with_json: Annotated[bool, _everywhere("--json", "Print JSON.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Versioned file trees that speak Git."""


class Elsewhere(TyperCommand):
    """A verb of another house, which is loaded when it is called."""

    def __init__(self, name: str, told: str, load: Callable[[], Any]) -> None:
        super().__init__(name=name, callback=None, help=told, rich_help_panel="The operator's side")
        self._load = load

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """The context of the verb itself, which takes over from here."""
        return self._load().make_context(*arguments, **more)


def run(arguments: Sequence[str], *elsewhere: Elsewhere) -> int:
    """Run a verb; the status to end with."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names a terminal cannot show
    try:
        ended = _joined(*elsewhere).main(args=list(arguments), prog_name="treehold", standalone_mode=False)
    except OutputClosed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        return Status.OUTPUT_CLOSED
    except (KeyboardInterrupt, typer.Abort):
        return Status.INTERRUPTED
    except Refused as error:
        return _fail(error.failure, arguments)
    except ArtifactsError as error:
        return _fail(explain(error), arguments)
    except typer.TyperException as error:
        return _fail(_usage(error), arguments)
    return ended if isinstance(ended, int) else Status.DONE


def _joined(*elsewhere: Elsewhere) -> TyperGroup:
    """All verbs; those of this house take the root's options too."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    shared = [copy.copy(option) for option in group.params if getattr(option, "rich_help_panel", None) == EVERYWHERE]
    for option in shared:
        option.expose_value = False
    _give(group, shared)
    for verb in elsewhere:
        group.add_command(verb)
    return group


def _give(group: TyperGroup, shared: list[Any]) -> None:
    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            _give(command, shared)
        else:
            command.params.extend(shared)


def _usage(error: typer.TyperException) -> Failure:
    where = getattr(getattr(error, "ctx", None), "command_path", "treehold")
    message = error.format_message().strip().removesuffix(".")
    return Failure(message, f"see `{where} --help`", Status(error.exit_code), "USAGE")


def _fail(failure: Failure, arguments: Sequence[str]) -> int:
    if failure.message:
        sys.stderr.write((failure.document() if "--json" in arguments else failure.line()) + "\n")
    return failure.status
