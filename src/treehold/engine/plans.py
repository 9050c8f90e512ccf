"""The ways to make the pack that answers a fetch, and how each yields its bytes."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from treehold.catalog.base import PackRow, Ref
from treehold.engine.anchor import Anchor
from treehold.engine.context import Engine
from treehold.engine.git_dir import packed_refs
from treehold.engine.pack_cache import PIECE_BYTES
from treehold.engine.shallow import ShallowStep
from treehold.engine.view import RepoView
from treehold.engine.walk import Selection
from treehold.errors import CorruptStore
from treehold.ids import TAGS, ObjectId, RefName
from treehold.packs.concatenate import Concatenation, PackPart, concatenated_header
from treehold.packs.entry import PACK_HEADER_BYTES, PACK_TRAILER_BYTES
from treehold.packs.select import select_pack
from treehold.protocol.fetch_request import FetchRequest

_TRAILERS_KEPT: Final = 4096
_PACKS_IN_A_ROW: Final = 64


@dataclass(frozen=True, slots=True)
class Concatenated:
    """Stored packs one after the other. ``name`` says why that is the answer: ``whole`` or ``since``."""

    name: str
    packs: Sequence[PackRow]

    async def pieces(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        """The pack, in pieces; raises CorruptStore."""
        whole = Concatenation([PackPart(row.size_bytes, row.objects) for row in self.packs])
        yield whole.header
        key = self._key()
        known = engine.node.trailers.get(key)
        for count, row in enumerate(self.packs):
            if count % _PACKS_IN_A_ROW == _PACKS_IN_A_ROW - 1:
                await asyncio.sleep(0)  # let other requests in: small packs are one piece each
            async for piece in engine.node.packs.bodies(row):
                if known is None:
                    whole.feed(piece)
                yield piece
        if known is None:
            known = whole.trailer()
            _keep_trailer(engine, key, known)
        yield known

    def piece_sizes(self) -> Iterator[int]:
        """How many bytes each of the pieces has."""
        yield PACK_HEADER_BYTES
        for row in self.packs:
            whole, rest = divmod(PackPart(row.size_bytes, row.objects).body_bytes, PIECE_BYTES)
            yield from repeat(PIECE_BYTES, whole)
            if rest:
                yield rest
        yield PACK_TRAILER_BYTES

    def _key(self) -> bytes:
        """A name of fixed size for the list, which may be long."""
        return hashlib.sha256(b",".join(b"%d" % row.id for row in self.packs)).digest()


@dataclass(frozen=True, slots=True)
class Computed:
    """A pack that C Git makes over the materialised repo: right for every request."""

    view: RepoView
    request: FetchRequest
    wants: Sequence[ObjectId]
    haves: Sequence[ObjectId]
    shallow: ShallowStep
    name: str = "computed"

    async def pieces(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        """The pack, in pieces; raises NativeGitError, Unavailable, CorruptStore, StorageError.

        It comes by way of the node's answer cache, unless it might take too much of it.
        """
        if self.view.state.repo.size_bytes > engine.limits.answers_bytes_max // 4:
            source = self._compute(engine)
        else:
            source = engine.node.answers.pieces(self.key(), lambda: self._compute(engine))
        async with contextlib.aclosing(source) as pieces:
            async for piece in pieces:
                yield piece

    def key(self) -> str:
        """A name for the answer: all that it depends on."""
        digest = hashlib.sha256(b",".join(b"%d" % row.id for row in self.view.state.packs))
        digest.update(" ".join(self._arguments()).encode("ascii") + b"\n" + self._revisions())
        digest.update(packed_refs(self._tags() or {}))
        return digest.hexdigest()

    async def _compute(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        packs = self.view.state.packs
        async with (
            engine.node.repos.objects(packs) as objects,
            engine.node.git_dirs.bare(objects, self._tags()) as place,
            contextlib.aclosing(engine.node.native.stream(place, self._arguments(), stdin=self._revisions())) as stream,
        ):
            async for piece in stream:
                yield piece
                await asyncio.sleep(0)
            engine.node.indexes.want(self.view.state)

    def _tags(self) -> dict[RefName, Ref] | None:
        """C Git looks at the tags when the client wants those that point into what it gets."""
        if not self.request.include_tag:
            return None
        return {name: ref for name, ref in self.view.state.refs.items() if name.startswith(TAGS)}

    def _arguments(self) -> list[str]:
        arguments = ["pack-objects", "--revs", "--stdout", "-q"]
        if self.request.thin_pack:
            arguments.append("--thin")
        if self.shallow.boundary:
            arguments.append("--shallow")
        if self.request.ofs_delta:
            arguments.append("--delta-base-offset")
        if self.request.include_tag:
            arguments.append("--include-tag")
        if self.request.filter is not None:
            arguments.append(f"--filter={self.request.filter.text.decode('ascii')}")
        return arguments

    def _revisions(self) -> bytes:
        lines = [f"--shallow {oid.hex()}" for oid in sorted(self.shallow.boundary)]
        lines += [oid.hex() for oid in (*self.wants, *self.shallow.more_wants)]
        lines.append("--not")
        lines += [oid.hex() for oid in (*self.haves, *self.shallow.more_haves)]
        return "\n".join([*lines, "", ""]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Walked:
    """A pack of objects that a walk in this process has chosen, copied from the stored packs.

    With a ``key`` the node keeps it under that name in its answer cache, for whoever asks the same.
    """

    view: RepoView
    selection: Selection
    thin: bool
    key: str | None
    name: str = "walked"

    async def pieces(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        """The pack, in pieces; raises CorruptStore, StorageError."""
        source = self._made() if self.key is None else engine.node.answers.pieces(self.key, self._made)
        async with contextlib.aclosing(source) as pieces:
            async for piece in pieces:
                yield piece

    async def _made(self) -> AsyncGenerator[bytes | memoryview]:
        pack = memoryview(await asyncio.to_thread(self._pack))
        for start in range(0, len(pack), PIECE_BYTES):
            yield pack[start : start + PIECE_BYTES]

    def _pack(self) -> bytes:
        had = self.selection.had if self.thin else frozenset[ObjectId]()
        return b"".join(select_pack(self.view.stored, self.selection.chosen, had=had))


@dataclass(frozen=True, slots=True)
class Grown:
    """All of a repo that is not exact: what its refs reached at its anchor, made by ``base``, then the later packs.

    The base is the same for all forks that began there, so one of them pays for it. Objects that came later are in no
    pack before, and deltas rest on what may be seen, so both together are a sound pack.
    """

    base: "Computed | Walked"
    anchor: Anchor

    @property
    def name(self) -> str:
        """The base's, which is what there may be to do."""
        return self.base.name

    async def pieces(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        """The pack, in pieces; raises as the base does."""
        header = concatenated_header(self.anchor.objects)
        digest = hashlib.sha1(header, usedforsecurity=False)
        yield header
        async with contextlib.aclosing(self._bodies(engine)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                yield piece
        yield digest.digest()

    async def _bodies(self, engine: Engine) -> AsyncGenerator[bytes | memoryview]:
        expected = concatenated_header(len(self.anchor.reached))
        async with contextlib.aclosing(self.base.pieces(engine)) as pieces:
            async for piece in without_ends(pieces, header=expected):
                yield piece
        for row in self.anchor.later:
            async for piece in engine.node.packs.bodies(row):
                yield piece


async def without_ends(
    pieces: AsyncGenerator[bytes | memoryview], *, header: bytes
) -> AsyncGenerator[bytes | memoryview]:
    """A pack's entries: what is between its header and its trailer; raises CorruptStore for another header."""
    held = b""
    is_checked = False
    async for piece in pieces:
        held += piece
        if not is_checked and len(held) >= len(header):
            if not held.startswith(header):
                raise CorruptStore("a computed pack does not hold what its tips reach")
            held, is_checked = held[len(header) :], True
        if is_checked:
            passing, held = held[:-PACK_TRAILER_BYTES], held[-PACK_TRAILER_BYTES:]
            yield passing


def _keep_trailer(engine: Engine, key: bytes, trailer: bytes) -> None:
    engine.node.trailers[key] = trailer
    while len(engine.node.trailers) > _TRAILERS_KEPT:
        engine.node.trailers.popitem(last=False)


Plan = Concatenated | Grown | Walked | Computed
