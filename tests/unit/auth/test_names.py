"""The naming rules."""

from collections.abc import Callable

import pytest

from treehold.auth.names import NamePolicy, is_same_name
from treehold.errors import InvalidInput, InvalidRepoName

STRICT, RELAXED = NamePolicy(), NamePolicy("relaxed")
BOTH = pytest.mark.parametrize("policy", [STRICT, RELAXED], ids=["strict", "relaxed"])


@BOTH
@pytest.mark.parametrize(
    "name", ["agent-007", "worker-demo-3f2a9c1e", "docs-site", "abc", "a" * 63, "0_1", "a.b-c_d", "repo.git.copy"]
)
def test_good_names_are_taken(policy: NamePolicy, name: str) -> None:
    """The seeds' own examples and names at the edges pass, whatever the policy."""
    assert policy.check_repo_name(name) == name


@BOTH
@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "-abc",
        ".abc",
        "_abc",
        "a b c",
        "a/b",
        "a..b",
        "abc.git",
        "abc.",
        "abç",
        "ABÇ",
        "\N{KELVIN SIGN}elvin",
        "abc\n",
        "a\0b",
        "a%2fb",
    ],
)
def test_bad_names_are_refused_with_their_pointer(policy: NamePolicy, name: str) -> None:
    """A name that breaks a rule is refused as the field /name, whatever the policy."""
    with pytest.raises(InvalidRepoName) as refusal:
        policy.check_repo_name(name)
    assert refusal.value.pointer == "/name"


@pytest.mark.parametrize("name", ["Agent-7__build-cache", "ABC", "abC", "Abc.Def", "Z0_"])
def test_upper_case_is_for_the_relaxed(name: str) -> None:
    """Capitals anywhere in a name are refused by the strict policy, in words that say what may be there."""
    assert RELAXED.check_repo_name(name) == name
    with pytest.raises(InvalidRepoName, match="must begin with a-z or 0-9 and go on with a-z, 0-9"):
        STRICT.check_repo_name(name)


@pytest.mark.parametrize("name", ["Abc.GIT", "Abc.Git", "A..B", "Abc."])
def test_the_relaxed_forbid_the_same_endings(name: str) -> None:
    """What no name may end in or hold is forbidden in capitals too."""
    with pytest.raises(InvalidRepoName, match=r"nor end in '\.git'"):
        RELAXED.check_repo_name(name)


@BOTH
def test_namespaces_may_be_shorter(policy: NamePolicy) -> None:
    """Two to 63 characters make a namespace, by the same rules."""
    for name in ("ab", "a" * 63):
        assert policy.check_namespace(name) == name
    for name in ("a", "a" * 64, "a.", "-a", "a b"):
        with pytest.raises(InvalidInput) as refusal:
            policy.check_namespace(name)
        assert refusal.value.pointer == "/namespace"


@pytest.mark.parametrize("check", [RELAXED.check_repo_name, RELAXED.check_namespace])
def test_the_relaxed_are_told_of_both_cases(check: Callable[[str], str]) -> None:
    """Who breaks a rule of the relaxed policy reads that one."""
    with pytest.raises(InvalidInput, match="must begin with a-z, A-Z or 0-9 and go on with a-z, A-Z, 0-9"):
        check("a b")


@pytest.mark.parametrize(
    ("name", "kept", "is_same"),
    [
        ("agent-7", "agent-7", True),
        ("AGENT-7", "agent-7", True),
        ("agent-7", "Agent-7", True),
        ("agent-8", "agent-7", False),
        ("agent", "agent-7", False),
        ("", "agent-7", False),
        ("\N{KELVIN SIGN}elvin", "kelvin", False),
    ],
)
def test_names_are_compared_whatever_their_case(name: str, kept: str, is_same: bool) -> None:
    """Only ASCII letters have a case here, as in the catalog."""
    assert is_same_name(name, kept) == is_same
