"""Tests of treehold.catalog.base."""

from dataclasses import FrozenInstanceError

import pytest

from tests.contract.catalog_samples import new_repo, oid_of
from treehold.catalog.base import Ref, RepoPage


def test_rows_never_change_under_their_reader() -> None:
    """A row cannot be written to."""
    row = new_repo("repo")
    with pytest.raises(FrozenInstanceError):
        row.name = "other"  # type: ignore[misc]


def test_rows_are_compared_by_value() -> None:
    """Two rows with the same values are equal, and a ref is a lightweight one unless told."""
    assert Ref(oid_of("a")) == Ref(oid_of("a"), None)
    assert RepoPage((), 0, None) == RepoPage((), 0, None)
