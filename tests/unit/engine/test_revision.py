"""Which commit a name means."""

import pytest

from tests.unit.engine.pushed_repo import MAIN, blob, commit, line, oid_of, tag, tree, view
from treehold.engine.revision import find_commit, find_ref
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, RefName

LINE = line(b"1", b"2", b"3")
TIP, OLD = LINE[-1], LINE[2]
TAG = tag(OLD)
FILE_TAG = tag(LINE[0], b"file")
SIDE = commit(tree(side=blob(b"side")), at=5000)
OTHER = [blob(b"side"), tree(side=blob(b"side")), SIDE]
REFS = {
    MAIN: TIP,
    RefName(b"refs/heads/feature/x"): OLD,
    RefName(b"refs/heads/v1"): TIP,
    RefName(b"refs/tags/v1"): TAG,
    RefName(b"refs/tags/file"): FILE_TAG,
    RefName(b"refs/heads/" + oid_of(OLD).hex().encode()): TIP,
    RefName(b"refs/heads/" + oid_of(OLD).hex()[:8].encode()): TIP,
    RefName(b"refs/remotes/origin/far"): OLD,
    RefName(b"refs/heads/\xff"): OLD,
}
REPO = view([*LINE, TAG, FILE_TAG, *OTHER], refs=REFS, visible=[*LINE, TAG, FILE_TAG])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (b"HEAD", TIP),
        (b"main", TIP),
        (b"heads/main", TIP),
        (b"refs/heads/main", TIP),
        (b"feature/x", OLD),
        (b"v1", OLD),  # a tag before a branch, as in git
        (b"refs/heads/v1", TIP),
        (b"origin/far", OLD),
        (b"\xff", OLD),
        (oid_of(OLD).hex().encode(), OLD),
        (oid_of(OLD).hex().upper().encode(), OLD),
        (oid_of(OLD).hex()[:8].encode(), TIP),  # a ref before the beginning of an id
        (oid_of(OLD).hex()[:9].encode(), OLD),
        (oid_of(TAG).hex().encode(), OLD),
        (oid_of(TAG).hex()[:10].encode(), OLD),
        (b"", None),
        (b"none", None),
        (b"main~1", None),
        (b"file", None),
        (oid_of(LINE[0]).hex().encode(), None),
        (oid_of(LINE[0]).hex()[:10].encode(), None),
        (oid_of(TIP).hex()[:3].encode(), None),
        (b"00" * 20, None),
        (oid_of(SIDE).hex().encode(), None),
        (oid_of(SIDE).hex()[:10].encode(), None),
    ],
)
def test_a_name_means_a_commit(name: bytes, meant: tuple[object, bytes] | None) -> None:
    """Refs by every spelling, ids and their beginnings name a commit that may be seen, or none."""
    expected = next((oid_of(item) for item in (TIP, OLD) if item is meant), None)
    assert find_commit(REPO, name) == expected


def _two_that_begin_alike() -> tuple[RepoView, ObjectId]:
    """A repo with two commits of which the ids begin with the same four digits."""
    seen: dict[str, int] = {}
    top = tree(file=blob(b"1"))
    for number in range(10_000):
        made = commit(top, at=number)
        first = seen.setdefault(oid_of(made).hex()[:4], number)
        if first != number:
            return view([blob(b"1"), top, commit(top, at=first), made], refs={MAIN: made}), oid_of(made)
    raise AssertionError("no two commits begin alike")


def test_an_ambiguous_beginning_means_nothing() -> None:
    """The beginning of two commits names neither; the beginning of one of them that goes further does."""
    repo, oid = _two_that_begin_alike()
    assert find_commit(repo, oid.hex()[:4].encode()) is None
    assert find_commit(repo, oid.hex()[:12].encode()) == oid


def test_head_is_the_only_branch_while_the_default_one_is_unborn() -> None:
    """HEAD is what a clone would check out; in an empty repo it is nothing."""
    trunk = RefName(b"refs/heads/trunk")
    found = find_ref(view(LINE, refs={trunk: TIP}).state, b"HEAD")
    assert found is not None
    assert found.oid == oid_of(TIP)
    assert find_ref(view().state, b"HEAD") is None
    assert find_commit(view(), b"HEAD") is None
