"""The errors that the client raises."""

import pickle

from treehold.client.errors import CODES, ArtifactsError, RateLimited


def test_errors_travel() -> None:
    """An error that comes from another process has all that it had there."""
    error = RateLimited("slow down", "RATE_LIMITED", 10429, pointer="/x", status=429, retry_after=3.0)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is RateLimited
    assert vars(copied) == vars(error)
    assert str(copied) == "slow down (RATE_LIMITED)"


def test_names_are_unique() -> None:
    """Each number has a name of its own."""
    assert len({name for name, _ in CODES.values()}) == len(CODES)
    assert all(issubclass(kind, ArtifactsError) for _, kind in CODES.values())
