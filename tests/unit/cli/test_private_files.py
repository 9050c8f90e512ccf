"""Files that hold secrets."""

import os
from pathlib import Path

import pytest

from treehold.cli.failures import Refused
from treehold.cli.private_files import read_private, remove_private, write_private


def test_what_was_written_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    """File and folders are the user's own, whatever the umask, and nothing else is left in the folder."""
    path = tmp_path / "treehold" / "profiles" / "x.json"
    before = os.umask(0)
    try:
        write_private(path, b"one")
        write_private(path, b"two")
    finally:
        os.umask(before)
    assert read_private(path) == b"two"
    modes = [found.stat().st_mode & 0o777 for found in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_what_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of others is one too many, and the line to type is told."""
    path = tmp_path / "x.json"
    path.write_bytes(b"secret")
    path.chmod(mode)
    with pytest.raises(Refused) as caught:
        read_private(path)
    assert caught.value.failure.hint == f"type: chmod 600 {path}"


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Reading finds nothing, and removing says so."""
    assert read_private(tmp_path / "none") is None
    assert not remove_private(tmp_path / "none")


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    """A file in the place of a folder, and a folder in the place of a file, are told by their path."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for deed in (
        lambda: read_private(tmp_path / "folder"),
        lambda: read_private(tmp_path / "file" / "x"),
        lambda: write_private(tmp_path / "file" / "x", b""),
        lambda: write_private(tmp_path / "folder" / "inner", b""),
        lambda: remove_private(tmp_path / "folder"),
    ):
        with pytest.raises(Refused, match=str(tmp_path)):
            deed()
    assert not list((tmp_path / "folder").glob(".*"))
