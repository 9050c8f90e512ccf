"""Whether a push adds just what the repo's refs newly reach, and loses nothing.

Such pushes keep an exact repo exact, and any other on its anchor: fetches may send their packs as they lie. So the
answer may be wrong in one direction only: whatever cannot be proven cheaply is taken for a loss, and reads rest on
a newly computed reachable set until a repack.
"""

import asyncio
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final, Protocol

from treehold.engine import history
from treehold.engine.advertise import head_target
from treehold.engine.refs import Verdict
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, ObjectKind

_QUICK_WALK_COMMITS: Final = 64
"""What is walked on the event loop before a thread takes over: an ordinary push needs one or two."""
_CLOCK_SKEW_SECONDS: Final = 86_400
"""How much older than its parent a commit may say it is, and the walk still goes on."""


class PushedObjects(Protocol):
    """The repo with a push in it."""

    @property
    def view(self) -> RepoView:
        """The repo without it."""
        ...

    @property
    def shallow(self) -> frozenset[ObjectId]:
        """See History."""
        ...

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """See ObjectReader."""
        ...

    def kind(self, oid: ObjectId) -> ObjectKind:
        """See ObjectReader."""
        ...

    def dropped(self) -> Iterable[ObjectId]:
        """What was pushed and not kept, because it is stored already."""
        ...

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        ...


async def preserves(pushed: PushedObjects, verdict: Verdict, *, budget: int) -> bool:
    """Whether nothing is lost by these changes, nothing useless came, and nothing came to light that was stored."""
    if not all(oid in pushed.view for oid in pushed.dropped()):
        return False
    moved_to = {change.new.oid for change in verdict.changes if change.new is not None}
    if not await pushed.reached_by(moved_to):
        return False
    tips = {ref.oid for ref in verdict.refs.values()}
    left = {change.old for change in verdict.changes if change.old is not None and change.old not in tips}
    if not left or left <= _parents(pushed, moved_to):  # an ordinary push: each old tip is the parent of a new one
        return True
    head = verdict.refs.get(head_target(pushed.view.state.repo.default_branch, verdict.refs))
    starts = moved_to if head is None else moved_to | {head.oid}
    is_quick = len(starts) + len(left) <= _QUICK_WALK_COMMITS
    if is_quick and _reaches_all(pushed, starts, left, budget=_QUICK_WALK_COMMITS):
        return True
    return await asyncio.to_thread(_reaches_all, pushed, starts, left, budget=budget)


def _parents(pushed: PushedObjects, tips: Collection[ObjectId]) -> set[ObjectId]:
    """What those of the tips that are commits, up to a few, name as their parents."""
    commits = [oid for oid in islice(tips, _QUICK_WALK_COMMITS) if pushed.kind(oid) is ObjectKind.COMMIT]
    return {parent for commit in commits for parent in history.parents(pushed, commit)}


def _reaches_all(
    pushed: PushedObjects, starts: Iterable[ObjectId], goals: Collection[ObjectId], *, budget: int
) -> bool:
    """Whether one walk from all the starts meets every goal; False may also mean that it gave up.

    A goal that is no commit is given up at once: an annotated tag that is replaced has nobody else who names it.
    """
    if len(goals) > budget or any(pushed.kind(oid) is not ObjectKind.COMMIT for oid in goals):
        return False
    commits = [oid for start in starts if (oid := history.peel_to_commit(pushed, start)) is not None]
    oldest = min(history.commit_time(pushed, oid) for oid in goals) - _CLOCK_SKEW_SECONDS
    missing = set(goals)
    for oid in history.newest_first(pushed, commits, not_before=oldest, budget=budget):
        missing.discard(oid)
        if not missing:
            return True
    return False
