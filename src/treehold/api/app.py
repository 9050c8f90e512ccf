"""The REST application: the same routes under the documented base and under the launch-day one, and a few beside."""

import itertools
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from treehold import __version__
from treehold.api import accounts, docs_page, document, errors, imports, namespaces, reads, repos, tokens, workspace
from treehold.api.body import BODY_BYTES_MAX
from treehold.api.documented import account_in_path
from treehold.api.visit import Door
from treehold.catalog.base import RepoRow
from treehold.engine.context import Engine
from treehold.engine.gate import UseNotes
from treehold.engine.import_ import Imports

DOCUMENTED_BASE = "/client/v4/accounts/{account_id}/artifacts"
LAUNCH_DAY_BASE = "/v1/api"
"""As the first day's clients know it: the same routes in the default account."""
DOCS_PATH = "/docs"
"""Where people read what programs read at ``/openapi.json``."""
CLIENT_BASE = "/client/v4"
"""Where clients ask whose token they hold."""
ROUTERS: Final[tuple[APIRouter, ...]] = (namespaces.router, repos.router, reads.router, tokens.router, imports.router)

_PAGES: Final = re.compile("/(?:docs|openapi[.]json)$")
_MOUNTS: Final[tuple[tuple[re.Pattern[str], tuple[APIRouter, ...]], ...]] = (
    (re.compile(r"/client/v4/accounts/[^/]+/artifacts|" + LAUNCH_DAY_BASE), ROUTERS),
    (re.compile(CLIENT_BASE), (accounts.router,)),
    (re.compile(r"(?=/artifacts/)"), (workspace.router,)),
)


def create_api(
    engine: Engine,
    *,
    remote_for: Callable[[RepoRow], str],
    body_bytes_max: int = BODY_BYTES_MAX,
    workspace_namespace: str = "default",
) -> FastAPI:
    """The REST application. ``remote_for`` makes the URL by which Git clients reach a repo."""
    app = FastAPI(
        title="Treehold",
        version=__version__,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=document.operation_id,
    )
    app.state.door = Door(
        engine=engine,
        remote_for=remote_for,
        body_bytes_max=body_bytes_max,
        uses=UseNotes(engine.catalog),
        workspace_namespace=workspace_namespace,
    )
    app.state.imports = Imports(engine)
    for router in ROUTERS:
        app.include_router(router, prefix=DOCUMENTED_BASE, dependencies=[Depends(account_in_path)])
        app.include_router(router, prefix=LAUNCH_DAY_BASE, include_in_schema=False)
    app.include_router(accounts.router, prefix=CLIENT_BASE)
    app.include_router(workspace.router)
    app.openapi = cache(partial(document.describe, app, engine.limits, engine.names))  # type: ignore[method-assign]
    app.add_route(DOCS_PATH, docs_page.answer_with(app.openapi), include_in_schema=False)
    errors.install(app, methods_at)
    return app


def methods_at(path: str) -> list[str]:
    """The methods that a path takes, sorted. The router alone would name those of one route where several share it."""
    for base, routers in _MOUNTS:
        mounted = base.search(path)
        if mounted:
            below = path[mounted.end() :]
            routes = itertools.chain.from_iterable(router.routes for router in routers)
            taken = (route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(below))
            return sorted({method for route in taken for method in route.methods or ()})
    return ["GET", "HEAD"] if _PAGES.search(path) else []
