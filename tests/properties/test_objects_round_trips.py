from hypothesis import given
from hypothesis import strategies as st

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.check import check_object
from treehold.objects.commit import Commit, commit_links, committer_time, encode_commit, parse_commit
from treehold.objects.identity import Identity, encode_identity, parse_identity
from treehold.objects.links import object_links
from treehold.objects.tag import Tag, encode_tag, parse_tag, tag_link
from treehold.objects.tree import MODE_EXECUTABLE, MODE_FILE, MODE_SYMLINK, MODE_TREE, TreeEntry, encode_tree, iter_tree

oids = st.binary(min_size=20, max_size=20).map(ObjectId)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0\n<> "), min_size=1, max_size=8).map(str.encode)
identities = st.builds(
    Identity,
    words,
    words,
    st.integers(0, 10**18 - 1),
    st.from_regex(rb"[+-][0-9]{4}", fullmatch=True),
)
lines = identities.map(encode_identity)
values = st.lists(words, min_size=1, max_size=3).map(b"\n".join)
extras = st.lists(st.tuples(words, values), max_size=3).map(tuple)
messages = st.none() | st.binary(max_size=40)
commits = st.builds(Commit, oids, st.lists(oids, max_size=3).map(tuple), lines, lines, messages, extras)
tags = st.builds(Tag, oids, st.sampled_from(ObjectKind), words, lines, messages, extras)
names = st.binary(min_size=1, max_size=6).filter(lambda name: b"\0" not in name)
modes = st.sampled_from([MODE_FILE, MODE_EXECUTABLE, MODE_SYMLINK, MODE_TREE])
trees = st.lists(st.builds(TreeEntry, modes, names, oids), max_size=6, unique_by=lambda entry: entry.name)

objectlike = st.one_of(
    st.binary(max_size=100),
    commits.map(encode_commit),
    tags.map(encode_tag),
    trees.map(encode_tree),
)


@given(identities)
def test_identities_round_trip(identity: Identity) -> None:
    """Any identity is read back from its line."""
    assert parse_identity(encode_identity(identity)) == identity


@given(commits)
def test_commits_round_trip(commit: Commit) -> None:
    """Any commit is read back from its bytes, is well-formed, and its short cuts agree with it."""
    data = encode_commit(commit)
    assert parse_commit(data) == commit
    assert commit_links(data) == (commit.tree, commit.parents)
    assert committer_time(data) == commit.committed_at
    check_object(ObjectKind.COMMIT, data)


@given(tags)
def test_tags_round_trip(tag: Tag) -> None:
    """Any tag is read back from its bytes, is well-formed, and its link is its target."""
    data = encode_tag(tag)
    assert parse_tag(data) == tag
    assert tag_link(data) == (tag.target_kind, tag.target)
    check_object(ObjectKind.TAG, data)


@given(trees)
def test_trees_round_trip(entries: list[TreeEntry]) -> None:
    """Any entries are read back, in an order that does not depend on the one they came in."""
    data = encode_tree(entries)
    found = iter_tree(data)
    assert sorted(found) == sorted(entries)
    assert encode_tree(found) == encode_tree(reversed(entries)) == data


@given(st.sampled_from(ObjectKind), objectlike, st.integers(0, 120), st.binary(max_size=3))
def test_any_bytes_are_an_object_or_malformed(kind: ObjectKind, data: bytes, pos: int, patch: bytes) -> None:
    """Readers and the check raise only MalformedObject; and what the check takes has links."""
    data = data[:pos] + patch + data[pos + len(patch) :]
    for read in (parse_commit, parse_tag, iter_tree, committer_time):
        try:
            read(data)
        except MalformedObject:
            pass
    try:
        check_object(kind, data)
    except MalformedObject:
        return
    object_links(kind, data)
