"""The REST application: the same routes under the documented base and under the launch-day one."""

import itertools
import re
from collections.abc import Callable

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from treehold import __version__
from treehold.api import errors, repos, tokens
from treehold.api.body import BODY_BYTES_MAX
from treehold.api.documented import account_in_path
from treehold.api.visit import Door
from treehold.catalog.base import RepoRow
from treehold.engine.context import Engine

DOCUMENTED_BASE = "/client/v4/accounts/{account_id}/artifacts"
LAUNCH_DAY_BASE = "/v1/api"
"""As the first day's clients know it: the same routes in the default account."""
ROUTERS = (repos.router, tokens.router)

_BASE = re.compile(r"/client/v4/accounts/[^/]+/artifacts|" + LAUNCH_DAY_BASE)


def create_api(
    engine: Engine, *, remote_for: Callable[[RepoRow], str], body_bytes_max: int = BODY_BYTES_MAX
) -> FastAPI:
    """The REST application. ``remote_for`` makes the URL by which Git clients reach a repo."""
    app = FastAPI(title="Treehold", version=__version__, redirect_slashes=False)
    app.state.door = Door(engine=engine, remote_for=remote_for, body_bytes_max=body_bytes_max)
    for router in ROUTERS:
        app.include_router(router, prefix=DOCUMENTED_BASE, dependencies=[Depends(account_in_path)])
        app.include_router(router, prefix=LAUNCH_DAY_BASE, include_in_schema=False)
    errors.install(app, methods_at)
    return app


def methods_at(path: str) -> list[str]:
    """The methods that a path takes, sorted. The router alone would name those of one route where several share it."""
    base = _BASE.search(path)
    below = path[base.end() :] if base else ""
    found: set[str] = set()
    for route in itertools.chain.from_iterable(router.routes for router in ROUTERS):
        if isinstance(route, APIRoute) and route.path_regex.match(below):
            found |= route.methods or set()
    return sorted(found)
