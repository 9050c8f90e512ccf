"""The SQLite catalog keeps the catalog's contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.catalog_suite import ForkSuite, RepoSuite
from tests.contract.catalog_suite_answers import AnswerSuite
from tests.contract.catalog_suite_care import JobSuite, LeaseSuite, NeedSuite, PurgeSuite
from tests.contract.catalog_suite_changes import ChangeSuite
from tests.contract.catalog_suite_history import HistorySuite, LargeHistorySuite, RefLogSuite
from tests.contract.catalog_suite_limits import BoundarySuite, StoredBytesSuite
from tests.contract.catalog_suite_listing import ListingSuite
from tests.contract.catalog_suite_namespaces import NamespaceSuite
from tests.contract.catalog_suite_packs import ReplacementSuite, SweepSuite
from tests.contract.catalog_suite_tokens import AccountSuite, ApiTokenSuite, LifeSuite, TokenSuite
from treehold.catalog.base import Catalog
from treehold.catalog.sqlite import SqliteCatalog


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """A fresh catalog."""
    made = SqliteCatalog.open(tmp_path / "catalog.db")
    yield made
    await made.close()


@pytest.fixture
async def second(catalog: Catalog, tmp_path: Path) -> AsyncIterator[Catalog]:
    """Another instance over the same file."""
    made = SqliteCatalog.open(tmp_path / "catalog.db")
    yield made
    await made.close()


class TestRepos(RepoSuite):
    """Repos."""


class TestForks(ForkSuite):
    """Forks."""


class TestListing(ListingSuite):
    """Lists."""


class TestHistory(HistorySuite):
    """Pushes."""


class TestRefLog(RefLogSuite):
    """The ref log."""


class TestLargeHistory(LargeHistorySuite):
    """Many refs and pushes."""


class TestReplacements(ReplacementSuite):
    """Packs in the place of others."""


class TestSweep(SweepSuite):
    """Unreferenced packs."""


class TestNeeds(NeedSuite):
    """Repos in need."""


class TestLeases(LeaseSuite):
    """Leases."""


class TestJobs(JobSuite):
    """The job log."""


class TestPurge(PurgeSuite):
    """What has ended."""


class TestTokens(TokenSuite):
    """Repo tokens."""


class TestApiTokens(ApiTokenSuite):
    """API tokens."""


class TestAccounts(AccountSuite):
    """Accounts."""


class TestNamespaces(NamespaceSuite):
    """Namespaces."""


class TestChanges(ChangeSuite):
    """Changes of a repo."""


class TestLife(LifeSuite):
    """Closing."""


class TestBoundaries(BoundarySuite):
    """Commits without their parents."""


class TestStoredBytes(StoredBytesSuite):
    """What an account keeps."""


class TestAnswers(AnswerSuite):
    """First answers."""
