"""The naming rules."""

import pytest

from treehold.auth.names import NamePolicy
from treehold.errors import InvalidInput, InvalidRepoName

POLICY = NamePolicy()


@pytest.mark.parametrize(
    "name", ["agent-007", "worker-demo-3f2a9c1e", "docs-site", "abc", "a" * 63, "0_1", "a.b-c_d", "repo.git.copy"]
)
def test_good_names_are_taken(name: str) -> None:
    """The seeds' own examples and names at the edges pass."""
    assert POLICY.check_repo_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "-abc",
        ".abc",
        "_abc",
        "Agent",
        "a b c",
        "a/b",
        "a..b",
        "abc.git",
        "abc.",
        "abç",
        "abc\n",
        "a\0b",
    ],
)
def test_bad_names_are_refused_with_their_pointer(name: str) -> None:
    """A name that breaks a rule is refused as the field /name."""
    with pytest.raises(InvalidRepoName) as refusal:
        POLICY.check_repo_name(name)
    assert refusal.value.pointer == "/name"


def test_namespaces_may_be_shorter() -> None:
    """Two characters make a namespace, one does not."""
    assert POLICY.check_namespace("ab") == "ab"
    with pytest.raises(InvalidInput) as refusal:
        POLICY.check_namespace("a")
    assert refusal.value.pointer == "/namespace"
