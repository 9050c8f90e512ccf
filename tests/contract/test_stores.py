"""The store contract over each store."""

import os
from pathlib import Path

import pytest

from tests.contract.store_suite import StoreSuite
from treehold.server.backends import clock
from treehold.store.base import Store
from treehold.store.local import LocalStore
from treehold.store.memory import MemoryStore


class TestMemoryStore(StoreSuite):
    """In memory."""

    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(clock=clock)


class TestLocalStore(StoreSuite):
    """On disk."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "store", entropy=os.urandom)
