"""Repos by name: create, find, list, change, delete."""

from dataclasses import dataclass

from treehold.auth.names import DESCRIPTION_MAX
from treehold.catalog.base import KEEP, NewRepo, RepoChanges, RepoPage, RepoQuery, RepoRow
from treehold.engine import tokens
from treehold.engine.context import Engine
from treehold.engine.gate import check_ready
from treehold.errors import InvalidInput, InvalidRefName
from treehold.ids import AccountId, RepoId, branch_ref, new_id

DEFAULT_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class RepoWish:
    """What somebody wants a new repo to be."""

    name: str
    description: str | None = None
    default_branch: str = DEFAULT_BRANCH
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class CreatedRepo:
    """A new repo and the plaintext of its first token."""

    row: RepoRow
    token: str


def new_repo(engine: Engine, account: AccountId, namespace: str, wish: RepoWish, *, source: str | None) -> NewRepo:
    """Check a wish; raises InvalidInput with the pointer of the first field that is wrong."""
    engine.names.check_namespace(namespace)
    engine.names.check_repo_name(wish.name)
    _check_description(wish.description)
    _check_branch(wish.default_branch)
    return NewRepo(
        id=RepoId(new_id(engine.entropy)),
        account=account,
        namespace=namespace,
        name=wish.name,
        description=wish.description,
        default_branch=wish.default_branch,
        read_only=wish.read_only,
        source=source,
        now=engine.clock(),
    )


def _check_description(description: str | None) -> None:
    if description is not None and len(description) > DESCRIPTION_MAX:
        raise InvalidInput(f"description has more than {DESCRIPTION_MAX} characters", "/description")


def _check_branch(branch: str) -> None:
    try:
        branch_ref(branch)
    except (InvalidRefName, UnicodeEncodeError):
        raise InvalidInput(f"not a valid branch name: {branch[:80]!r}", "/default_branch") from None


async def create_repo(engine: Engine, account: AccountId, namespace: str, wish: RepoWish) -> CreatedRepo:
    """Make an empty repo with a first token; raises InvalidInput, AlreadyExists."""
    repo = new_repo(engine, account, namespace, wish, source=None)
    token = tokens.mint_initial(engine)
    row = await engine.catalog.create_repo(repo, token.kept)
    return CreatedRepo(row=row, token=token.plaintext)


async def get_repo(engine: Engine, account: AccountId, namespace: str, name: str) -> RepoRow:
    """The repo of that name; raises NotFound."""
    return await engine.catalog.find_repo(account, namespace, name)


async def list_repos(engine: Engine, query: RepoQuery) -> RepoPage:
    """A page of a namespace's repos; raises InvalidInput for a bad cursor."""
    return await engine.catalog.list_repos(query)


async def update_repo(engine: Engine, account: AccountId, namespace: str, name: str, changes: RepoChanges) -> RepoRow:
    """Change a repo; its default branch need not be there. Raises InvalidInput before it looks, then NotFound,
    ImportInProgress.
    """
    if changes.description is not KEEP:
        _check_description(changes.description)
    if changes.default_branch is not None:
        _check_branch(changes.default_branch)
    row = await engine.catalog.find_repo(account, namespace, name)
    check_ready(row)
    return await engine.catalog.update_repo(row.id, changes, engine.clock())


async def delete_repo(engine: Engine, account: AccountId, namespace: str, name: str) -> RepoId:
    """Take a repo away, or say again that it is; raises NotFound if there never was one."""
    return await engine.catalog.delete_repo(account, namespace, name, engine.clock())
