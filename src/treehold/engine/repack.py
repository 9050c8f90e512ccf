"""Repack: a repo's packs become one that holds exactly what its refs reach, made by C Git.

That sets ``exact`` again after a force-push or a deletion, and lets go of what nobody reaches. The result is right for
one generation only: an object pushed meanwhile may rely on one that the repack leaves behind. So a repack that is
overtaken is thrown away and made again, the last time while this process holds back its pushes to the repo.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from treehold.catalog.base import NewPack, PackReplacement, RepoState
from treehold.engine.context import Engine
from treehold.engine.keep import keep_pack
from treehold.engine.maintenance import discarding_if_refused
from treehold.engine.pack_anew import pack_anew
from treehold.errors import Conflict
from treehold.ids import RepoId
from treehold.packs.index import PackIndex

_ATTEMPTS: Final = 3


async def repack(engine: Engine, repo: RepoId) -> str:
    """Repack a repo and say what was done; raises NativeGitError, Unavailable, StorageError, CatalogError,
    CorruptStore, NotFound."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(Conflict):
            return await _attempt(engine, await engine.catalog.repo_state(repo))
    async with engine.node.push_locks.holding(repo):
        try:
            return await _attempt(engine, await engine.catalog.repo_state(repo))
        except Conflict:
            return "given up: pushes keep coming"


async def _attempt(engine: Engine, state: RepoState) -> str:
    """Repack one generation; raises Conflict when the repo has moved on meanwhile."""
    if state.repo.exact or not state.packs:
        return "nothing to do"
    pack = await _computed(engine, state)
    engine.failpoint("repack.bytes-durable")
    replacement = PackReplacement(
        repo=state.repo.id,
        expected_generation=state.repo.generation,
        replaced=tuple(row.id for row in state.packs),
        pack=pack,
        exact=True,
        is_repack=True,
        now=engine.clock(),
    )
    async with discarding_if_refused(engine, pack):
        await engine.catalog.replace_packs(replacement)
    engine.failpoint("repack.committed")
    before = state.repo
    objects, size_bytes = (0, 0) if pack is None else (pack.objects, pack.size_bytes)
    return f"{before.object_count} objects in {before.size_bytes} bytes became {objects} in {size_bytes}"


async def _computed(engine: Engine, state: RepoState) -> NewPack | None:
    """A durable pack of all that the refs reach; None when there are no refs."""
    tips = {ref.oid for ref in state.refs.values()}
    if not tips:
        return None
    async with _packed(engine, state, b"".join(b"%s\n" % oid.hex().encode("ascii") for oid in tips)) as (made, index):
        return await keep_pack(engine, made, index, size_bytes=made.stat().st_size)


@contextlib.asynccontextmanager
async def _packed(engine: Engine, state: RepoState, tips: bytes) -> AsyncIterator[tuple[Path, PackIndex]]:
    """The pack that C Git makes, as a file of this node, and its index, for as long as the context lasts."""
    async with (
        engine.node.repos.objects(state.packs) as objects,
        engine.node.git_dirs.bare(objects, shallow=state.shallow) as place,
    ):
        yield await pack_anew(engine, place, "--revs", stdin=tips)
