"""Route of imports: a repo that begins as a copy of one elsewhere."""

from fastapi import APIRouter
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import answer
from treehold.api.documented import FAILURES, IN_NAMESPACE, OF_IMPORT, NamespaceInPath, RepoInPath, takes
from treehold.api.route import Route
from treehold.api.visit import Editor
from treehold.engine.import_ import Imports, ImportWish
from treehold.schema.bodies import ImportRepoRequest
from treehold.schema.envelope import Success
from treehold.schema.rows import CreateRepoResult

router = APIRouter(prefix=IN_NAMESPACE, tags=["repos"], responses=FAILURES, route_class=Route)


@router.post(
    "/repos/{name}/import",
    status_code=201,
    response_model=Success[CreateRepoResult],
    responses=OF_IMPORT,
    openapi_extra=takes(ImportRepoRequest),
)
async def import_repo(namespace: NamespaceInPath, name: RepoInPath, visit: Editor) -> Response:
    """Begin to import a repo from another server. It is there at once, and can be used when its status is ready."""
    asked = await visit.body(ImportRepoRequest)
    imports: Imports = visit.request.app.state.imports
    wish = ImportWish(name, asked.url, asked.branch, asked.depth, asked.read_only, asked.description)
    created = await imports.begin(visit.account, namespace, wish)
    shown = rows.created_repo(created, visit.door.remote_for(created.row))
    return answer(Success[CreateRepoResult](result=shown), status=201)
