"""Routes of repos: create, list, get, change, delete, fork."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import answer
from treehold.api.documented import (
    BAD_BODY,
    BAD_BRANCH,
    BAD_KEY,
    BAD_LIMIT,
    BAD_NAMESPACE,
    BAD_REPO_NAME,
    CREATING,
    FAILURES,
    FORKING,
    IMPORTING,
    IN_NAMESPACE,
    LONG_BODY,
    NO_REPO,
    REPO_EXISTS,
    AnyNamespaceInPath,
    NamespaceInPath,
    RepoInPath,
    refusals,
    takes,
)
from treehold.api.route import Route
from treehold.api.visit import Editor, Reader
from treehold.catalog.accounts import Cursor
from treehold.catalog.base import KEEP, RepoChanges, RepoQuery
from treehold.engine import fork, repos
from treehold.engine.repos import RepoWish
from treehold.schema.bodies import CreateRepoRequest, ForkRepoRequest, UpdateRepoRequest
from treehold.schema.envelope import Listing, Success, page_info
from treehold.schema.queries import ListReposQuery
from treehold.schema.rows import CreateRepoResult, ForkRepoResult, Removed, RepoInfo

router = APIRouter(prefix=IN_NAMESPACE, tags=["repos"], responses=FAILURES, route_class=Route)


@router.post(
    "/repos",
    status_code=201,
    response_model=Success[CreateRepoResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_NAMESPACE, BAD_REPO_NAME, REPO_EXISTS, CREATING, LONG_BODY),
    openapi_extra=takes(CreateRepoRequest),
)
async def create_repo(namespace: NamespaceInPath, visit: Editor) -> Response:
    """Create an empty repo, and its namespace if need be."""
    asked = await visit.body(CreateRepoRequest)
    wish = RepoWish(asked.name, asked.description, asked.default_branch, asked.read_only)
    created = await repos.create_repo(visit.engine, visit.account, namespace, wish)
    shown = rows.created_repo(created, visit.door.remote_for(created.row))
    return answer(Success[CreateRepoResult](result=shown), status=201)


@router.get("/repos", response_model=Listing[RepoInfo], responses=refusals(BAD_LIMIT, BAD_NAMESPACE))
async def list_repos(
    namespace: AnyNamespaceInPath, visit: Reader, asked: Annotated[ListReposQuery, Query()]
) -> Response:
    """List a namespace's repos, by pages or by cursors; none of a namespace that is not there."""
    replace(visit.engine.names, style="relaxed").check_namespace(namespace)
    window = asked.window()
    query = RepoQuery(
        account=visit.account,
        namespace=namespace,
        limit=window.size,
        search=asked.search,
        sort=asked.sort,
        direction=asked.direction,
        cursor=Cursor(asked.cursor) if asked.cursor else None,
        offset=0 if asked.cursor else window.offset,
    )
    page = await repos.list_repos(visit.engine, query)
    shown = [rows.repo_info(row, visit.door.remote_for(row)) for row in page.rows]
    info = page_info(window, count=len(shown), total=page.total, cursor=page.cursor)
    return answer(Listing[RepoInfo](result=shown, result_info=info))


@router.get("/repos/{name}", response_model=Success[RepoInfo], responses=refusals(NO_REPO))
async def get_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Reader) -> Response:
    """Show one repo."""
    row = await repos.get_repo(visit.engine, visit.account, namespace, name)
    return answer(Success[RepoInfo](result=rows.repo_info(row, visit.door.remote_for(row))))


@router.patch(
    "/repos/{name}",
    response_model=Success[RepoInfo],
    responses=refusals(BAD_BODY, BAD_BRANCH, NO_REPO, IMPORTING, LONG_BODY),
    openapi_extra=takes(UpdateRepoRequest),
)
async def update_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Editor) -> Response:
    """Change a repo's description, default branch or read-only flag; what the body leaves out stays."""
    asked = await visit.body(UpdateRepoRequest)
    changes = RepoChanges(
        description=asked.description if "description" in asked.model_fields_set else KEEP,
        default_branch=asked.default_branch,
        read_only=asked.read_only,
    )
    row = await repos.update_repo(visit.engine, visit.account, namespace, name, changes)
    return answer(Success[RepoInfo](result=rows.repo_info(row, visit.door.remote_for(row))))


@router.delete("/repos/{name}", status_code=202, response_model=Success[Removed], responses=refusals(NO_REPO))
async def delete_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Editor) -> Response:
    """Delete a repo and its tokens; its name is free at once."""
    deleted = await repos.delete_repo(visit.engine, visit.account, namespace, name)
    return answer(Success[Removed](result=Removed(id=deleted)), status=202)


@router.post(
    "/repos/{name}/fork",
    status_code=201,
    response_model=Success[ForkRepoResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_REPO_NAME, NO_REPO, REPO_EXISTS, IMPORTING, FORKING, LONG_BODY),
    openapi_extra=takes(ForkRepoRequest),
)
async def fork_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Editor) -> Response:
    """Make an independent copy of a repo, with its own tokens."""
    asked = await visit.body(ForkRepoRequest)
    wish = RepoWish(asked.name, asked.description, read_only=asked.read_only)
    forked = await fork.fork_repo(
        visit.engine, visit.account, namespace, name, wish, default_branch_only=asked.default_branch_only
    )
    shown = rows.forked_repo(forked, visit.door.remote_for(forked.created.row))
    return answer(Success[ForkRepoResult](result=shown), status=201)
