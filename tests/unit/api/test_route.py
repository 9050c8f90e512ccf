"""Twin of treehold.api.route."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from treehold.api.errors import install
from treehold.api.route import Route
from treehold.errors import Unauthenticated
from treehold.schema.queries import ListTokensQuery


async def _admit(request: Request) -> str:
    if "authorization" not in request.headers:
        raise Unauthenticated("who is there?")
    return request.headers["authorization"]


def _documented(account_id: str) -> None:
    raise AssertionError(f"never called: {account_id}")


def _app() -> FastAPI:
    router = APIRouter(route_class=Route)

    @router.get("/{name}")
    async def show(
        name: str, guest: Annotated[str, Depends(_admit)], asked: Annotated[ListTokensQuery, Query()]
    ) -> Response:
        return PlainTextResponse(f"{name} {guest} {asked.state} {asked.page}")

    app = FastAPI()
    app.include_router(router, prefix="/of/{account_id}", dependencies=[Depends(_documented)])
    install(app, lambda _path: [])
    return app


@pytest.fixture
def http() -> httpx.AsyncClient:
    """A client of an application with one route, who is let in."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(_app()), base_url="https://api.example/of/acme", headers={"authorization": "me"}
    )


async def test_a_route_is_given_what_its_signature_names(http: httpx.AsyncClient) -> None:
    """The path's texts, the guest and the query as a model, of which a doubled parameter's last value counts."""
    assert (await http.get("/a%20b?page=2&page=3&state=")).text == "a b me active 3"


async def test_a_stranger_is_refused_before_the_query_is_read(http: httpx.AsyncClient) -> None:
    """Nobody learns what is wrong with a request without being let in."""
    assert (await http.get("/x?page=0", headers={"authorization": "me"})).status_code == 400
    del http.headers["authorization"]
    assert (await http.get("/x?page=0")).status_code == 401


async def test_a_wrong_query_is_named(http: httpx.AsyncClient) -> None:
    """The first wrong parameter is pointed at, as FastAPI's own solver would."""
    error = (await http.get("/x?page=0&state=none")).json()["errors"][0]
    assert error["source"] == {"pointer": "/state"}


def test_the_document_knows_all_parameters() -> None:
    """What the solver no longer sees is in the OpenAPI document all the same."""
    parameters = _app().openapi()["paths"]["/of/{account_id}/{name}"]["get"]["parameters"]
    assert [row["name"] for row in parameters] == ["name", "account_id", "state", "page", "per_page"]
