"""Routes of namespaces: create, list, get, delete."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import NEVER_STORED, answer
from treehold.api.documented import (
    BAD_BODY,
    BAD_KEY,
    BAD_LIMIT,
    BAD_NAMESPACE,
    CREATING,
    FAILURES,
    LONG_BODY,
    NAMESPACE_EXISTS,
    NAMESPACE_IN_USE,
    NO_NAMESPACE,
    NamespaceInPath,
    refusals,
    takes,
)
from treehold.api.route import Route
from treehold.api.visit import Editor, Reader
from treehold.catalog.accounts import Cursor, NamespaceQuery
from treehold.engine import namespaces
from treehold.schema.bodies import CreateNamespaceRequest
from treehold.schema.envelope import Listing, Success, page_info
from treehold.schema.queries import ListNamespacesQuery
from treehold.schema.rows import NamespaceInfo

router = APIRouter(prefix="/namespaces", tags=["namespaces"], responses=FAILURES, route_class=Route)


@router.post(
    "",
    status_code=201,
    response_model=Success[NamespaceInfo],
    responses=refusals(BAD_KEY, BAD_NAMESPACE, BAD_BODY, NAMESPACE_EXISTS, CREATING, LONG_BODY),
    openapi_extra=takes(CreateNamespaceRequest),
)
async def create_namespace(visit: Editor) -> Response:
    """Create an empty namespace. A repo's creation makes its namespace too, if need be."""
    asked = await visit.body(CreateNamespaceRequest)
    row = await namespaces.create_namespace(
        visit.engine, visit.account, asked.namespace, jurisdiction=asked.jurisdiction or "unrestricted"
    )
    return answer(Success[NamespaceInfo](result=rows.namespace_info(row)), status=201)


@router.get("", response_model=Listing[NamespaceInfo], responses=refusals(BAD_LIMIT))
async def list_namespaces(visit: Reader, asked: Annotated[ListNamespacesQuery, Query()]) -> Response:
    """List an account's namespaces by name, by pages or by cursors."""
    window = asked.window()
    query = NamespaceQuery(
        account=visit.account,
        limit=window.size,
        cursor=Cursor(asked.cursor) if asked.cursor else None,
        offset=0 if asked.cursor else window.offset,
    )
    page = await namespaces.list_namespaces(visit.engine, query)
    shown = [rows.namespace_info(row) for row in page.rows]
    info = page_info(window, count=len(shown), total=page.total, cursor=page.cursor)
    return answer(Listing[NamespaceInfo](result=shown, result_info=info))


@router.get("/{namespace}", response_model=Success[NamespaceInfo], responses=refusals(NO_NAMESPACE))
async def get_namespace(namespace: NamespaceInPath, visit: Reader) -> Response:
    """Show one namespace."""
    row = await namespaces.get_namespace(visit.engine, visit.account, namespace)
    return answer(Success[NamespaceInfo](result=rows.namespace_info(row)))


@router.delete(
    "/{namespace}", status_code=204, response_class=Response, responses=refusals(NO_NAMESPACE, NAMESPACE_IN_USE)
)
async def delete_namespace(namespace: NamespaceInPath, visit: Editor) -> Response:
    """Delete a namespace in which there are no repos."""
    await namespaces.delete_namespace(visit.engine, visit.account, namespace)
    return Response(status_code=204, headers=NEVER_STORED)
