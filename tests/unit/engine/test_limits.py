"""Tests of treehold.engine.limits."""

import pytest

from treehold.engine.limits import Limits
from treehold.objects.severity import DEFAULT_SEVERITIES, Severity


def test_the_named_defects_have_the_named_severities() -> None:
    """In any spelling of their names; the others keep theirs, and names that only git knows are left to it."""
    severities = Limits(fsck="badtree=ignore,hasDotgit=warn,zeroPaddedFilemode=error,gitmodulesUrl=warn").severities()
    changed = {name: severity for name, severity in severities.items() if severity is not DEFAULT_SEVERITIES[name]}
    assert changed == {
        "badTree": Severity.IGNORE,
        "hasDotgit": Severity.WARN,
        "zeroPaddedFilemode": Severity.ERROR,
    }
    assert Limits(fsck="").severities() == DEFAULT_SEVERITIES


@pytest.mark.parametrize(
    "fsck", ["badTree", "badTree=", "badTree=no", "badTree=warn,", ",", "a=warn b=warn", "a=warn\n"]
)
def test_severities_that_cannot_be_read_are_refused(fsck: str) -> None:
    """With the form that they should have."""
    with pytest.raises(ValueError, match="fsck must be like badDate=ignore,hasDotgit=error"):
        Limits(fsck=fsck)


def test_what_imports_may_reach_is_read() -> None:
    """Hosts in lower case, networks as such, blanks and empty parts left out."""
    limits = Limits(import_allowed_hosts="Git.Example, ,other", import_allowed_networks=" 10.0.0.0/8,fd00::/8,")
    assert limits.import_hosts() == {"git.example", "other"}
    assert [str(network) for network in limits.import_networks()] == ["10.0.0.0/8", "fd00::/8"]


def test_a_network_that_is_none_is_refused() -> None:
    """When the server starts, and not at the first import."""
    with pytest.raises(ValueError, match="has host bits set"):
        Limits(import_allowed_networks="10.0.0.1/8")
