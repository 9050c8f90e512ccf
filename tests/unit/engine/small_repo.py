"""A real engine without git or network, and a repo in it whose pushes are committed by hand."""

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.contract.catalog_samples import ACCOUNT, NOW, new_repo, new_token
from tests.wire.raw_git import Object, oid_of
from treehold.auth.names import NamePolicy
from treehold.catalog.base import NewPack, PushCommit, Ref, RefChange, RepoRow, RepoState
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.node import Node
from treehold.engine.pack_cache import INDEX_SUFFIX
from treehold.engine.view import RepoView, view_of
from treehold.ids import Milliseconds, ObjectId, RefName
from treehold.packs.build import build_pack
from treehold.store.local import LocalStore

MAIN = RefName(b"refs/heads/main")
NO_GIT = Path("/nonexistent/git")


@contextlib.asynccontextmanager
async def engine_in(folder: Path, *, limits: Limits | None = None, git: Path = NO_GIT) -> AsyncIterator[Engine]:
    """An engine over that folder; whatever needs git fails, unless the test brings one."""
    limits = limits or Limits()
    catalog = SqliteCatalog.open(folder / "catalog.sqlite3")
    store = LocalStore(folder / "store", entropy=os.urandom)
    node = Node.build(folder / "node", catalog=catalog, store=store, entropy=os.urandom, git=git, limits=limits)
    try:
        yield Engine(
            catalog=catalog,
            store=store,
            node=node,
            clock=lambda: Milliseconds(NOW),
            entropy=os.urandom,
            limits=limits,
            names=NamePolicy(),
            default_account=ACCOUNT,
            failpoint=lambda _: None,
        )
    finally:
        await node.indexes.close()
        await catalog.close()


@dataclass
class SmallRepo:
    """A repo of an engine."""

    engine: Engine
    row: RepoRow

    @classmethod
    async def make(cls, engine: Engine, name: str = "small") -> "SmallRepo":
        return cls(engine, await engine.catalog.create_repo(new_repo(name), new_token()))

    async def state(self) -> RepoState:
        return await self.engine.catalog.repo_state(self.row.id)

    async def view(self) -> RepoView:
        return await view_of(self.engine, await self.state())

    async def push(
        self,
        objects: Sequence[Object],
        refs: dict[bytes, ObjectId | Ref | None],
        *,
        preserves: bool = True,
        stored: bool = False,
    ) -> None:
        """Commit a pack of these objects, inline or in the store, with these new values of refs."""
        pack = await self._pack(objects, stored=stored) if objects else None
        await self.commit(pack, refs, preserves=preserves)

    async def commit(
        self, pack: NewPack | None, refs: dict[bytes, ObjectId | Ref | None] | None = None, *, preserves: bool = True
    ) -> None:
        """Commit a pack made by hand."""
        state = await self.state()
        changes = tuple(_change(state, RefName(name), value) for name, value in (refs or {}).items())
        await self.engine.catalog.commit_push(
            PushCommit(self.row.id, state.repo.generation, changes, pack, preserves, None, NOW)
        )

    async def grow(self, *lines: Sequence[Object], name: bytes = MAIN, stored: bool = False) -> None:
        """Push each line of objects in a push of its own; a branch follows their last commits."""
        for objects in lines:
            await self.push(objects, {name: oid_of(objects[-1])}, stored=stored)

    async def _pack(self, objects: Sequence[Object], *, stored: bool) -> NewPack:
        data, index = build_pack(objects)
        if not stored:
            return NewPack(len(index), len(data), index.encode(), data=data)
        key = f"packs/{os.urandom(8).hex()}.pack"
        await self.engine.store.put(key, data)
        await self.engine.store.put(key + INDEX_SUFFIX, index.encode())
        return NewPack(len(index), len(data), b"", key=key)


def _change(state: RepoState, name: RefName, value: ObjectId | Ref | None) -> RefChange:
    old = state.refs.get(name)
    new = Ref(value) if isinstance(value, bytes) else value
    return RefChange(name, old.oid if old else None, new)


def fake_git(folder: Path, script: str) -> Path:
    """A program to run in git's place: a shell script, in whose folder it may leave notes."""
    path = folder / "git"
    path.write_text(f"#!/bin/sh\nnotes={folder}\n{script}\n")
    path.chmod(0o700)
    return path
