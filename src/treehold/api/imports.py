"""Route of imports: a repo that begins as a copy of one elsewhere."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import answer
from treehold.api.documented import FAILURES, IN_NAMESPACE, NamespaceInPath, RepoInPath, takes
from treehold.api.route import Route
from treehold.api.visit import Editor
from treehold.engine.import_ import Imports, ImportWish
from treehold.errors import InvalidInput
from treehold.schema.bodies import ImportRepoRequest
from treehold.schema.envelope import Failure, Success
from treehold.schema.rows import CreateRepoResult

_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Failure, "description": "A field is wrong, or the URL does not lead to a Git repository (10104)"},
    404: {"model": Failure, "description": "The remote repository does not exist (10200)"},
    409: {"model": Failure, "description": "The name is taken (10201), or is being imported (10302)"},
    413: {"model": Failure, "description": "The remote has more refs than a repo may have"},
    422: {"model": Failure, "description": "The remote asks for credentials, or does not accept these (10106)"},
    502: {"model": Failure, "description": "The remote cannot be reached (10401)"},
    504: {"model": Failure, "description": "The remote took too long (10401)"},
}

router = APIRouter(prefix=IN_NAMESPACE, tags=["repos"], responses=FAILURES, route_class=Route)


@router.post(
    "/repos/{name}/import",
    status_code=201,
    response_model=Success[CreateRepoResult],
    responses=_DOCUMENTED,
    openapi_extra=takes(ImportRepoRequest),
)
async def import_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Editor) -> Response:
    """Begin to import a repo from another server. It is there at once, and can be used when its status is ready."""
    asked = await visit.body(ImportRepoRequest)
    if asked.depth is not None:
        raise InvalidInput("depth: not supported yet", "/depth")
    imports: Imports = visit.request.app.state.imports
    wish = ImportWish(name, asked.url, asked.branch, asked.read_only)
    created = await imports.begin(visit.account, namespace, wish)
    shown = rows.created_repo(created, visit.door.remote_for(created.row))
    return answer(Success[CreateRepoResult](result=shown), status=201)
