"""Twin of treehold.api.visit."""

import dataclasses
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from tests.unit.api.told_catalog import API_TOKEN, ToldCatalog
from treehold.api.visit import Door, admit_anybody, admit_editor, admit_reader
from treehold.engine.context import Engine
from treehold.engine.gate import UseNotes
from treehold.errors import InvalidRepoName, LimitExceeded, NotFound, PermissionDenied, Unauthenticated
from treehold.schema.bodies import CreateRepoRequest


def request_to(
    engine: Engine, *, path: str = "/", body: bytes = b"", token: bytes | None = b"t", **parameters: str
) -> Request:
    """A request as a route is given it."""
    app = FastAPI()
    app.state.door = Door(
        engine=engine, remote_for=lambda row: row.name, body_bytes_max=100, uses=UseNotes(engine.catalog)
    )
    headers = [] if token is None else [(b"authorization", b"Bearer " + token)]

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "path_params": parameters, "app": app}
    return Request(scope, receive)


async def test_the_account_is_the_paths_or_the_default(engine: Engine, catalog: ToldCatalog) -> None:
    """A path that names no account means the default one."""
    assert (await admit_reader(request_to(engine))).account == "acme"
    catalog.answers["find_api_token"] = dataclasses.replace(API_TOKEN, account=cast("Any", "rival"))
    assert (await admit_reader(request_to(engine, account_id="rival"))).account == "rival"
    with pytest.raises(PermissionDenied):
        await admit_reader(request_to(engine))


async def test_every_good_token_is_let_in_to_its_own_account(engine: Engine, catalog: ToldCatalog) -> None:
    """Whoever asks who he is need not say which account he means; a token that is over is nobody."""
    catalog.answers["find_api_token"] = dataclasses.replace(API_TOKEN, account=cast("Any", "rival"), permission="read")
    visit = await admit_anybody(request_to(engine))
    assert (visit.account, visit.token.permission) == ("rival", "read")
    catalog.answers["find_api_token"] = dataclasses.replace(API_TOKEN, expires_at=engine.clock())
    with pytest.raises(Unauthenticated):
        await admit_anybody(request_to(engine))


async def test_a_use_is_noted_once_an_hour(engine: Engine, catalog: ToldCatalog) -> None:
    """A visit by a token that was not used lately is noted, and a catalog that cannot write troubles nobody."""
    old = dataclasses.replace(API_TOKEN, last_used_at=None)
    catalog.answers |= {"find_api_token": old, "note_api_token_use": None}
    visit = await admit_reader(request_to(engine))
    await visit.door.uses.settled()
    assert catalog.asked.pop("note_api_token_use") == (API_TOKEN.id, 1000)
    catalog.answers["find_api_token"] = API_TOKEN
    visit = await admit_reader(request_to(engine))
    await visit.door.uses.settled()
    assert "note_api_token_use" not in catalog.asked


async def test_reading_needs_less_than_editing(engine: Engine, catalog: ToldCatalog) -> None:
    """A read token is let in to read and not to edit."""
    catalog.answers["find_api_token"] = dataclasses.replace(API_TOKEN, permission="read")
    await admit_reader(request_to(engine))
    with pytest.raises(PermissionDenied):
        await admit_editor(request_to(engine))


async def test_strangers_are_refused_before_their_path_is_looked_at(engine: Engine) -> None:
    """Without a token a NUL in the path is not even noticed; with one nothing has that name."""
    with pytest.raises(Unauthenticated):
        await admit_editor(request_to(engine, path="/a\x00", token=None))
    with pytest.raises(NotFound):
        await admit_editor(request_to(engine, path="/a\x00"))


async def test_a_body_is_checked_by_its_model(engine: Engine) -> None:
    """A visit reads its body up to the limit, as the model that the route names."""
    visit = await admit_editor(request_to(engine, body=b'{"name": "starter-repo"}'))
    assert (await visit.body(CreateRepoRequest)).name == "starter-repo"
    assert visit.engine is engine
    for body, error in ((b"{}", InvalidRepoName), (b" " * 101, LimitExceeded)):
        visit = await admit_editor(request_to(engine, body=body))
        with pytest.raises(error):
            await visit.body(CreateRepoRequest)
