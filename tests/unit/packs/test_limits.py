from treehold.packs.limits import DEFAULT_LIMITS


def test_one_object_may_not_use_up_everything() -> None:
    """The limit on one object is below the limit on all of them."""
    assert DEFAULT_LIMITS.object_bytes_max < DEFAULT_LIMITS.inflated_bytes_max
