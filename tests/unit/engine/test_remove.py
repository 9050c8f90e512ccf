"""Tests of treehold.engine.remove."""

import shutil
from pathlib import Path

import pytest

from treehold.engine.remove import remove_folder


def test_a_folder_goes_with_all_in_it(tmp_path: Path) -> None:
    """Nothing is left, and a folder that is not there is no error."""
    folder = tmp_path / "repo"
    (folder / "objects" / "pack").mkdir(parents=True)
    (folder / "objects" / "pack" / "incoming").touch()
    remove_folder(folder)
    assert list(tmp_path.iterdir()) == []
    remove_folder(folder)


def test_a_thread_that_still_writes_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes to the folder while it is removed finds it no more."""
    folder = tmp_path / "repo"
    folder.mkdir()
    removing = shutil.rmtree

    def interrupted(path: Path, *, ignore_errors: bool) -> None:
        with pytest.raises(FileNotFoundError):
            (folder / "late").touch()
        removing(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    remove_folder(folder)
    assert list(tmp_path.iterdir()) == []
