"""Taking in a small push in this process: parse, resolve, check, and drop what the repo has already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from treehold.engine.limits import Limits
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MissingObject, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.check import check_object
from treehold.objects.links import Link, object_links
from treehold.objects.tree import tree_links
from treehold.packs.dedupe import KeptEntries, choose_entries
from treehold.packs.index import PackIndex
from treehold.packs.limits import PackLimits
from treehold.packs.resolve import BaseObject, ResolvedObject, resolve_pack
from treehold.packs.rewrite import plan_rewrite
from treehold.packs.scan import scan_pack

QUICK_WORK: Final = PackLimits(
    objects_max=200, object_bytes_max=512 << 10, inflated_bytes_max=512 << 10, delta_bytes_max=64 << 10
)
"""What is taken apart within a few milliseconds, so on the event loop. The delta bound is the one that counts: an
instruction of two bytes takes up to a microsecond."""
_DELTA_BYTES_MAX: Final = 2 << 20
"""Instructions of all deltas of a pack that is taken in here: about a second of a thread."""


def full_work(limits: Limits) -> PackLimits:
    """The most that this process takes on for one pack, in a thread."""
    return PackLimits(
        objects_max=limits.small_push_objects,
        object_bytes_max=limits.inflated_bytes_max,
        inflated_bytes_max=limits.inflated_bytes_max,
        delta_bytes_max=_DELTA_BYTES_MAX,
    )


@dataclass(frozen=True, slots=True)
class SmallIngest:
    """A pushed pack made ready to be kept: ``source`` and ``index`` without what the repo has already.

    ``pushed`` is every object that came, kept or not; ``links`` what each of them names. Reads like the repo with the
    push in it.
    """

    view: RepoView
    pushed: Mapping[ObjectId, ResolvedObject]
    links: Mapping[ObjectId, Sequence[Link]]
    source: bytes
    index: PackIndex

    @property
    def shallow(self) -> frozenset[ObjectId]:
        """The repo's boundary: a push does not move it."""
        return self.view.shallow

    @property
    def size_bytes(self) -> int:
        """Size of the pack to keep."""
        return len(self.source)

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """A pushed object, or one of the repo that may be seen; raises NotFound."""
        found = self.pushed.get(oid)
        return (found.kind, found.data) if found else self.view.read(oid)

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The type of such an object; raises NotFound."""
        found = self.pushed.get(oid)
        return found.kind if found else self.view.kind(oid)

    def dropped(self) -> Iterable[ObjectId]:
        """What was pushed and not kept, because it is stored already."""
        return self.pushed.keys() - set(self.index.oids())

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        unreached = set(self.index.oids())
        queue = [oid for oid in tips if oid in self.pushed]
        seen = set(queue)
        while queue:
            reached = queue.pop()
            unreached.discard(reached)
            for _, oid in self.links[reached]:
                if oid in self.pushed and oid not in seen:
                    seen.add(oid)
                    queue.append(oid)
        return not unreached


def nothing_pushed(view: RepoView) -> SmallIngest:
    """What a push without a pack brings, such as one that only deletes."""
    return SmallIngest(view=view, pushed={}, links={}, source=b"", index=PackIndex.build(()))


def ingest_small(pack: bytes, view: RepoView, limits: Limits, work: PackLimits) -> SmallIngest:
    """Check a pack of any content against the repo, doing no more than ``work`` allows; changes nothing.

    Raises RejectedPack, MalformedObject, and LimitExceeded when the pack asks for more work or has too large a blob.
    """
    bases = _VisibleBases(view, work)
    resolved = resolve_pack(scan_pack(pack, limits=work), external_base=bases.find, limits=work)
    pushed = {found.oid: found for found in resolved}
    severities = limits.severities()
    for found in pushed.values():
        check_object(found.kind, found.data, severities=severities)
        if limits.blob_bytes_max and found.kind is ObjectKind.BLOB and len(found.data) > limits.blob_bytes_max:
            raise LimitExceeded(f"blob {found.oid.hex()} is larger than {limits.blob_bytes_max} bytes")
    links = {oid: _links_in(view, found) for oid, found in pushed.items()}
    _check_links(pushed, links, view)
    kept = choose_entries(resolved, stored=view.stored.read_base, depth_max=limits.delta_depth_max)
    _store_whole_history(kept, pushed)
    plan = plan_rewrite(pack, kept.entries, whole=kept.whole)
    return SmallIngest(view=view, pushed=pushed, links=links, source=plan.join(pack), index=plan.index)


class _VisibleBases:
    """Finds the bases that a thin pack leaves out, together no larger than the work allowed.

    Only what the client may see: a delta could copy the content of any other object.
    """

    def __init__(self, view: RepoView, work: PackLimits) -> None:
        self._view = view
        self._bytes_left = work.inflated_bytes_max

    def find(self, oid: ObjectId) -> BaseObject | None:
        if oid not in self._view:
            return None
        self._bytes_left -= self._view.stored.size(oid)
        if self._bytes_left < 0:
            raise LimitExceeded("the pack's delta bases are too large to be taken in by this process")
        return self._view.stored.read_base(oid)


def _links_in(view: RepoView, found: ResolvedObject) -> Sequence[Link]:
    """What the repo must have if it has this object: of a commit of its boundary the tree, and not the parents."""
    links = object_links(found.kind, found.data)
    return links[:1] if found.oid in view.shallow else links


def _store_whole_history(kept: KeptEntries, pushed: Mapping[ObjectId, ResolvedObject]) -> None:
    """Let no commit or tag be a delta of one outside the pack.

    Git never sends such a delta. The plan *since* relies on that: a client that has every commit of a generation may
    lack one of its tags.
    """
    brought = set(kept.oids)
    for entry in kept.entries:
        found = pushed[entry.oid]
        if entry.base is not None and entry.base not in brought and found.kind in (ObjectKind.COMMIT, ObjectKind.TAG):
            kept.whole[entry.offset] = (found.kind, found.data)


def _check_links(
    pushed: Mapping[ObjectId, ResolvedObject], links: Mapping[ObjectId, Sequence[Link]], view: RepoView
) -> None:
    """Everything that a pushed object names must be pushed with it or reachable in the repo, and of the right type."""
    checked = {oid: kind for kind, oid in _links_of_bases(pushed, view)}
    for source, named in links.items():
        for kind, oid in named:
            if checked.get(oid) is not kind:
                _check_link(source, (kind, oid), pushed, view)
                checked[oid] = kind


def _links_of_bases(pushed: Mapping[ObjectId, ResolvedObject], view: RepoView) -> Iterator[Link]:
    """What the trees name of which pushed trees are deltas: they were checked when they came.

    So a change in a folder of thousands costs no look-up for each of its neighbours.
    """
    for base in {found.base for found in pushed.values() if found.kind is ObjectKind.TREE}:
        if base is not None and base not in pushed:
            yield from tree_links(view.read(base)[1])


def _check_link(
    source: ObjectId,
    link: Link,
    pushed: Mapping[ObjectId, ResolvedObject],
    view: RepoView,
) -> None:
    wanted, oid = link
    try:
        kind = pushed[oid].kind if oid in pushed else view.kind(oid)
    except NotFound:
        raise MissingObject(f"{source.hex()} needs {oid.hex()}, which is neither in the pack nor in the repo") from None
    if kind is not wanted:
        raise RejectedPack(f"{source.hex()} names {oid.hex()} as a {wanted.name.lower()}, but it is something else")
