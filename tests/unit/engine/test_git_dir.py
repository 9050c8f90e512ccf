"""Throw-away repository folders."""

import os
from pathlib import Path

import pytest

from treehold.catalog.base import Ref
from treehold.engine.git_dir import GitDirs, packed_refs
from treehold.errors import StorageError
from treehold.ids import ObjectId, RefName

A, B = ObjectId(b"\xaa" * 20), ObjectId(b"\xbb" * 20)


async def test_a_folder_is_gone_with_its_context(tmp_path: Path) -> None:
    """A bare folder is there with its refs while it is used, and nothing of it after."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    refs = {RefName(b"refs/tags/v1"): Ref(A, B)}
    async with dirs.bare(tmp_path / "objects", refs) as place:
        assert (place.git_dir / "packed-refs").read_bytes() == packed_refs(refs)
        assert (place.git_dir / "HEAD").exists()
        assert place.objects == tmp_path / "objects"
    assert list((tmp_path / "git").iterdir()) == []


async def test_a_folder_is_gone_when_its_user_fails(tmp_path: Path) -> None:
    """Nothing is left behind by whoever fails while using it."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    for context in (dirs.bare(tmp_path), dirs.quarantine(tmp_path)):
        with pytest.raises(RuntimeError):
            async with context:
                raise RuntimeError
    assert list((tmp_path / "git").iterdir()) == []


async def test_folders_are_each_ones_own(tmp_path: Path) -> None:
    """Two at once share nothing; a folder without refs has no file of them."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    async with dirs.bare(tmp_path) as one, dirs.bare(tmp_path, {}) as two:
        assert one.git_dir != two.git_dir
        assert not (one.git_dir / "packed-refs").exists()
        assert not (two.git_dir / "packed-refs").exists()


async def test_a_quarantine_has_objects_of_its_own(tmp_path: Path) -> None:
    """What a push brings goes beside the objects that it may borrow."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    async with dirs.quarantine(tmp_path / "lent") as place:
        assert place.alternate == tmp_path / "lent"
        assert place.objects.is_relative_to(place.git_dir)
        (place.objects / "pack" / "something").write_bytes(b"x")
    assert list((tmp_path / "git").iterdir()) == []


async def test_a_folder_tells_where_history_ends(tmp_path: Path) -> None:
    """The commits without parents are listed in a file of git's; without any there is none."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    for context in (
        dirs.bare(tmp_path, shallow=frozenset({B, A})),
        dirs.quarantine(tmp_path, shallow=frozenset({A, B})),
    ):
        async with context as place:
            assert (place.git_dir / "shallow").read_bytes() == b"aa" * 20 + b"\n" + b"bb" * 20 + b"\n"
    for context in (dirs.bare(tmp_path), dirs.quarantine(tmp_path)):
        async with context as place:
            assert not (place.git_dir / "shallow").exists()


async def test_a_disk_that_fails_is_a_storage_error(tmp_path: Path) -> None:
    """When a folder cannot be made that is the storage's failure."""
    dirs = GitDirs(tmp_path / "git", entropy=os.urandom)
    (tmp_path / "git").rmdir()
    (tmp_path / "git").touch()
    for context in (dirs.bare(tmp_path), dirs.quarantine(tmp_path)):
        with pytest.raises(StorageError, match="cannot make a folder for git"):
            await context.__aenter__()


def test_packed_refs_are_sorted_and_peeled() -> None:
    """The file lists refs by name, each tag followed by what it peels to."""
    refs = {RefName(b"refs/tags/v1"): Ref(A, B), RefName(b"refs/heads/main"): Ref(B)}
    lines = packed_refs(refs).splitlines()
    assert lines[0].startswith(b"# pack-refs with: peeled fully-peeled sorted")
    assert lines[1:] == [b"bb" * 20 + b" refs/heads/main", b"aa" * 20 + b" refs/tags/v1", b"^" + b"bb" * 20]
