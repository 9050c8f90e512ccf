"""How the verbs are joined, and how a run ends."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from treehold.cli.failures import Status
from treehold.cli.root import Elsewhere, app, run

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "command-line.md"


def verbs(group: Any, before: str = "treehold") -> list[str]:
    """All verbs in full."""
    found: list[str] = []
    for name, command in group.commands.items():
        inner = isinstance(command, TyperGroup)
        found += verbs(command, f"{before} {name}") if inner else [f"{before} {name}"]
    return found


def test_the_document_has_every_verb_and_status() -> None:
    """docs/command-line.md names each verb, and has a row for each status."""
    text = DOCUMENT.read_text()
    missing = [verb for verb in verbs(typer.main.get_command(app)) if f"`{verb}" not in text]
    assert not missing
    rows = {int(number) for number in re.findall(r"(?m)^\| (\d+) \|", text)}
    assert rows == {int(status) for status in Status}


def test_a_verb_of_another_house_is_loaded_when_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists it and loads nothing; a call loads it and hands it its arguments; its status is the run's."""
    loaded: list[str] = []
    other = typer.Typer()

    @other.command()
    def serve(port: int) -> None:
        loaded.append(f"served {port}")
        raise typer.Exit(7)

    def load() -> Any:
        loaded.append("loaded")
        return typer.main.get_command(other)

    assert run(["--help"], Elsewhere("serve", "Serve it.", load)) == 0
    assert "Serve it." in capsys.readouterr().out
    assert loaded == []
    assert run(["serve", "81"], Elsewhere("serve", "Serve it.", load)) == 7
    assert loaded == ["loaded", "served 81"]
    assert run(["serve", "x"], Elsewhere("serve", "Serve it.", load)) == Status.USAGE


@pytest.mark.parametrize("arguments", [("repo", "get"), ("nothing",), ("repo", "list", "--limit", "x"), ("--what",)])
def test_wrong_arguments(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 2, and one line says where help is; JSON if that was asked for."""
    assert run(arguments) == Status.USAGE
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "--help`" in said.err
    assert run((*arguments, "--json")) == Status.USAGE
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "USAGE"


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether a verb or a question is interrupted, the status is the same and nothing is said."""
    for kind in (KeyboardInterrupt, typer.Abort):
        other = typer.Typer()

        @other.command()
        def wait(kind: Any = kind) -> None:
            raise kind

        group = Elsewhere("wait", "Wait.", lambda other=other: typer.main.get_command(other))  # type: ignore[misc]
        assert run(["wait"], group) == Status.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed alone."""
    assert run(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)
