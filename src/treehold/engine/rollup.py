"""Roll-up: many small packs become one by concatenation, which recompresses nothing.

Packs are merged by size, newest first, so that each pack left is at least twice as large as all that follow it. A repo
of n pushes then has some log n packs, and a byte is copied some log n times in its life. Two borders are never merged
across: the packs that a fork began with stay as they are, for it shares them; and in a repo that is not exact the packs
before and after its anchor stay apart, for only the later ones hold nothing but what may be seen.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

from treehold.catalog.base import PackReplacement, PackRow, RepoState
from treehold.engine.context import Engine
from treehold.engine.keep import keep_pack
from treehold.engine.maintenance import discarding_if_refused
from treehold.errors import Conflict, NotFound, StorageError
from treehold.ids import RepoId
from treehold.packs.concatenate import Concatenation, PackPart, shifts
from treehold.packs.index import PackIndex, merge_indexes

_GROWTH: Final = 2


def choose_run(state: RepoState, *, packs_max: int) -> Sequence[PackRow]:
    """The packs to merge, which stand one after the other; none while fewer than ``packs_max`` could be."""
    stretches = list(_stretches(state))
    if sum(map(len, stretches)) < packs_max:
        return ()
    return max(map(_newest_to_merge, stretches), key=len)


def _stretches(state: RepoState) -> Iterator[Sequence[PackRow]]:
    """The packs between one border and the next."""
    repo, packs = state.repo, state.packs
    begin = repo.origin or -1  # what is not a fork may merge all that it has, even what was there from 0 on
    borders = [begin] if repo.exact else sorted({begin, repo.anchor})
    for border, next_border in zip(borders, [*borders[1:], repo.generation], strict=True):
        yield [pack for pack in packs if border < pack.first_generation and pack.generation <= next_border]


def _newest_to_merge(packs: Sequence[PackRow]) -> Sequence[PackRow]:
    """The newest, from the first that breaks the rule of sizes on, and all that they outgrow; two at least, or none."""
    sizes = [pack.size_bytes for pack in packs]
    start = next((row for row in range(1, len(sizes)) if sizes[row - 1] < _GROWTH * sizes[row]), len(sizes))
    merged = sum(sizes[start:])
    while start and sizes[start - 1] < _GROWTH * merged:
        start -= 1
        merged += sizes[start]
    return packs[start:]


async def roll_up(engine: Engine, repo: RepoId) -> str:
    """Merge the repo's newest packs if there are many, and say what was done; raises StorageError, CatalogError,
    CorruptStore, NotFound.

    Pushes may come meanwhile: they add packs behind the run, which stays a run.
    """
    state = await engine.catalog.repo_state(repo)
    run = choose_run(state, packs_max=engine.limits.roll_up_packs)
    if not run:
        return f"{len(state.packs)} packs, nothing to do"
    async with _merged(engine, run) as (source, index, size_bytes):
        pack = await keep_pack(engine, source, index, size_bytes=size_bytes)
    engine.failpoint("rollup.bytes-durable")
    replacement = PackReplacement(
        repo=repo,
        expected_generation=None,
        replaced=tuple(row.id for row in run),
        pack=pack,
        exact=None,
        is_repack=False,
        now=engine.clock(),
    )
    try:
        async with discarding_if_refused(engine, pack):
            await engine.catalog.replace_packs(replacement)
    except (Conflict, NotFound) as error:
        return f"given up: {error}"
    engine.failpoint("rollup.committed")
    return f"{len(run)} of {len(state.packs)} packs became one of {pack.size_bytes} bytes"


@contextlib.asynccontextmanager
async def _merged(engine: Engine, run: Sequence[PackRow]) -> AsyncIterator[tuple[Path, PackIndex, int]]:
    """The concatenated pack as a file of this node, its index and its size, for as long as the context lasts."""
    parts = [PackPart(row.size_bytes, row.objects) for row in run]
    whole = Concatenation(parts)
    path = engine.node.spool / engine.entropy(12).hex()
    try:
        with path.open("xb") as file:
            file.write(whole.header)
            for row in run:
                async for piece in engine.node.packs.bodies(row):
                    whole.feed(piece)
                    file.write(piece)
            file.write(whole.trailer())
        indexes = [(await engine.node.packs.open(row)).index for row in run]
        index = await asyncio.to_thread(merge_indexes, list(zip(indexes, shifts(parts), strict=True)))
        yield path, index, whole.size_bytes
    except OSError as error:
        raise StorageError(f"cannot merge packs: {error.strerror}") from error
    finally:
        path.unlink(missing_ok=True)
