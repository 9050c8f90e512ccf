"""A REST application over a catalog that answers what it was told."""

from pathlib import Path
from typing import cast

import httpx
import pytest

from tests.unit.api.told_catalog import ToldCatalog
from treehold.api.app import create_api
from treehold.auth.names import NamePolicy
from treehold.catalog.base import Catalog
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.node import Node
from treehold.ids import AccountId, Milliseconds
from treehold.store.memory import MemoryStore


@pytest.fixture
def catalog() -> ToldCatalog:
    """A catalog that knows one API token, whatever it is shown."""
    return ToldCatalog()


@pytest.fixture
def engine(catalog: ToldCatalog, tmp_path: Path) -> Engine:
    """An engine over the told catalog, at 1.000 seconds after 1970, with zeros for randomness."""
    told, store, limits = cast("Catalog", catalog), MemoryStore(clock=lambda: Milliseconds(1000)), Limits()
    return Engine(
        catalog=told,
        store=store,
        node=Node.build(tmp_path, catalog=told, store=store, entropy=bytes, git=Path("/no/git"), limits=limits),
        clock=lambda: Milliseconds(1000),
        entropy=bytes,
        limits=limits,
        names=NamePolicy(),
        default_account=AccountId("acme"),
        failpoint=lambda _step: None,
    )


@pytest.fixture
def http(engine: Engine) -> httpx.AsyncClient:
    """A client of the REST application, below the default namespace of the launch-day base."""
    app = create_api(engine, remote_for=lambda row: f"https://git.example/{row.name}", body_bytes_max=200)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="https://api.example/v1/api/namespaces/default",
        headers={"authorization": "Bearer token"},
    )
