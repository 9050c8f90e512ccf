"""Routes of repo tokens: list, create, revoke."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import answer
from treehold.api.documented import (
    BAD_BODY,
    BAD_KEY,
    BAD_PAGE,
    BAD_TTL,
    CREATING,
    FAILURES,
    IMPORTING,
    IN_NAMESPACE,
    LONG_BODY,
    NO_REPO,
    NO_TOKEN,
    NamespaceInPath,
    RepoInPath,
    TokenInPath,
    refusals,
    takes,
)
from treehold.api.route import Route
from treehold.api.visit import Editor, Reader
from treehold.engine import tokens
from treehold.schema.bodies import CreateTokenRequest
from treehold.schema.envelope import Listing, Success, page_info
from treehold.schema.queries import ListTokensQuery
from treehold.schema.rows import CreateTokenResult, Removed, TokenInfo

router = APIRouter(prefix=IN_NAMESPACE, tags=["tokens"], responses=FAILURES, route_class=Route)


@router.get("/repos/{name}/tokens", response_model=Listing[TokenInfo], responses=refusals(BAD_PAGE, NO_REPO))
async def list_tokens(
    namespace: NamespaceInPath, name: RepoInPath, visit: Reader, asked: Annotated[ListTokensQuery, Query()]
) -> Response:
    """List a repo's tokens, newest first."""
    window = asked.window()
    page = await tokens.list_tokens(
        visit.engine, visit.account, namespace, name, state=asked.state, page=(window.size, window.offset)
    )
    shown = [rows.token_info(row, page.now) for row in page.rows]
    info = page_info(window, count=len(shown), total=page.total)
    return answer(Listing[TokenInfo](result=shown, result_info=info))


@router.post(
    "/tokens",
    status_code=201,
    response_model=Success[CreateTokenResult],
    responses=refusals(BAD_KEY, BAD_BODY, BAD_TTL, NO_REPO, IMPORTING, CREATING, LONG_BODY),
    openapi_extra=takes(CreateTokenRequest),
)
async def create_token(namespace: NamespaceInPath, visit: Editor) -> Response:
    """Give a repo one more token. Its plaintext is in this answer and nowhere else."""
    asked = await visit.body(CreateTokenRequest)
    minted = await tokens.create_token(
        visit.engine, visit.account, namespace, asked.repo, scope=asked.scope, ttl_seconds=asked.ttl
    )
    return answer(Success[CreateTokenResult](result=rows.created_token(minted)), status=201)


@router.delete("/tokens/{token_id}", response_model=Success[Removed], responses=refusals(NO_TOKEN))
async def revoke_token(namespace: NamespaceInPath, token_id: TokenInPath, visit: Editor) -> Response:
    """Revoke a token, or say again that it is."""
    revoked = await tokens.revoke_token(visit.engine, visit.account, namespace, token_id)
    return answer(Success[Removed](result=Removed(id=revoked)))
