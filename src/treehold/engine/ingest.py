"""Taking in a small push in this process: parse, resolve, check, and drop what the repo has already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from treehold.engine.limits import Limits
from treehold.engine.view import RepoView
from treehold.errors import LimitExceeded, MissingObject, NotFound, RejectedPack
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.check import check_object
from treehold.objects.links import object_links
from treehold.packs.dedupe import KeptEntries, choose_entries
from treehold.packs.index import PackIndex
from treehold.packs.limits import PackLimits
from treehold.packs.resolve import BaseObject, ResolvedObject, resolve_pack
from treehold.packs.rewrite import plan_rewrite
from treehold.packs.scan import scan_pack


@dataclass(frozen=True, slots=True)
class SmallIngest:
    """A pushed pack made ready to be kept: ``source`` and ``index`` without what the repo has already.

    ``pushed`` is every object that came, kept or not. Reads like the repo with the push in it.
    """

    view: RepoView
    pushed: Mapping[ObjectId, ResolvedObject]
    source: bytes
    index: PackIndex

    @property
    def size_bytes(self) -> int:
        """Size of the pack to keep."""
        return len(self.source)

    def pack_bytes(self) -> bytes:
        """The pack to keep."""
        return self.source

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """A pushed object, or one of the repo that may be seen; raises NotFound."""
        found = self.pushed.get(oid)
        return (found.kind, found.data) if found else self.view.read(oid)

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The type of such an object; raises NotFound."""
        found = self.pushed.get(oid)
        return found.kind if found else self.view.kind(oid)

    async def reached_by(self, tips: Iterable[ObjectId]) -> bool:
        """Whether these tips reach every object that is to be kept."""
        unreached = set(self.index.oids())
        queue = [oid for oid in tips if oid in self.pushed]
        seen = set(queue)
        while queue:
            found = self.pushed[queue.pop()]
            unreached.discard(found.oid)
            for _, oid in object_links(found.kind, found.data):
                if oid in self.pushed and oid not in seen:
                    seen.add(oid)
                    queue.append(oid)
        return not unreached


def nothing_pushed(view: RepoView) -> SmallIngest:
    """What a push without a pack brings, such as one that only deletes."""
    return SmallIngest(view=view, pushed={}, source=b"", index=PackIndex.build(()))


def ingest_small(pack: bytes, view: RepoView, limits: Limits) -> SmallIngest:
    """Check a pack of any content against the repo; raises RejectedPack, MalformedObject, LimitExceeded.

    Changes nothing. Takes up to a second of CPU at the limits' bounds, so larger ones belong in a thread.
    """
    pack_limits = PackLimits(
        objects_max=limits.pack_objects_max,
        object_bytes_max=limits.inflated_bytes_max,
        inflated_bytes_max=limits.inflated_bytes_max,
    )

    def visible_base(oid: ObjectId) -> BaseObject | None:
        # a delta could copy the content of an object that this client may not see
        return view.stored.read_base(oid) if oid in view else None

    resolved = resolve_pack(scan_pack(pack, limits=pack_limits), external_base=visible_base, limits=pack_limits)
    pushed = {found.oid: found for found in resolved}
    for found in pushed.values():
        check_object(found.kind, found.data)
        if limits.blob_bytes_max and found.kind is ObjectKind.BLOB and len(found.data) > limits.blob_bytes_max:
            raise LimitExceeded(f"blob {found.oid.hex()} is larger than {limits.blob_bytes_max} bytes")
    _check_links(pushed, view)
    kept = choose_entries(resolved, stored=view.stored.read_base, depth_max=limits.delta_depth_max)
    _store_whole_history(kept, pushed)
    plan = plan_rewrite(pack, kept.entries, whole=kept.whole)
    return SmallIngest(view=view, pushed=pushed, source=plan.join(pack), index=plan.index)


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


def _check_links(pushed: Mapping[ObjectId, ResolvedObject], view: RepoView) -> None:
    """Everything that a pushed object names must be pushed with it or reachable in the repo, and of the right type."""
    checked: set[tuple[ObjectKind | None, ObjectId]] = set()
    for found in pushed.values():
        for link in object_links(found.kind, found.data):
            if link not in checked:
                checked.add(link)
                _check_link(found.oid, link, pushed, view)


def _check_link(
    source: ObjectId,
    link: tuple[ObjectKind | None, ObjectId],
    pushed: Mapping[ObjectId, ResolvedObject],
    view: RepoView,
) -> None:
    wanted, oid = link
    try:
        kind = pushed[oid].kind if oid in pushed else view.kind(oid)
    except NotFound:
        raise MissingObject(f"{source.hex()} needs {oid.hex()}, which is neither in the pack nor in the repo") from None
    if wanted is not None and kind is not wanted:
        raise RejectedPack(f"{source.hex()} names {oid.hex()} as a {wanted.name.lower()}, but it is something else")
