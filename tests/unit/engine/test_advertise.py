"""What a repo says of itself."""

import pytest

from tests.contract.catalog_samples import NOW, oid_of
from treehold.catalog.base import Ref, RepoRow, RepoState
from treehold.engine.advertise import (
    RECEIVE_PACK_CAPABILITIES,
    UPLOAD_PACK_CAPABILITIES,
    V2_CAPABILITIES,
    advertised_refs,
    head_target,
)
from treehold.ids import AccountId, RefName, RepoId


def state_with(refs: dict[bytes, Ref], *, default_branch: str = "main") -> RepoState:
    row = RepoRow(
        id=RepoId("r" * 16),
        account=AccountId("acme"),
        namespace="agents",
        name="repo",
        description=None,
        default_branch=default_branch,
        read_only=False,
        source=None,
        generation=1,
        exact=True,
        anchor=0,
        origin=0,
        size_bytes=0,
        object_count=0,
        created_at=NOW,
        updated_at=NOW,
        last_push_at=None,
    )
    return RepoState(row, {RefName(name): ref for name, ref in refs.items()}, ())


A, B = Ref(oid_of("a")), Ref(oid_of("b"))


@pytest.mark.parametrize(
    ("names", "default", "target"),
    [
        ([], "main", b"refs/heads/main"),
        ([b"refs/heads/main", b"refs/heads/a"], "main", b"refs/heads/main"),
        ([b"refs/heads/other"], "main", b"refs/heads/other"),
        ([b"refs/heads/other", b"refs/tags/main"], "main", b"refs/heads/other"),
        ([b"refs/heads/a", b"refs/heads/b"], "main", b"refs/heads/main"),
        ([b"refs/tags/v1"], "main", b"refs/heads/main"),
        ([b"refs/heads/sch\xc3\xb6n", b"refs/heads/main"], "sch\u00f6n", b"refs/heads/sch\xc3\xb6n"),
    ],
)
def test_head_stands_for_the_default_or_the_only_branch(names: list[bytes], default: str, target: bytes) -> None:
    """HEAD is the default branch; while that is unborn it is the only branch, if there is just one."""
    assert head_target(default, {RefName(name): A for name in names}) == target


def test_refs_come_by_name_with_head_before_them() -> None:
    """HEAD comes first and says which branch it is; tags say what they peel to."""
    tag = Ref(oid_of("tag"), oid_of("a"))
    rows = advertised_refs(state_with({b"refs/tags/v1": tag, b"refs/heads/main": A, b"refs/heads/a": B}))
    assert [(row.name, row.oid, row.peeled, row.symref_target) for row in rows] == [
        (b"HEAD", A.oid, None, b"refs/heads/main"),
        (b"refs/heads/a", B.oid, None, None),
        (b"refs/heads/main", A.oid, None, None),
        (b"refs/tags/v1", tag.oid, tag.peeled, None),
    ]


def test_an_unborn_head_is_no_ref() -> None:
    """A repo whose default branch is not there advertises no HEAD; an empty one advertises nothing."""
    assert advertised_refs(state_with({})) == []
    rows = advertised_refs(state_with({b"refs/heads/a": A, b"refs/heads/b": B}))
    assert [row.name for row in rows] == [b"refs/heads/a", b"refs/heads/b"]


def test_what_is_offered_is_what_the_contract_names() -> None:
    """Each service offers its capabilities once; atomic and deletion only for pushes, filters only for fetches."""
    for offered in (UPLOAD_PACK_CAPABILITIES, RECEIVE_PACK_CAPABILITIES, V2_CAPABILITIES):
        assert len(set(offered)) == len(offered)
        assert b"object-format=sha1" in offered
        assert b"agent=treehold" in offered
    assert {b"atomic", b"delete-refs", b"report-status-v2", b"push-options"} <= set(RECEIVE_PACK_CAPABILITIES)
    assert {b"filter", b"no-done", b"multi_ack_detailed", b"include-tag", b"ofs-delta"} <= set(UPLOAD_PACK_CAPABILITIES)
    assert {b"ls-refs=unborn", b"object-info"} <= set(V2_CAPABILITIES)
