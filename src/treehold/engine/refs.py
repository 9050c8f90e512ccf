"""Which of a push's commands a repo takes, against one generation of its refs."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from treehold.catalog.base import Ref, RefChange
from treehold.engine import history
from treehold.engine.history import ObjectReader
from treehold.errors import NotFound
from treehold.ids import HEADS, ZERO_OID, ObjectId, ObjectKind, RefName
from treehold.protocol.receive_pack import RefCommand

STALE = "stale ref"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of each command (None: taken), the changes that makes, and the refs after it."""

    reasons: tuple[str | None, ...]
    changes: tuple[RefChange, ...]
    refs: dict[RefName, Ref]


def judge(
    commands: Sequence[RefCommand], refs: dict[RefName, Ref], objects: ObjectReader, *, atomic: bool, refs_max: int
) -> Verdict:
    """Weigh the commands one by one; with ``atomic`` one that fails fails all."""
    after = _RefsSoFar(refs)
    reasons: list[str | None] = [None] * len(commands)
    changes: list[RefChange] = []
    # deletes go first, so that refs/heads/a can make room for refs/heads/a/b in one push
    for row in sorted(range(len(commands)), key=lambda row: not commands[row].is_delete):
        outcome = _judge_one(commands[row], after, objects, refs_max=refs_max)
        if isinstance(outcome, str):
            reasons[row] = outcome
        elif outcome is not None:
            changes.append(outcome)
            after.apply(outcome)
    if atomic and any(reasons):
        return Verdict(tuple(reason or "atomic push failed" for reason in reasons), (), dict(refs))
    return Verdict(tuple(reasons), tuple(changes), after.refs)


class _RefsSoFar:
    """The refs as the commands weighed so far leave them."""

    def __init__(self, refs: dict[RefName, Ref]) -> None:
        self.refs = dict(refs)
        self._sorted: list[RefName] = []  # all names, from the first created ref on: no ref is deleted after that

    def apply(self, change: RefChange) -> None:
        if change.new is None:
            del self.refs[change.name]
            return
        if change.old is None:
            insort(self._sorted, change.name)
        self.refs[change.name] = change.new

    def crosses(self, name: RefName) -> bool:
        """Whether a new ref of this name could not live in a file beside the others, as clients keep them."""
        if not self._sorted:
            self._sorted = sorted(self.refs)
        parts = name.split(b"/")
        if any(b"/".join(parts[:count]) in self.refs for count in range(2, len(parts))):
            return True
        below = bisect_left(self._sorted, RefName(name + b"/"))
        return below < len(self._sorted) and self._sorted[below].startswith(name + b"/")


def _judge_one(
    command: RefCommand, after: _RefsSoFar, objects: ObjectReader, *, refs_max: int
) -> RefChange | str | None:
    """The change that a command makes, None if it changes nothing, or why it is refused."""
    if command.problem is not None:
        return command.problem
    name = command.ref
    present = after.refs.get(name)
    if command.old != (present.oid if present else ZERO_OID):
        return STALE
    if command.is_delete:
        return RefChange(name, present.oid, None) if present else None
    if present and command.new == present.oid:
        return None
    if present is None:
        if len(after.refs) >= refs_max:
            return f"the repo has the most refs that it may have: {refs_max}"
        if after.crosses(name):
            return "another ref's name is a directory of this one, or the other way round"
    return _new_value(name, present, command.new, objects)


def _new_value(name: RefName, present: Ref | None, new: ObjectId, objects: ObjectReader) -> RefChange | str:
    try:
        peeled = history.peel(objects, new)
        if name.startswith(HEADS) and objects.kind(new) is not ObjectKind.COMMIT:
            return "a branch must point at a commit"
    except NotFound:
        return "missing necessary objects"
    ref = Ref(new, peeled if peeled != new else None)
    return RefChange(name, present.oid if present else None, ref)
