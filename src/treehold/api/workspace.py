"""The workspace API: repos of one namespace of the default account, whose names may have levels.

``my-workspace/experiment`` is the name of an experiment within a workspace to its clients, and not a repo's name that
Git or the other routes could take. So each slash becomes two hyphens, and the answer tells the name that came of it.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from treehold.api import imports, repos, tokens
from treehold.api.documented import FAILURES, takes
from treehold.api.route import Route
from treehold.api.visit import Body, Visit, admit_editor
from treehold.errors import InvalidRepoName
from treehold.schema.bodies import CreateRepoRequest, CreateTokenRequest, ForkRepoRequest, ImportRepoRequest
from treehold.schema.envelope import Success
from treehold.schema.rows import CreateRepoResult, CreateTokenResult, ForkRepoResult

router = APIRouter(prefix="/artifacts", tags=["workspace"], responses=FAILURES, route_class=Route)

WorkspaceName = Annotated[str, Path(description="A repo's name, with a slash between levels", examples=["work/try-1"])]


@dataclass(frozen=True, slots=True)
class WorkspaceVisit(Visit):
    """A visit whose body may name repos by levels."""

    async def body(self, model: type[Body]) -> Body:
        """Read and check the request's body; the names in it become legal ones. Raises InvalidInput, LimitExceeded."""
        asked = await Visit.body(self, model)
        named = {field: repo_name(getattr(asked, field)) for field in ("name", "repo") if hasattr(asked, field)}
        return asked.model_copy(update=named)


async def admit(request: Request) -> WorkspaceVisit:
    """Let in who may change things; raises Unauthenticated, PermissionDenied."""
    visit = await admit_editor(request)
    return WorkspaceVisit(door=visit.door, account=visit.account, token=visit.token, request=visit.request)


Worker = Annotated[WorkspaceVisit, Depends(admit)]
"""A route's parameter that admits Artifacts Edit alone."""


def repo_name(name: str) -> str:
    """The name of the repo that a name with levels stands for; raises InvalidRepoName for an empty level."""
    levels = name.split("/")
    if len(levels) > 1 and not all(levels):
        raise InvalidRepoName("invalid repo name: a level of it is empty", "/name")
    return "--".join(levels)


@router.post(
    "/repos", status_code=201, response_model=Success[CreateRepoResult], openapi_extra=takes(CreateRepoRequest)
)
async def create_repo(visit: Worker) -> Response:
    """Create an empty repo."""
    return await repos.create_repo(visit.door.workspace_namespace, visit)


@router.post(
    "/repos/{name:path}/fork",
    status_code=201,
    response_model=Success[ForkRepoResult],
    openapi_extra=takes(ForkRepoRequest),
)
async def fork_repo(name: WorkspaceName, visit: Worker) -> Response:
    """Make an independent copy of a repo, with its own tokens."""
    return await repos.fork_repo(visit.door.workspace_namespace, repo_name(name), visit)


@router.post(
    "/repos/{name:path}/import",
    status_code=201,
    response_model=Success[CreateRepoResult],
    openapi_extra=takes(ImportRepoRequest),
)
async def import_repo(name: WorkspaceName, visit: Worker) -> Response:
    """Begin to import a repo from another server. It is there at once, and can be used when its status is ready."""
    return await imports.import_repo(visit.door.workspace_namespace, repo_name(name), visit)


@router.post(
    "/tokens", status_code=201, response_model=Success[CreateTokenResult], openapi_extra=takes(CreateTokenRequest)
)
async def create_token(visit: Worker) -> Response:
    """Give a repo one more token. Its plaintext is in this answer and nowhere else."""
    return await tokens.create_token(visit.door.workspace_namespace, visit)
