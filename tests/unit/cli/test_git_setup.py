"""What git's configuration gets."""

import sys
from pathlib import Path

import pytest

from treehold.cli.git_setup import helper_settings


def command(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_helper_is_for_one_url_and_replaces_wider_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty helper comes first, ours second, and git is to tell the path."""
    monkeypatch.setattr(sys, "argv", [command(tmp_path / "bin" / "treehold")])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert helper_settings("http://h", "default") == (
        ("credential.http://h.helper", ""),
        ("credential.http://h.helper", "!treehold credential"),
        ("credential.http://h.useHttpPath", "true"),
    )
    assert helper_settings("http://h", "other")[1][1] == "!treehold --profile other credential"


def test_the_helper_is_found_where_the_path_does_not_lead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command beside the PATH is named in full, quoted for the shell, and a module by its Python."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "argv", [command(tmp_path / "my bin" / "treehold")])
    assert helper_settings("http://h", "default")[1][1] == f"!'{tmp_path}/my bin/treehold' credential"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "__main__.py")])
    assert helper_settings("http://h", "default")[1][1] == f"!{sys.executable} -m treehold credential"
