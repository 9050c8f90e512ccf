"""Commits: what they say, and the few facts that a walk over thousands of them needs."""

from dataclasses import dataclass

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, hex_oid
from treehold.objects.headers import Header, hex_at, join_headers, split_headers
from treehold.objects.identity import Identity, parse_identity


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. ``author`` and ``committer`` are whole identity lines; ``extra`` the headers after them, such as
    encoding, mergetag and gpgsig, in order; ``message`` is None when even the empty line before it is missing."""

    tree: ObjectId
    parents: tuple[ObjectId, ...]
    author: bytes
    committer: bytes
    message: bytes | None
    extra: tuple[Header, ...] = ()

    @property
    def committed_at(self) -> int:
        """Seconds since 1970 UTC."""
        return parse_identity(self.committer).seconds

    @property
    def author_identity(self) -> Identity:
        """Who wrote the change; raises MalformedObject."""
        return parse_identity(self.author)

    @property
    def committer_identity(self) -> Identity:
        """Who made the commit; raises MalformedObject."""
        return parse_identity(self.committer)


def parse_commit(data: bytes) -> Commit:
    """Read a commit; raises MalformedObject with git fsck's name for what is missing."""
    tree, parents = commit_links(data)
    headers, message = split_headers(data)
    rest = headers[1 + len(parents) :]
    if not rest or rest[0][0] != b"author":
        raise MalformedObject("missingAuthor", "a commit without an author line after its parents")
    if len(rest) < 2 or rest[1][0] != b"committer":
        raise MalformedObject("missingCommitter", "a commit without a committer line after its author")
    return Commit(tree, parents, rest[0][1], rest[1][1], message, tuple(rest[2:]))


def encode_commit(commit: Commit) -> bytes:
    """The bytes of the commit, which parse_commit reads back."""
    headers = [(b"tree", hex_oid(commit.tree))]
    headers += [(b"parent", hex_oid(parent)) for parent in commit.parents]
    headers += [(b"author", commit.author), (b"committer", commit.committer), *commit.extra]
    return join_headers(headers, commit.message)


def commit_links(data: bytes) -> tuple[ObjectId, tuple[ObjectId, ...]]:
    """The commit's tree and its parents in order; raises MalformedObject."""
    tree = hex_at(data, 5)
    if tree is None or not data.startswith(b"tree "):
        raise MalformedObject("badTreeSha1", "a commit that does not begin with its tree")
    parents = []
    pos = 46
    while data.startswith(b"parent ", pos):
        parent = hex_at(data, pos + 7)
        if parent is None:
            raise MalformedObject("badParentSha1", "a parent line without an object id")
        parents.append(parent)
        pos += 48
    return tree, tuple(parents)


def committer_time(data: bytes) -> int:
    """When the commit was made, in seconds since 1970 UTC; 0 where its date cannot be read, as git has it.

    Raises MalformedObject (missingCommitter).
    """
    start = data.find(b"\ncommitter ")
    if start < 0:
        raise MalformedObject("missingCommitter", "a commit without a committer line")
    line = data[start : data.find(b"\n", start + 1)]
    word = line[line.rfind(b"> ") + 2 :].partition(b" ")[0]
    return int(word) if word.isdigit() and len(word) < 20 else 0
