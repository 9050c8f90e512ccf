"""Throw-away repository folders: what C Git needs beside objects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from treehold.catalog.base import Ref
from treehold.engine.native import GitPlace
from treehold.engine.remove import remove_folder
from treehold.errors import StorageError
from treehold.ids import Entropy, ObjectId, RefName

_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


class GitDirs:
    """Makes bare repository folders under ``folder``, one for each request that runs git."""

    def __init__(self, folder: Path, *, entropy: Entropy) -> None:
        self._folder = folder
        self._entropy = entropy
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.asynccontextmanager
    async def bare(
        self,
        objects: Path,
        refs: Mapping[RefName, Ref] | None = None,
        *,
        shallow: frozenset[ObjectId] = frozenset(),
    ) -> AsyncIterator[GitPlace]:
        """A repository over those objects, with those refs and that boundary, gone when the context ends.

        Raises StorageError.
        """
        git_dir = self._folder / self._entropy(12).hex()
        try:
            _lay_out(git_dir, ("refs",), {"packed-refs": packed_refs(refs or {}), "shallow": _lines(shallow)})
            yield GitPlace(git_dir=git_dir, objects=objects)
        finally:
            remove_folder(git_dir)

    @contextlib.asynccontextmanager
    async def quarantine(
        self, borrowed: Path, *, shallow: frozenset[ObjectId] = frozenset()
    ) -> AsyncIterator[GitPlace]:
        """A repository with that boundary whose own objects begin empty and which may read those of ``borrowed``.

        Raises StorageError.
        """
        git_dir = self._folder / self._entropy(12).hex()
        try:
            _lay_out(git_dir, ("refs", "objects/pack", "objects/info"), {"shallow": _lines(shallow)})
            yield GitPlace(git_dir=git_dir, objects=git_dir / "objects", alternate=borrowed)
        finally:
            await asyncio.to_thread(remove_folder, git_dir)


def _lay_out(git_dir: Path, folders: Iterable[str], files: Mapping[str, bytes]) -> None:
    try:
        for name in folders:
            (git_dir / name).mkdir(parents=True, mode=0o700)
        (git_dir / "HEAD").write_bytes(b"ref: refs/heads/main\n")
        (git_dir / "config").write_bytes(_CONFIG)
        for name, content in files.items():
            if content:
                (git_dir / name).write_bytes(content)
    except OSError as error:
        raise StorageError(f"cannot make a folder for git: {error.strerror}") from error


def _lines(oids: Iterable[ObjectId]) -> bytes:
    return b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in sorted(oids))


def packed_refs(refs: Mapping[RefName, Ref]) -> bytes:
    """The content of a ``packed-refs`` file, nothing without refs."""
    if not refs:
        return b""
    lines = [b"# pack-refs with: peeled fully-peeled sorted \n"]
    for name in sorted(refs):
        ref = refs[name]
        lines.append(b"%s %s\n" % (ref.oid.hex().encode("ascii"), name))
        if ref.peeled is not None:
            lines.append(b"^%s\n" % ref.peeled.hex().encode("ascii"))
    return b"".join(lines)
