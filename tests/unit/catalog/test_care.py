"""Tests of treehold.catalog.care."""

from treehold.catalog.care import PurgedCounts


def test_counts_are_added_kind_by_kind() -> None:
    """Two purges together took away what each did."""
    assert PurgedCounts(1, 2, 3, 4, 5) + PurgedCounts(10, 20, 30, 40, 50) == PurgedCounts(11, 22, 33, 44, 55)
    assert PurgedCounts() + PurgedCounts() == PurgedCounts()
