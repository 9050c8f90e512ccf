"""Tests of treehold.engine.remote_refs."""

import pytest

from treehold.engine.remote_refs import RemoteRefs, parse_remote_refs
from treehold.errors import InvalidInput, LimitExceeded, NotARepository
from treehold.ids import ObjectId, RefName

ONE, TWO = ObjectId(b"\x11" * 20), ObjectId(b"\x22" * 20)
MAIN, TOPIC, TAG = (RefName(name) for name in (b"refs/heads/main", b"refs/heads/topic/a", b"refs/tags/v1"))
LISTING = (
    b"ref: refs/heads/main\tHEAD\n"
    + b"11" * 20
    + b"\tHEAD\n"
    + b"11" * 20
    + b"\trefs/heads/main\n"
    + b"22" * 20
    + b"\trefs/heads/topic/a\n"
    + b"22" * 20
    + b"\trefs/pull/1/head\n"
    + b"22" * 20
    + b"\trefs/tags/v1\n"
    + b"11" * 20
    + b"\trefs/tags/v1^{}\n"
    + b"ref: refs/heads/main\trefs/heads/alias\n"
    + b"11" * 20
    + b"\trefs/heads/alias\n"
    + b"11" * 20
    + b"\trefs/remotes/origin/HEAD\n"
)


def test_branches_and_tags_are_read() -> None:
    """Branches, tags and HEAD count; pull requests, what tags peel to and other servers' refs do not."""
    found = parse_remote_refs(LISTING, refs_max=4)
    alias = RefName(b"refs/heads/alias")
    assert found == RemoteRefs({MAIN: ONE, TOPIC: TWO, TAG: TWO, alias: ONE}, head_branch=MAIN, head=ONE)
    assert found.default_branch() == "main"


def test_an_empty_remote_has_no_refs() -> None:
    """Its default branch is the usual one."""
    found = parse_remote_refs(b"", refs_max=4)
    assert found == RemoteRefs({})
    assert found.default_branch() == "main"


def test_a_branch_can_be_taken_alone() -> None:
    """It becomes the default branch; one that is not there, or could not be, is a mistake in the request."""
    found = parse_remote_refs(LISTING, refs_max=4)
    assert found.only("topic/a") == RemoteRefs({TOPIC: TWO}, head_branch=TOPIC)
    assert found.only("topic/a").default_branch() == "topic/a"
    for branch in ("v1", "topic", "no..branch", "", "\udc80"):
        with pytest.raises(InvalidInput) as refused:
            found.only(branch)
        assert refused.value.pointer == "/branch"


@pytest.mark.parametrize(
    ("found", "branch"),
    [
        (RemoteRefs({MAIN: ONE, TOPIC: TWO}, head=TWO), "topic/a"),
        (RemoteRefs({MAIN: ONE, TAG: TWO}, head=TWO), "main"),
        (RemoteRefs({MAIN: ONE}, head_branch=RefName(b"refs/heads/unborn")), "unborn"),
        (RemoteRefs({MAIN: ONE}, head_branch=RefName(b"refs/heads/\xff")), "main"),
    ],
)
def test_there_is_always_a_default_branch(found: RemoteRefs, branch: str) -> None:
    """Where HEAD is detached it is a branch at the same commit; a name that is not text gives way to the usual one."""
    assert found.default_branch() == branch


def test_heads_branch_can_be_taken_alone() -> None:
    """By its name, or as a branch at the same commit; of an empty remote that is nothing."""
    found = parse_remote_refs(LISTING, refs_max=4)
    assert found.only_head() == RemoteRefs({MAIN: ONE}, head_branch=MAIN)
    assert RemoteRefs({MAIN: ONE, TOPIC: TWO}, head=TWO).only_head() == RemoteRefs({TOPIC: TWO}, head_branch=TOPIC)
    assert RemoteRefs({}).only_head() == RemoteRefs({})


@pytest.mark.parametrize("found", [RemoteRefs({MAIN: ONE}, head=TWO), RemoteRefs({MAIN: ONE}, head_branch=TOPIC)])
def test_a_head_that_is_no_branch_cannot_be_taken_alone(found: RemoteRefs) -> None:
    """Whoever asked has to name a branch."""
    with pytest.raises(InvalidInput) as refused:
        found.only_head()
    assert refused.value.pointer == "/branch"


@pytest.mark.parametrize(
    "listing", [b"11" * 32 + b"\trefs/heads/main\n", b"11" * 20 + b"\trefs/heads/a..b\n", b"11" * 32 + b"\tHEAD\n"]
)
def test_what_cannot_be_kept_is_refused(listing: bytes) -> None:
    """Ids of another hash, and names that Git does not allow."""
    with pytest.raises(NotARepository):
        parse_remote_refs(listing, refs_max=4)


def test_refs_are_counted() -> None:
    """One more than a repo may have is refused, before anything is fetched."""
    with pytest.raises(LimitExceeded, match="more than 3 branches"):
        parse_remote_refs(LISTING, refs_max=3)
