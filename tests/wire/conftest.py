"""A REST door over a real engine: SQLite in a folder of the test, a store in memory, a clock that tests set."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.wire.rest_server import ACCOUNT, OTHER_ACCOUNT, RestServer, SetClock, remote_for
from treehold.api.app import create_api
from treehold.auth.names import NamePolicy
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.node import Node
from treehold.store.memory import MemoryStore


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """A real engine with nothing in it."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    store, limits = MemoryStore(clock=SetClock()), Limits()
    git = Path(shutil.which("git") or "git")
    node = Node.build(tmp_path / "node", catalog=catalog, store=store, entropy=os.urandom, git=git, limits=limits)
    yield Engine(
        catalog=catalog,
        store=store,
        node=node,
        clock=SetClock(),
        entropy=os.urandom,
        limits=limits,
        names=NamePolicy(),
        default_account=ACCOUNT,
        failpoint=lambda _step: None,
    )
    await catalog.close()


@pytest.fixture
async def rest(engine: Engine) -> AsyncIterator[RestServer]:
    """A REST application with a read token, an edit token and one of another account."""
    assert isinstance(engine.clock, SetClock)
    app = create_api(engine, remote_for=remote_for)
    # The outermost handler answers 500 and raises again for the log; the tests look at the answer.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as http:
        server = RestServer(engine=engine, clock=engine.clock, http=http)
        await server.grant("edit", ACCOUNT, "edit")
        await server.grant("read", ACCOUNT, "read")
        await server.grant("other", OTHER_ACCOUNT, "edit")
        yield server
