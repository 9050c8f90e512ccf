"""Whether a repo's packs still hold exactly what its refs reach, after a push.

The flag may be wrong in one direction only: a repo called exact must be it, because then fetches send packs as they
lie. So whatever cannot be proven cheaply clears it, and reads fall back on the reachable set until a repack.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from treehold.catalog.base import RefChange
from treehold.engine import history
from treehold.engine.advertise import head_target
from treehold.engine.refs import Verdict
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, ObjectKind

_QUICK_WALK_COMMITS = 64
"""What is walked on the event loop before a thread takes over: an ordinary push needs one or two."""


class PushedObjects(Protocol):
    """The repo with a push in it."""

    @property
    def view(self) -> RepoView:
        """The repo without it."""
        ...

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """See ObjectReader."""
        ...

    def kind(self, oid: ObjectId) -> ObjectKind:
        """See ObjectReader."""
        ...

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        ...


async def stays_exact(pushed: PushedObjects, verdict: Verdict, *, budget: int) -> bool:
    """Whether the repo, exact before, is exact after these changes: nothing is lost and nothing useless came."""
    if not pushed.view.state.repo.exact:
        return False
    tips = {ref.oid for ref in verdict.refs.values()}
    moved_to = [change.new.oid for change in verdict.changes if change.new is not None]
    if not await pushed.reached_by(moved_to):
        return False
    head = verdict.refs.get(head_target(pushed.view.state.repo.default_branch, verdict.refs))
    heads = [] if head is None else [head.oid]
    for change in verdict.changes:
        if change.old is None or change.old in tips:
            continue
        starts = [*([] if change.new is None else [change.new.oid]), *heads]
        if not await _still_reached(pushed, change, starts, budget=budget):
            return False
    return True


async def _still_reached(pushed: PushedObjects, change: RefChange, starts: Iterable[ObjectId], *, budget: int) -> bool:
    assert change.old is not None
    if pushed.kind(change.old) is not ObjectKind.COMMIT:
        return False
    goal = {change.old}
    oldest = history.commit_time(pushed, change.old)
    for start in starts:
        commit = history.peel_to_commit(pushed, start)
        if commit is None:
            continue
        if history.reaches_any(pushed, commit, goal, not_before=oldest, budget=_QUICK_WALK_COMMITS):
            return True
        if await asyncio.to_thread(history.reaches_any, pushed, commit, goal, not_before=oldest, budget=budget):
            return True
    return False
