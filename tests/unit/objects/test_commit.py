import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectId
from treehold.objects.commit import commit_links, committer_time, encode_commit, parse_commit

TREE = ObjectId(b"\x01" * 20)
ONE = ObjectId(b"\x02" * 20)
TWO = ObjectId(b"\x03" * 20)
HEAD = b"tree " + b"01" * 20 + b"\nparent " + b"02" * 20 + b"\nparent " + b"03" * 20 + b"\n"
AUTHOR = b"author A <a@x> 5 +0100\n"
COMMITTER = b"committer C <c@x> 7 -0200\n"
MERGE = HEAD + AUTHOR + COMMITTER + b"encoding latin1\ngpgsig one\n two\n\nsubject\n\nbody\n"


def test_commit_is_read_and_written() -> None:
    """Every part of a merge commit comes out of its bytes and goes back into them."""
    commit = parse_commit(MERGE)
    assert (commit.tree, commit.parents) == (TREE, (ONE, TWO))
    assert (commit.author, commit.committer) == (b"A <a@x> 5 +0100", b"C <c@x> 7 -0200")
    assert commit.extra == ((b"encoding", b"latin1"), (b"gpgsig", b"one\ntwo"))
    assert commit.message == b"subject\n\nbody\n"
    assert encode_commit(commit) == MERGE


def test_people_of_a_commit_are_parsed_on_demand() -> None:
    """Author and committer are identities, and the commit is dated by its committer."""
    commit = parse_commit(MERGE)
    assert commit.author_identity.seconds == 5
    assert commit.committer_identity.name == b"C"
    assert commit.committed_at == 7


def test_links_are_tree_and_parents() -> None:
    """A walk gets the tree and the parents in order, and of a root commit no parents."""
    assert commit_links(MERGE) == (TREE, (ONE, TWO))
    assert commit_links(b"tree " + b"01" * 20 + b"\n") == (TREE, ())


@pytest.mark.parametrize(
    ("data", "msg_id"),
    [
        (b"", "badTreeSha1"),
        (b"tree 01\n", "badTreeSha1"),
        (b"TREE " + b"01" * 20 + b"\n", "badTreeSha1"),
        (HEAD + b"parent x\n", "badParentSha1"),
        (HEAD, "missingAuthor"),
        (HEAD + COMMITTER, "missingAuthor"),
        (HEAD + AUTHOR, "missingCommitter"),
        (HEAD + AUTHOR + AUTHOR + COMMITTER, "missingCommitter"),
    ],
)
def test_broken_commits_are_refused(data: bytes, msg_id: str) -> None:
    """A commit without one of its parts is malformed, by git fsck's name."""
    with pytest.raises(MalformedObject) as caught:
        parse_commit(data)
    assert caught.value.msg_id == msg_id


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"committer C <c@x> 7 -0200\n", 7),
        (b"committer C <c@x>\n", 0),
        (b"committer C <c@x> -5 +0000\n", 0),
        (b"committer C <c@x> 123456789012345678901234567890 +0000\n", 0),
        (b"committer C> <c@x> 8 +0000\n", 8),
    ],
)
def test_committer_time_is_read_from_bytes(line: bytes, seconds: int) -> None:
    """A commit's time is its committer's, and 0 when it cannot be read."""
    assert committer_time(HEAD + AUTHOR + line) == seconds


def test_committer_time_needs_a_committer() -> None:
    """A commit without a committer has no time."""
    with pytest.raises(MalformedObject, match="missingCommitter"):
        committer_time(HEAD + AUTHOR)
