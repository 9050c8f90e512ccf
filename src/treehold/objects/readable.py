"""Commits as text for people, whatever encoding they are in and whatever is wrong with them."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from treehold.errors import MalformedObject
from treehold.ids import ObjectId
from treehold.objects.commit import commit_links
from treehold.objects.identity import Identity, parse_identity

_AUTHOR: Final = re.compile(rb"^author (.*)$", re.MULTILINE)
_COMMITTER: Final = re.compile(rb"^committer (.*)$", re.MULTILINE)
_ENCODING: Final = re.compile(rb"^encoding (.*)$", re.MULTILINE)
_CHARSET: Final = re.compile(
    rb"(?:utf-?8|us-ascii|ascii|latin-?[0-9]{1,2}|iso[-_]?8859[-_][0-9]{1,2}|(?:cp|windows-)[0-9]{3,4}|koi8-[rtu]"
    rb"|gb(?:2312|k|18030)|big5(?:-?hkscs)?|euc[-_](?:jp|kr|cn)|shift[-_]?jis|sjis|iso-2022-(?:jp|kr))",
    re.IGNORECASE,
)
"""What a commit may name as its encoding. Python also knows codecs that are no character sets, some of them slow on
purpose-made bytes, and it remembers every unknown name that it was ever asked for."""


@dataclass(frozen=True, slots=True)
class ReadablePerson:
    """Who, and when in seconds since 1970 UTC."""

    name: str
    email: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ReadableCommit:
    """A commit as text. ``message`` lacks one line end at its end."""

    tree: ObjectId
    parents: tuple[ObjectId, ...]
    author: ReadablePerson
    committer: ReadablePerson
    message: str


def readable_commit(data: bytes) -> ReadableCommit:
    """Read a commit, with nothing where its people or its message are missing.

    Bytes that are not of the commit's encoding become U+FFFD. Raises MalformedObject for a commit that does not begin
    with its tree and parents.
    """
    tree, parents = commit_links(data)
    headers, _, message = data.partition(b"\n\n")
    encoding = _encoding(headers)
    return ReadableCommit(
        tree=tree,
        parents=parents,
        author=_person(_AUTHOR.search(headers), encoding),
        committer=_person(_COMMITTER.search(headers), encoding),
        message=message.decode(encoding, "replace").removesuffix("\n"),
    )


def _encoding(headers: bytes) -> str:
    """The codec that the commit names; UTF-8 when it names none that is known, as git itself takes it."""
    named = _ENCODING.search(headers)
    if named is None or _CHARSET.fullmatch(named[1]) is None:
        return "utf-8"
    try:
        return codecs.lookup(named[1].decode("ascii")).name
    except LookupError:
        return "utf-8"


def _person(line: re.Match[bytes] | None, encoding: str) -> ReadablePerson:
    try:
        identity = parse_identity(line[1] if line else b"")
    except MalformedObject:
        identity = Identity(b"", b"", 0, b"")
    name, email = identity.name.decode(encoding, "replace"), identity.email.decode(encoding, "replace")
    return ReadablePerson(name, email, identity.seconds)
