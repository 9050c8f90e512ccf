"""Twin of treehold.schema.names."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from treehold.api.workspace import repo_name
from treehold.auth.names import NamePolicy, NameStyle
from treehold.errors import InvalidInput
from treehold.schema.names import LEVELLED_NAME, NAMESPACE_NAME, RELAXED_NAMESPACE, REPO_NAME, relaxed

RELAXED_REPO = {**REPO_NAME, "pattern": relaxed(REPO_NAME["pattern"])}
NEAR_NAMES = st.lists(
    st.sampled_from(["a", "z9", "A", "-", "_", ".", "..", ".git", ".Git", "/", "x" * 30, "é", " "]), max_size=9
).map("".join)


def _fits(name: str, told: dict[str, Any]) -> bool:
    """Whether a name is what the keywords of JSON Schema say."""
    return told["minLength"] <= len(name) <= told["maxLength"] and re.search(told["pattern"], name) is not None


def _is_taken(name: str, style: NameStyle, *, is_repo: bool) -> bool:
    policy = NamePolicy(style=style)
    try:
        (policy.check_repo_name if is_repo else policy.check_namespace)(name)
    except InvalidInput:
        return False
    return True


@given(NEAR_NAMES)
@example("ab")
@example("abc")
@example("a" * 63)
@example("a" * 64)
@example("a.git")
@example("a.GIT")
@example("a.gits.b")
def test_names_are_told_as_the_policy_has_them(name: str) -> None:
    """What a schema says of a name is what the rules of names say, strict and relaxed."""
    assert _fits(name, REPO_NAME) == _is_taken(name, "strict", is_repo=True)
    assert _fits(name, NAMESPACE_NAME) == _is_taken(name, "strict", is_repo=False)
    assert _fits(name, RELAXED_REPO) == _is_taken(name, "relaxed", is_repo=True)
    assert _fits(name, RELAXED_NAMESPACE) == _is_taken(name, "relaxed", is_repo=False)


@given(NEAR_NAMES)
@example("work/try-1")
@example("a/b/c/d/e/f/g/h")
@example("a/b/c/d/e/f/g/h/i")
@example("x" * 54 + "/y")
@example("x" * 55 + "/y")
@example("a//b")
def test_names_with_levels_are_told_as_they_are_taken(name: str) -> None:
    """What a schema says of a name with levels is what the workspace API takes."""
    try:
        taken = _is_taken(repo_name(name), "strict", is_repo=True)
    except InvalidInput:
        taken = False
    assert taken == (_fits(name, LEVELLED_NAME) or _fits(name, REPO_NAME))


@pytest.mark.parametrize("name", ["Agent-7__build-cache", "a.b", "0"])
def test_a_relaxed_pattern_takes_what_the_strict_one_does(name: str) -> None:
    """And upper case beside it."""
    assert re.search(relaxed(REPO_NAME["pattern"]), name)
