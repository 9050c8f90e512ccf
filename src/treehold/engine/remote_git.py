"""C Git at work with a remote: what it has, and fetching that into a folder of its own.

These runs wait for other servers, so they have turns of their own and keep no client's fetch or push waiting.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.native import GitPlace
from treehold.engine.pack_anew import pack_anew
from treehold.engine.remote import Remote, remote_failure
from treehold.engine.remote_refs import RemoteRefs, parse_remote_refs
from treehold.engine.spool import PackSpool
from treehold.errors import LimitExceeded, NativeGitError, NotARepository
from treehold.ids import ObjectId, parse_oid
from treehold.protocol.fetch_request import DEFAULT_LIMITS

_PROBES_AT_ONCE: Final = 4
_LISTING_BYTES_MAX: Final = 64 << 20
"""What a remote may list: half a million refs, most of which are pull requests."""
_BOUNDARY_COMMITS_MAX: Final = DEFAULT_LIMITS.shallow
"""As many as a client of the repo may name when it fetches."""
_LINE_BYTES: Final = 41
_HEADER_BYTES: Final = 12
_FETCH: Final = (
    "fetch",
    "--stdin",
    "--progress",  # without it some servers are silent while they compute, and are taken for dead
    "--no-tags",
    "--update-shallow",  # or git takes nothing from a remote that lacks a part of its own history
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
)


class FetchedPack(PackSpool):
    """A pack that has come in a file already."""

    def __init__(self, path: Path) -> None:
        size_bytes = path.stat().st_size
        super().__init__(path, memory_bytes=0, bytes_max=size_bytes)
        self.size_bytes = size_bytes
        with path.open("rb") as file:
            self._header = file.read(_HEADER_BYTES)

    def in_memory(self) -> None:
        """It is not."""

    def file(self) -> Path:
        """The pack as a complete file."""
        return self.path


class RemoteGit:
    """Runs C Git for imports. Everything raises what :func:`~treehold.engine.remote.remote_failure` makes of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._node = engine.node
        self._limits = limits = engine.limits
        self._probes = engine.node.native.beside(
            replace(
                limits,
                native_processes=_PROBES_AT_ONCE,
                native_seconds=limits.import_probe_seconds,
                native_wait_seconds=limits.import_probe_seconds,
            )
        )
        self._fetches = engine.node.native.beside(
            replace(
                limits,
                native_processes=limits.import_processes,
                native_seconds=limits.import_seconds,
                native_wait_seconds=limits.import_seconds,
                native_queue=limits.import_queue,
            )
        )

    @contextlib.asynccontextmanager
    async def place(self, remote: Remote) -> AsyncIterator[GitPlace]:
        """An empty repository in which C Git may reach that remote, gone when the context ends."""
        settings = tuple(remote.settings(self._limits).items())
        async with self._node.repos.objects(()) as nothing, self._node.git_dirs.quarantine(nothing) as place:
            yield replace(place, alternate=None, settings=settings)

    async def list_refs(self, remote: Remote) -> RemoteRefs:
        """What the remote has; raises NotARepository, LimitExceeded, and as the class says."""
        async with self.place(remote) as place:
            listing = await self._listing(place, remote)
            found = await asyncio.to_thread(partial(parse_remote_refs, listing, refs_max=self._limits.refs_max))
            if not found.refs:
                await self._check_git(place, remote)
        return found

    async def _listing(self, place: GitPlace, remote: Remote) -> bytes:
        listing = bytearray()
        run = self._probes.stream(place, ["ls-remote", "--symref", str(remote.url)])
        try:
            async with contextlib.aclosing(run) as pieces:
                async for piece in pieces:
                    listing += piece
                    if len(listing) > _LISTING_BYTES_MAX:
                        raise LimitExceeded(f"the remote lists more than {_LISTING_BYTES_MAX} bytes of refs")
        except NativeGitError as error:
            raise remote_failure(error) from None
        return bytes(listing)

    async def _check_git(self, place: GitPlace, remote: Remote) -> None:
        """Tell an empty repository from a web page without line ends, which lists as nothing too.

        The first speaks protocol v2. An empty one on a server that does not is refused with the pages.
        """
        url = str(remote.url)
        run = self._probes.stream(place, ["remote-https", url, url], stdin=b"stateless-connect git-upload-pack\n")
        with contextlib.suppress(NativeGitError):
            async with contextlib.aclosing(run) as pieces:
                async for piece in pieces:
                    if piece.startswith(b"\n"):
                        return
        raise NotARepository("the remote is empty, or does not answer as a Git repository does", "/url")

    async def fetch(self, place: GitPlace, remote: Remote, found: RemoteRefs, *, depth: int | None = None) -> None:
        """Fetch what was found, by object ids and not by names: nothing newer comes, and no refs are written here.

        With a ``depth`` so many commits deep.
        """
        options = [] if depth is None else [f"--depth={depth}"]
        try:
            await self._fetches.output(place, [*_FETCH, *options, str(remote.url)], stdin=_lines(found))
        except NativeGitError as error:
            raise remote_failure(error) from None

    async def boundary(self, place: GitPlace) -> frozenset[ObjectId]:
        """The commits that were fetched without their parents; raises LimitExceeded, NativeGitError."""
        listed = await asyncio.to_thread(_read_boundary, place.git_dir / "shallow")
        if not listed:
            return frozenset()
        # the file names what the remote said, whether it came or not
        arguments = ["cat-file", "--batch-check=%(objecttype) %(objectname)"]
        checked = await self._node.native.output(replace(place, settings=()), arguments, stdin=listed)
        return frozenset(parse_oid(line[7:]) for line in checked.splitlines() if line.startswith(b"commit "))

    async def fetched(self, place: GitPlace, found: RemoteRefs) -> FetchedPack:
        """What was fetched, as one pack: that is how it comes, unless the remote is a mere folder of files."""
        packs = list((place.objects / "pack").glob("*.pack"))
        if len(packs) == 1 and all(len(path.name) != 2 for path in place.objects.iterdir()):
            return FetchedPack(packs[0])
        made, _ = await pack_anew(self._engine, replace(place, settings=()), "--revs", stdin=_lines(found))
        return FetchedPack(made)


def _read_boundary(path: Path) -> bytes:
    """What git has noted of the commits that it has without their parents."""
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return b""
    if size_bytes > _BOUNDARY_COMMITS_MAX * _LINE_BYTES:
        raise LimitExceeded(f"the remote's history is cut off at more than {_BOUNDARY_COMMITS_MAX} commits")
    return path.read_bytes()


def _lines(found: RemoteRefs) -> bytes:
    """The ids of all that was found, each once, for C Git to read."""
    return b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in set(found.refs.values()))
