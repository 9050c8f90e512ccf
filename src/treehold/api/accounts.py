"""Routes that tell a client whose API token it holds, as clients ask that were not told their account."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from treehold.api import rows
from treehold.api.answers import answer
from treehold.api.documented import BAD_PAGE, FAILURES, refusals
from treehold.api.route import Route
from treehold.api.visit import Holder
from treehold.schema.envelope import Listing, Success, page_info
from treehold.schema.queries import ListAccountsQuery, Window
from treehold.schema.rows import AccountInfo, Membership, VerifiedToken

T = TypeVar("T")

router = APIRouter(tags=["accounts"], responses=FAILURES, route_class=Route)


@router.get("/accounts", response_model=Listing[AccountInfo], responses=refusals(BAD_PAGE))
async def list_accounts(visit: Holder, asked: Annotated[ListAccountsQuery, Query()]) -> Response:
    """List the one account of the token shown."""
    return answer(_only(Listing[AccountInfo], rows.account_info(visit.token), asked.window()))


@router.get("/memberships", response_model=Listing[Membership], responses=refusals(BAD_PAGE))
async def list_memberships(visit: Holder, asked: Annotated[ListAccountsQuery, Query()]) -> Response:
    """List what the token shown may do in its account."""
    return answer(_only(Listing[Membership], rows.membership(visit.token), asked.window()))


@router.get("/user/tokens/verify", response_model=Success[VerifiedToken])
async def verify_token(visit: Holder) -> Response:
    """Tell whether the token shown is good, and until when."""
    return answer(Success[VerifiedToken](result=rows.verified_token(visit.token)))


def _only(listing: type[Listing[T]], row: T, window: Window) -> Listing[T]:
    """A stretch of a list of one row."""
    shown = [row] if window.page == 1 else []
    return listing(result=shown, result_info=page_info(window, count=len(shown), total=1))
