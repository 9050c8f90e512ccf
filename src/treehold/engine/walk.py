"""Which objects a fetch needs, found by walking the history in this process: cheaper than starting git when few.

What the client lacks is what its wants reach and its haves do not. The walk never leaves out an object that may be
lacking; it may choose one that the client has under another path or through another parent.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from treehold.engine.history import links_in, peel_to_commit
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.commit import committer_time
from treehold.objects.tag import tag_link
from treehold.objects.tree import iter_tree, kind_of_mode

_TREES_FOR_AN_OBJECT: Final = 4
"""Trees that may be read for each object that may be chosen: a commit usually compares each of its trees with one."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a walk may look at before it is left to C Git."""

    commits: int
    objects: int
    entry_bytes: int = 1 << 62  # of the chosen objects as they lie in their packs


@dataclass(slots=True)
class Selection:
    """Objects to send, in the order found, and objects that the client has or will have beside them."""

    chosen: dict[ObjectId, None] = field(default_factory=dict)
    had: set[ObjectId] = field(default_factory=set)


class TooMuch(Exception):
    """The budget is used up."""


def select_objects(
    view: RepoView,
    wants: Iterable[ObjectId],
    haves: Iterable[ObjectId],
    *,
    boundary: frozenset[ObjectId],
    budget: Budget,
) -> Selection | None:
    """What to send for these wants to a client with these haves; None when the budget does not suffice.

    At commits of the client's ``boundary`` history ends, as at the repo's own, as if they had no parents.
    """
    walk = _Walk(view, boundary, budget)
    try:
        return walk.run(wants, haves)
    except TooMuch:
        return None


def add_tags(view: RepoView, selection: Selection) -> None:
    """Choose the annotated tags of what is chosen, with the tags between, as ``include-tag`` asks."""
    for ref in view.state.refs.values():
        oid = ref.oid
        while ref.peeled in selection.chosen and oid != ref.peeled:
            selection.chosen[oid] = None
            _, oid = tag_link(view.read(oid)[1])


class _Walk:
    """The work of one select_objects."""

    def __init__(self, view: RepoView, boundary: frozenset[ObjectId], budget: Budget) -> None:
        self._view = view
        self._boundary = boundary
        self._commits_left = budget.commits
        self._objects_max = budget.objects
        self._bytes_left = budget.entry_bytes
        self._selection = Selection()
        self._done: set[tuple[ObjectId, tuple[ObjectId, ...]]] = set()
        self._trees_left = _TREES_FOR_AN_OBJECT * budget.objects
        self._commits: dict[ObjectId, tuple[ObjectId, tuple[ObjectId, ...], int]] = {}

    def run(self, wants: Iterable[ObjectId], haves: Iterable[ObjectId]) -> Selection:
        wanted_commits = [commit for want in wants for commit in self._choose_want(want)]
        had_commits = [oid for have in haves if (oid := peel_to_commit(self._view, have)) is not None]
        lacking, known = self._paint(wanted_commits, had_commits)
        self._selection.had.update(known)
        for oid in lacking:
            self._choose(oid)
        for oid in lacking:
            tree, parents, _ = self._commit(oid)
            self._choose_tree(tree, [self._commit(parent)[0] for parent in parents])
        return self._selection

    def _choose_want(self, oid: ObjectId) -> Iterator[ObjectId]:
        """Choose what is wanted beside commits: tags on the way to them, or single trees and blobs."""
        while (kind := self._view.kind(oid)) is ObjectKind.TAG:
            self._choose(oid)
            _, oid = tag_link(self._view.read(oid)[1])
        if kind is ObjectKind.COMMIT:
            yield oid
        elif kind is ObjectKind.TREE:
            self._choose_tree(oid, [])
        else:
            self._choose(oid)

    def _commit(self, oid: ObjectId) -> tuple[ObjectId, tuple[ObjectId, ...], int]:
        """A commit's tree, its parents this side of the boundary, and its time."""
        found = self._commits.get(oid)
        if found is None:
            self._commits_left -= 1
            if self._commits_left < 0:
                raise TooMuch
            data = self._view.read(oid)[1]
            tree, parents = links_in(self._view, oid, data)
            found = tree, () if oid in self._boundary else parents, committer_time(data)
            self._commits[oid] = found
        return found

    def _paint(self, wanted: Iterable[ObjectId], had: Iterable[ObjectId]) -> tuple[list[ObjectId], set[ObjectId]]:
        """The commits that wants reach and haves do not, newest first, and those seen that haves reach.

        Where clocks were wrong a commit that the client has may be among the first: it is sent once more.
        """
        known = set(had)
        queued = {*wanted, *known}
        queue = [(-self._commit(oid)[2], oid) for oid in queued]
        heapq.heapify(queue)
        order = []
        while any(oid not in known for _, oid in queue):
            _, oid = heapq.heappop(queue)
            order.append(oid)
            for parent in self._commit(oid)[1]:
                if oid in known:
                    known.add(parent)
                if parent not in queued:
                    queued.add(parent)
                    heapq.heappush(queue, (-self._commit(parent)[2], parent))
        return [oid for oid in order if oid not in known], known

    def _choose(self, oid: ObjectId) -> None:
        if oid in self._selection.chosen:
            return
        self._selection.chosen[oid] = None
        self._bytes_left -= self._view.stored.entry_bytes(oid)
        if len(self._selection.chosen) > self._objects_max or self._bytes_left < 0:
            raise TooMuch

    def _choose_tree(self, tree: ObjectId, beside: Iterable[ObjectId]) -> None:
        """Choose what a tree holds and none of the trees beside it does at the same path.

        The trees beside it are those of parents, which the client has or will have, so whatever they hold is a good
        base for deltas.
        """
        stack = [(tree, list(dict.fromkeys(beside)))]
        while stack:
            oid, known = stack.pop()
            # a tree that is chosen already may have left out what another tree held beside it: history can come back
            # to a tree, so it is only done with once it was looked at beside the same ones, or beside none
            if oid in known or (oid, ()) in self._done or (oid, tuple(known)) in self._done:
                continue
            self._done.add((oid, tuple(known)))
            self._choose(oid)
            self._selection.had.update(known)
            stack += self._choose_entries(oid, known)

    def _choose_entries(self, tree: ObjectId, known: list[ObjectId]) -> list[tuple[ObjectId, list[ObjectId]]]:
        """Choose a tree's new blobs; answers its new trees, each with the trees of the same name beside it."""
        self._trees_left -= 1 + len(known)
        if self._trees_left < 0:
            raise TooMuch
        beside: dict[bytes, list[ObjectId]] = {}
        for other in known:
            for entry in iter_tree(self._view.read(other)[1]):
                beside.setdefault(entry.name, []).append(entry.oid)
                self._selection.had.add(entry.oid)
        deeper = []
        for entry in iter_tree(self._view.read(tree)[1]):
            twins = beside.get(entry.name, [])
            if entry.oid in twins:
                continue
            kind = kind_of_mode(entry.mode)
            if kind is ObjectKind.TREE:
                deeper.append((entry.oid, [twin for twin in twins if self._view.kind(twin) is ObjectKind.TREE]))
            elif kind is ObjectKind.BLOB:
                self._choose(entry.oid)
        return deeper
