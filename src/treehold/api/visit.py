"""One request that was let in: who may do what is settled before anything else of it is looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request

from treehold.api.body import read_body
from treehold.auth.policy import Action
from treehold.catalog.accounts import ApiTokenRow
from treehold.catalog.base import RepoRow
from treehold.engine import gate
from treehold.engine.context import Engine
from treehold.errors import NotFound
from treehold.ids import AccountId
from treehold.schema.bodies import RequestBody
from treehold.schema.strict_json import parse_json_object

Body = TypeVar("Body", bound=RequestBody)


@dataclass(frozen=True, slots=True)
class Door:
    """What every route works with. ``remote_for`` makes the Git URL of a repo."""

    engine: Engine
    remote_for: Callable[[RepoRow], str]
    body_bytes_max: int
    uses: gate.UseNotes
    workspace_namespace: str = "default"
    """Where the repos of the workspace API lie."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a program that may act in ``account``, by the token that it showed."""

    door: Door
    account: AccountId
    token: ApiTokenRow
    request: Request

    @property
    def engine(self) -> Engine:
        """What the deeds are given."""
        return self.door.engine

    async def body(self, model: type[Body]) -> Body:
        """Read and check the request's body; raises InvalidInput, LimitExceeded."""
        return model.from_fields(parse_json_object(await read_body(self.request, bytes_max=self.door.body_bytes_max)))


async def admit_reader(request: Request) -> Visit:
    """Let in who may read; raises Unauthenticated, PermissionDenied."""
    return await _admit(request, "read")


async def admit_editor(request: Request) -> Visit:
    """Let in who may change things; raises Unauthenticated, PermissionDenied."""
    return await _admit(request, "edit")


async def admit_anybody(request: Request) -> Visit:
    """Let in whoever shows an API token, to its own account; raises Unauthenticated."""
    door: Door = request.app.state.door
    token = await gate.identify_program(door.engine, request.headers.get("authorization"))
    return _visit(request, token)


async def _admit(request: Request, action: Action) -> Visit:
    door: Door = request.app.state.door
    account = AccountId(request.path_params.get("account_id", door.engine.default_account))
    token = await gate.admit_program(door.engine, request.headers.get("authorization"), account=account, action=action)
    if "\x00" in request.scope["path"]:  # no name has one, and some databases cannot even be asked for it
        raise NotFound("nothing has a name with a NUL character")
    return _visit(request, token)


def _visit(request: Request, token: ApiTokenRow) -> Visit:
    """The visit of the holder of a token."""
    door: Door = request.app.state.door
    door.uses.note(token, door.engine.clock())
    return Visit(door=door, account=token.account, token=token, request=request)


Holder = Annotated[Visit, Depends(admit_anybody)]
"""A route's parameter that admits every good API token to its own account."""

Reader = Annotated[Visit, Depends(admit_reader)]
"""A route's parameter that admits Artifacts Read and Artifacts Edit."""
Editor = Annotated[Visit, Depends(admit_editor)]
"""A route's parameter that admits Artifacts Edit alone."""
