"""The workspace API: repos of one namespace of the default account, whose names may have levels.

``my-workspace/experiment`` is the name of an experiment within a workspace to its clients, and not a repo's name that
Git or the other routes could take. So each slash becomes two hyphens, and the answer tells the name that came of it.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from treehold.api import imports, repos, tokens
from treehold.api.documented import (
    BAD_BODY,
    BAD_KEY,
    BAD_REPO_NAME,
    BAD_TTL,
    CREATING,
    FAILURES,
    FORKING,
    IMPORTING,
    LONG_BODY,
    NO_REPO,
    OF_IMPORT,
    REPO_EXISTS,
    refusals,
    takes,
)
from treehold.api.route import Route
from treehold.api.visit import Body, Visit, admit_editor
from treehold.errors import InvalidInput, InvalidRepoName
from treehold.schema.bodies import (
    CreateRepoRequest,
    CreateTokenRequest,
    ForkRepoRequest,
    ImportRepoRequest,
    RequestBody,
)
from treehold.schema.envelope import Success
from treehold.schema.names import LEVELLED_NAME, LEVELS_MAX, REPO_NAME
from treehold.schema.rows import CreateRepoResult, CreateTokenResult, ForkRepoResult

router = APIRouter(prefix="/artifacts", tags=["workspace"], responses=FAILURES, route_class=Route)

WorkspaceName = Annotated[
    str,
    Path(
        description="A repo's name, with a slash between levels",
        examples=["work/try-1"],
        json_schema_extra={"anyOf": [REPO_NAME, LEVELLED_NAME]},
    ),
]


@dataclass(frozen=True, slots=True)
class WorkspaceVisit(Visit):
    """A visit whose body may name repos by levels."""

    async def body(self, model: type[Body]) -> Body:
        """Read and check the request's body; the names in it become legal ones. Raises InvalidInput, LimitExceeded."""
        asked = await Visit.body(self, model)
        if hasattr(asked, "name"):
            return asked.model_copy(update={"name": repo_name(asked.name)})
        if hasattr(asked, "repo"):
            return asked.model_copy(update={"repo": _repo_asked_for(asked.repo)})
        return asked


async def admit(request: Request) -> WorkspaceVisit:
    """Let in who may change things; raises Unauthenticated, PermissionDenied."""
    visit = await admit_editor(request)
    return WorkspaceVisit(door=visit.door, account=visit.account, token=visit.token, request=visit.request)


Worker = Annotated[WorkspaceVisit, Depends(admit)]
"""A route's parameter that admits Artifacts Edit alone."""


def repo_name(name: str) -> str:
    """The name of the repo that a name with levels stands for; raises InvalidRepoName for bad levels."""
    levels = name.split("/")
    if len(levels) > 1 and not all(levels):
        raise InvalidRepoName("invalid repo name: a level of it is empty", "/name")
    if len(levels) > LEVELS_MAX:
        raise InvalidRepoName(f"invalid repo name: it must have at most {LEVELS_MAX} levels", "/name")
    if len(levels) > 1 and len(name) > LEVELLED_NAME["maxLength"]:
        raise InvalidRepoName(
            f"invalid repo name: with levels it must have at most {LEVELLED_NAME['maxLength']} characters", "/name"
        )
    return "--".join(levels)


def _repo_asked_for(name: str) -> str:
    try:
        return repo_name(name)
    except InvalidRepoName as error:  # no name is given here, one is looked up
        raise InvalidInput(str(error), "/repo") from None


def _takes(model: type[RequestBody]) -> dict[str, Any]:
    """Say that a route takes that body, in which names may have levels."""
    told = takes(model)
    fields = told["requestBody"]["content"]["application/json"]["schema"]["properties"]
    for field in {"name", "repo"} & set(fields):
        fields[field] = {
            "type": "string",
            "anyOf": [REPO_NAME, LEVELLED_NAME],
            "description": "A repo's name, with a slash between levels",
            "examples": ["work/try-1"],
        }
    return told


@router.post(
    "/repos",
    status_code=201,
    response_model=Success[CreateRepoResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_REPO_NAME, REPO_EXISTS, CREATING, LONG_BODY),
    openapi_extra=_takes(CreateRepoRequest),
)
async def create_repo(visit: Worker) -> Response:
    """Create an empty repo."""
    return await repos.create_repo(visit.door.workspace_namespace, visit)


@router.post(
    "/repos/{name:path}/fork",
    status_code=201,
    response_model=Success[ForkRepoResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_REPO_NAME, NO_REPO, REPO_EXISTS, IMPORTING, FORKING, LONG_BODY),
    openapi_extra=_takes(ForkRepoRequest),
)
async def fork_repo(name: WorkspaceName, visit: Worker) -> Response:
    """Make an independent copy of a repo, with its own tokens."""
    return await repos.fork_repo(visit.door.workspace_namespace, repo_name(name), visit)


@router.post(
    "/repos/{name:path}/import",
    status_code=201,
    response_model=Success[CreateRepoResult],
    responses=OF_IMPORT,
    openapi_extra=takes(ImportRepoRequest),
)
async def import_repo(name: WorkspaceName, visit: Worker) -> Response:
    """Begin to import a repo from another server. It is there at once, and can be used when its status is ready."""
    return await imports.import_repo(visit.door.workspace_namespace, repo_name(name), visit)


@router.post(
    "/tokens",
    status_code=201,
    response_model=Success[CreateTokenResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_REPO_NAME, BAD_TTL, NO_REPO, IMPORTING, CREATING, LONG_BODY),
    openapi_extra=_takes(CreateTokenRequest),
)
async def create_token(visit: Worker) -> Response:
    """Give a repo one more token. Its plaintext is in this answer and nowhere else."""
    return await tokens.create_token(visit.door.workspace_namespace, visit)
