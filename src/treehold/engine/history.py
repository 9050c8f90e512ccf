"""Walks through commits in this process, each within a budget.

A repo may lack a part of its history: then the commits of its boundary stand in it without their parents, as far as
any walk can tell. What a commit's parents are is said here, by :func:`links_in`; what a pushed commit needs of the repo
is said in ``ingest.py``.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import Protocol

from treehold.errors import NotFound
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.commit import commit_links, committer_time
from treehold.objects.tag import tag_link

_TAG_CHAIN_MAX = 64
_BEFORE_ALL = -(2**64)
"""Sorts before any commit's time, negated: where a walk starts is looked at first."""


class ObjectReader(Protocol):
    """Objects by id; both raise NotFound for an id that may not be seen."""

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """Type and content."""
        ...

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The type alone, which is cheaper."""
        ...


class History(ObjectReader, Protocol):
    """The objects of a repo and the commits at which its history ends."""

    @property
    def shallow(self) -> frozenset[ObjectId]:
        """The commits whose parents the repo does without."""
        ...


def peel(objects: ObjectReader, oid: ObjectId) -> ObjectId:
    """What a chain of annotated tags finally points at; the id itself when it is not a tag."""
    for _ in range(_TAG_CHAIN_MAX):
        if objects.kind(oid) is not ObjectKind.TAG:  # asked first: what is no tag may be a blob of any size
            return oid
        _, oid = tag_link(objects.read(oid)[1])
    raise NotFound(f"more than {_TAG_CHAIN_MAX} tags of tags lead to {oid.hex()}")


def peel_to_commit(objects: ObjectReader, oid: ObjectId) -> ObjectId | None:
    """The commit that an id names, directly or through tags; None when it names something else."""
    peeled = peel(objects, oid)
    return peeled if objects.kind(peeled) is ObjectKind.COMMIT else None


def links_in(repo: History, commit: ObjectId, data: bytes) -> tuple[ObjectId, tuple[ObjectId, ...]]:
    """The tree and the parents that a commit, whose content this is, has in this repo."""
    tree, named = commit_links(data)
    return tree, () if commit in repo.shallow else named


def parents(repo: History, commit: ObjectId) -> tuple[ObjectId, ...]:
    """The parents that a visible commit has in this repo."""
    return links_in(repo, commit, repo.read(commit)[1])[1]


def newest_first(repo: History, starts: Iterable[ObjectId], *, not_before: int, budget: int) -> Iterator[ObjectId]:
    """Up to ``budget`` commits that these commits reach, themselves included, roughly newest first.

    Goes no further back than the commits just older than ``not_before`` (Unix seconds), but always to the parents of
    the starts: a commit made by a clock that is behind has a parent that is newer.
    """
    first = frozenset(starts)
    seen = set(first)
    queue = [(_BEFORE_ALL, start) for start in sorted(first)]
    while queue and budget > 0:
        budget -= 1
        _, oid = heapq.heappop(queue)
        yield oid
        data = repo.read(oid)[1]
        committed = committer_time(data)
        if committed < not_before and oid not in first:
            continue
        for parent in links_in(repo, oid, data)[1]:
            if parent not in seen:
                seen.add(parent)
                heapq.heappush(queue, (-committed, parent))  # the child's time: the parent's own is not read yet


def commit_time(objects: ObjectReader, commit: ObjectId) -> int:
    """When a commit was made, in Unix seconds."""
    return committer_time(objects.read(commit)[1])


def depths(
    repo: History, heads: Iterable[ObjectId], depth: int, *, ends: frozenset[ObjectId] = frozenset()
) -> tuple[set[ObjectId], set[ObjectId]]:
    """The commits within ``depth`` of the heads (a head is 1 deep): those inside, and those on the boundary.

    On it are those just so deep, and of those less deep the repo's own ends, and these ``ends`` of somebody else.
    """
    stops = repo.shallow | ends
    inside: set[ObjectId] = set()
    boundary: set[ObjectId] = set()
    level = set(heads)
    for distance in range(1, depth + 1):
        if not level:
            break
        if distance == depth:
            boundary |= level
            break
        boundary |= level & stops
        inside |= level - stops
        level = {parent for commit in level - stops for parent in parents(repo, commit)} - inside - boundary
    return inside, boundary
