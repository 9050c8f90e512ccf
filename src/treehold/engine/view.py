"""A repo as its clients may see it: one generation, and only what its refs reach.

Packs can hold more: a forced update leaves its old commits behind, and a fork of one branch shares its parent's packs.
While a repo is *exact* being in a pack is being reachable; else that holds of the packs after its anchor, and every
other id is looked up in the reachable set. Whatever hands out objects, or takes their ids from a client, asks here.
"""

from dataclasses import dataclass

from treehold.catalog.base import RepoRow, RepoState
from treehold.engine.anchor import Anchor, VisibleObjects, find_anchor
from treehold.engine.context import Engine
from treehold.engine.reachable import OidSet
from treehold.errors import NotFound
from treehold.ids import ObjectId, ObjectKind, RepoId
from treehold.packs.read import PackSet


@dataclass(frozen=True, slots=True)
class RepoView:
    """One generation's refs (``state``), all its packs (``stored``), and the ids that may be seen (``visible``).

    ``anchor`` is what the repo rests on, if it is not exact and that can be told.
    """

    state: RepoState
    stored: PackSet
    visible: PackSet | OidSet | VisibleObjects
    anchor: Anchor | None = None

    def __contains__(self, oid: ObjectId) -> bool:
        return oid in self.visible

    @property
    def shallow(self) -> frozenset[ObjectId]:
        """The commits whose parents the repo does without; some may not be seen any more."""
        return self.state.shallow

    def read(self, oid: ObjectId) -> tuple[ObjectKind, bytes]:
        """A visible object; raises NotFound for any other."""
        if oid not in self.visible:
            raise NotFound(f"no object {oid.hex()}")
        return self.stored.read(oid)

    def kind(self, oid: ObjectId) -> ObjectKind:
        """The type of a visible object; raises NotFound for any other."""
        if oid not in self.visible:
            raise NotFound(f"no object {oid.hex()}")
        return self.stored.kind(oid)

    def tips(self) -> set[ObjectId]:
        """What the refs point at."""
        return {ref.oid for ref in self.state.refs.values()}


async def open_view(engine: Engine, repo: RepoId, *, seen: RepoRow | None = None) -> RepoView:
    """The repo as it is now, or as it was when its row was ``seen`` a moment ago; raises NotFound."""
    return await view_of(engine, await engine.catalog.repo_state(repo, seen=seen))


async def view_of(engine: Engine, state: RepoState) -> RepoView:
    """The view of a generation that was read already."""
    stored = await engine.node.packs.open_all(state.packs)
    if state.repo.exact:
        return RepoView(state=state, stored=stored, visible=stored)
    anchor = await find_anchor(engine, state)
    if anchor is None:
        tips = {ref.oid for ref in state.refs.values()}
        visible = await engine.node.reachable.of(state.packs, tips, state.shallow)
        return RepoView(state=state, stored=stored, visible=visible)
    found = VisibleObjects(anchor.reached, await engine.node.packs.open_all(anchor.later))
    return RepoView(state=state, stored=stored, visible=found, anchor=anchor)
