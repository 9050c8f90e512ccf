"""Where concrete backends are chosen and joined to an engine."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from treehold.auth.names import NamePolicy
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.context import Engine
from treehold.engine.node import Node
from treehold.errors import StorageError
from treehold.ids import AccountId, Milliseconds
from treehold.server.settings import Settings
from treehold.store.local import LocalStore


def clock() -> Milliseconds:
    """The present time."""
    return Milliseconds(time.time_ns() // 1_000_000)


def open_catalog(settings: Settings) -> SqliteCatalog:
    """The catalog in the data folder, which is made private if it is new; raises CatalogError, StorageError."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(f"cannot make the data folder {settings.data_dir}: {error.strerror}") from error
    return SqliteCatalog.open(settings.data_dir / "catalog.sqlite3")


def open_store(settings: Settings) -> LocalStore:
    """The store in the data folder."""
    return LocalStore(settings.data_dir / "store", entropy=os.urandom)


def build_engine(settings: Settings, *, git: Path) -> Engine:
    """An engine over the data folder, for one process."""
    catalog = open_catalog(settings)
    store = open_store(settings)
    node = Node.build(
        settings.cache_dir, catalog=catalog, store=store, entropy=os.urandom, git=git, limits=settings.limits
    )
    return Engine(
        catalog=catalog,
        store=store,
        node=node,
        clock=clock,
        entropy=os.urandom,
        limits=settings.limits,
        names=NamePolicy(settings.name_policy),
        default_account=AccountId(settings.account_id),
        failpoint=_failpoint(settings.failpoint),
    )


def clear_scratch(settings: Settings) -> None:
    """Throw away what an earlier run left half-made; before any process serves."""
    shutil.rmtree(settings.cache_dir, ignore_errors=True)
    open_store(settings).sweep_temporary()


def _failpoint(armed: str) -> Callable[[str], None]:
    """Crash tests name the step at which this process is to die at once, as if the power went."""

    def reach(name: str) -> None:
        if name == armed:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
