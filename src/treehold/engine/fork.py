"""Fork: one row that begins where its parent is."""

from dataclasses import dataclass

from treehold.catalog.base import RepoRow
from treehold.engine import tokens
from treehold.engine.context import Engine
from treehold.engine.repos import CreatedRepo, RepoWish, new_repo
from treehold.ids import TAGS, AccountId, RefName, branch_ref


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

    The fork's default branch is its parent's. Raises NotFound for the parent, InvalidInput, AlreadyExists.
    """
    parent = await engine.catalog.find_repo(account, namespace, parent_name)
    source = f"artifacts:{namespace}/{parent_name}"
    inherited = RepoWish(
        name=wish.name,
        description=wish.description,
        default_branch=parent.default_branch,
        read_only=wish.read_only,
    )
    repo = new_repo(engine, account, namespace, inherited, source=source)
    token = tokens.mint_initial(engine)
    only = await _chosen_refs(engine, parent) if default_branch_only else None
    row = await engine.catalog.fork_repo(parent.id, repo, token.kept, only=only)
    objects = await _count_objects(engine, row)
    return ForkedRepo(created=CreatedRepo(row=row, token=token.plaintext), objects=objects)


async def _chosen_refs(engine: Engine, parent: RepoRow) -> frozenset[RefName]:
    """The default branch and the tags into it."""
    state = await engine.catalog.repo_state(parent.id)
    branch = branch_ref(parent.default_branch)
    if branch not in state.refs:
        return frozenset()
    if len(state.refs) == 1:
        return frozenset(state.refs)
    reached = await engine.node.reachable.of(state.packs, [state.refs[branch].oid])
    tags = {name for name, ref in state.refs.items() if name.startswith(TAGS) and (ref.peeled or ref.oid) in reached}
    return frozenset({branch, *tags})


async def _count_objects(engine: Engine, fork: RepoRow) -> int:
    if fork.exact:
        return fork.object_count
    state = await engine.catalog.repo_state(fork.id)
    return len(await engine.node.reachable.of(state.packs, {ref.oid for ref in state.refs.values()}))
