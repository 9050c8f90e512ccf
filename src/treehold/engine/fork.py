"""Fork: one row that begins where its parent is."""

from dataclasses import dataclass

from treehold.catalog.base import Ref, RepoState
from treehold.engine import tokens
from treehold.engine.advertise import head_target
from treehold.engine.context import Engine
from treehold.engine.gate import check_ready
from treehold.engine.repos import CreatedRepo, RepoWish, new_repo
from treehold.ids import TAGS, AccountId, RefName


@dataclass(frozen=True, slots=True)
class ForkedRepo:
    """A new fork and how many objects its refs reach."""

    created: CreatedRepo
    objects: int


async def fork_repo(
    engine: Engine,
    account: AccountId,
    namespace: str,
    parent_name: str,
    wish: RepoWish,
    *,
    default_branch_only: bool,
) -> ForkedRepo:
    """Make an independent copy of a repo, of all its refs or of its default branch and the tags that point into it.

    The fork's default branch is its parent's. Raises NotFound and ImportInProgress for the parent, InvalidInput,
    AlreadyExists.
    """
    parent = await engine.catalog.find_repo(account, namespace, parent_name)
    check_ready(parent)
    source = f"artifacts:{parent.namespace}/{parent.name}"
    inherited = RepoWish(
        name=wish.name,
        description=wish.description,
        default_branch=parent.default_branch,
        read_only=wish.read_only,
    )
    repo = new_repo(engine, account, namespace, inherited, source=source)
    token = tokens.mint_initial(engine)
    # all that takes long, or may fail, comes before the fork is there: who is told of a failure has no fork
    state = await engine.catalog.repo_state(parent.id)
    chosen = await _default_branch(engine, state) if default_branch_only else state.refs
    objects = await _count_objects(engine, state, chosen)
    only = frozenset(chosen) if default_branch_only else None
    row = await engine.catalog.fork_repo(parent.id, repo, token.kept, only=only)
    return ForkedRepo(created=CreatedRepo(row=row, token=token.plaintext), objects=objects)


async def _default_branch(engine: Engine, state: RepoState) -> dict[RefName, Ref]:
    """The branch that HEAD stands for, and the tags into it."""
    branch = head_target(state.repo.default_branch, state.refs)
    if branch not in state.refs or len(state.refs) == 1:
        return state.refs if branch in state.refs else {}
    reached = await engine.node.reachable.of(state.packs, [state.refs[branch].oid], state.shallow)
    return {
        name: ref
        for name, ref in state.refs.items()
        if name == branch or (name.startswith(TAGS) and (ref.peeled or ref.oid) in reached)
    }


async def _count_objects(engine: Engine, state: RepoState, refs: dict[RefName, Ref]) -> int:
    """How many objects these refs of a repo reach."""
    if state.repo.exact and len(refs) == len(state.refs):
        return state.repo.object_count
    return len(await engine.node.reachable.of(state.packs, {ref.oid for ref in refs.values()}, state.shallow))
