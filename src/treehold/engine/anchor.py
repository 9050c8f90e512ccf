"""What a repo that is not exact rests on: all that its refs reached at its anchor, and the packs that came later.

That generation never changes, nor do the packs up to it, so what was reached there is computed once, and shared by all
forks that began there. See ``RepoRow`` for what an anchor is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from treehold.catalog.base import PackRow, RefLogEntry, RepoState
from treehold.engine.context import Engine
from treehold.engine.reachable import OidSet
from treehold.ids import ObjectId, RefName
from treehold.packs.read import PackSet

LOG_ENTRIES_MAX: Final = 100_000
"""How much of a ref log is undone to find where an anchor's refs were; a repo with more since is looked at anew."""
_ANCHORS_KEPT: Final = 1024
_TIPS_KEPT: Final = 1000
"""Tips of a kept anchor at most; those of others are found again each time, which costs less than reading the refs."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """``tips`` reached the objects of ``reached`` in ``packs``; each pack of ``later`` holds what was newly reached."""

    packs: tuple[PackRow, ...]
    tips: frozenset[ObjectId]
    reached: OidSet
    later: tuple[PackRow, ...]

    @property
    def objects(self) -> int:
        """How many objects the repo may give out."""
        return len(self.reached) + sum(pack.objects for pack in self.later)


@dataclass(frozen=True, slots=True)
class VisibleObjects:
    """The ids that a repo with an anchor may give out."""

    reached: OidSet
    later: PackSet

    def __contains__(self, oid: ObjectId) -> bool:
        return oid in self.later or oid in self.reached


async def find_anchor(engine: Engine, state: RepoState) -> Anchor | None:
    """What the repo rests on; None where that cannot be told. Raises NativeGitError, Unavailable, CorruptStore."""
    generation = state.repo.anchor
    packs = tuple(pack for pack in state.packs if pack.generation <= generation)
    later = tuple(pack for pack in state.packs if pack.first_generation > generation)
    if len(packs) + len(later) < len(state.packs):
        return None
    tips = await _tips_at_anchor(engine, state)
    if tips is None:
        return None
    return Anchor(packs, tips, await engine.node.reachable.of(packs, tips, state.shallow), later)


async def _tips_at_anchor(engine: Engine, state: RepoState) -> frozenset[ObjectId] | None:
    repo = state.repo
    if repo.generation == repo.anchor:
        return _undone(state, ())
    known = engine.node.anchor_tips
    tips = known.get((repo.id, repo.anchor))
    if tips is None:
        log = await engine.catalog.ref_log(repo.id, newest=LOG_ENTRIES_MAX, after=repo.anchor)
        if len(log) == LOG_ENTRIES_MAX:
            return None
        tips = _undone(state, (entry for entry in log if entry.generation <= repo.generation))
        if len(tips) <= _TIPS_KEPT:
            known[repo.id, repo.anchor] = tips
            while len(known) > _ANCHORS_KEPT:
                known.popitem(last=False)
    return tips


def _undone(state: RepoState, newest_first: Iterable[RefLogEntry]) -> frozenset[ObjectId]:
    """What the refs pointed at before these changes."""
    tips: dict[RefName, ObjectId | None] = {name: ref.oid for name, ref in state.refs.items()}
    for entry in newest_first:
        tips[entry.name] = entry.old
    return frozenset(oid for oid in tips.values() if oid is not None)
