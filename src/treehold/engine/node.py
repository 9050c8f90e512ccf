"""What one process keeps for itself: caches, scratch folders, locks. All of it can be thrown away at any time."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from treehold.catalog.base import HistoryCatalog
from treehold.engine.answer_cache import AnswerCache
from treehold.engine.git_dir import GitDirs
from treehold.engine.git_indexes import GitIndexes
from treehold.engine.limits import Limits
from treehold.engine.locks import KeyedLocks
from treehold.engine.materialise import Materialiser
from treehold.engine.native import NativeGit
from treehold.engine.pack_cache import PackCache
from treehold.engine.rates import RateTable
from treehold.engine.reachable import ReachableSets
from treehold.ids import Entropy, ObjectId, RepoId
from treehold.packs.read import ObjectCache
from treehold.store.base import Store


@dataclass(frozen=True, slots=True)
class Node:
    """A process's own things. ``spool`` is the folder where large pushes wait; ``push_locks`` lets the pushes to one
    repo commit one after the other; ``trailers`` keeps the checksums of concatenated packs by their list, and
    ``anchor_tips`` what refs pointed at by repo and generation. ``care_wanted`` is set when maintenance should not
    wait for its time. ``objects`` holds small objects that programs read."""

    spool: Path
    packs: PackCache
    repos: Materialiser
    git_dirs: GitDirs
    native: NativeGit
    indexes: GitIndexes
    reachable: ReachableSets
    objects: ObjectCache
    answers: AnswerCache
    rates: RateTable
    care_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    push_locks: KeyedLocks = field(default_factory=KeyedLocks)
    trailers: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    anchor_tips: OrderedDict[tuple[RepoId, int], frozenset[ObjectId]] = field(default_factory=OrderedDict)

    @classmethod
    def build(
        cls, folder: Path, *, catalog: HistoryCatalog, store: Store, entropy: Entropy, git: Path, limits: Limits
    ) -> Self:
        """Lay out a node's folder and join its parts."""
        spool = folder / "spool"
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        packs = PackCache(catalog, store, bytes_max=limits.pack_memory_bytes)
        repos = Materialiser(
            folder / "repos", packs=packs, store=store, entropy=entropy, bytes_max=limits.cache_bytes_max
        )
        git_dirs = GitDirs(folder / "git", entropy=entropy)
        native = NativeGit(git, limits)
        reachable = ReachableSets(
            native=native, repos=repos, git_dirs=git_dirs, bytes_max=limits.reachable_memory_bytes
        )
        answers = AnswerCache(folder / "answers", bytes_max=limits.answers_bytes_max, entropy=entropy)
        return cls(
            spool=spool,
            packs=packs,
            repos=repos,
            git_dirs=git_dirs,
            native=native,
            indexes=GitIndexes(native=native, repos=repos, git_dirs=git_dirs),
            reachable=reachable,
            objects=ObjectCache(limits.object_memory_bytes),
            answers=answers,
            rates=RateTable.open(folder / "rates"),
        )
