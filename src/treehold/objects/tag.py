"""Annotated tags."""

from dataclasses import dataclass

from treehold.errors import MalformedObject
from treehold.ids import KIND_BY_WORD, ObjectId, ObjectKind, hex_oid
from treehold.objects.headers import Header, hex_at, join_headers, split_headers


@dataclass(frozen=True, slots=True)
class Tag:
    """One annotated tag. ``tagger`` is its identity line, None in tags of Git's first months; ``extra`` are headers
    that Git does not know; a signature is a part of the message, which is None when the empty line is missing too."""

    target: ObjectId
    target_kind: ObjectKind
    name: bytes
    tagger: bytes | None
    message: bytes | None
    extra: tuple[Header, ...] = ()


def parse_tag(data: bytes) -> Tag:
    """Read a tag; raises MalformedObject with git fsck's name for what is missing."""
    kind, target = tag_link(data)
    headers, message = split_headers(data)
    if len(headers) < 3 or headers[2][0] != b"tag":
        raise MalformedObject("missingTagEntry", "a tag without its name after the type")
    rest = headers[3:]
    tagger = rest.pop(0)[1] if rest and rest[0][0] == b"tagger" else None
    return Tag(target, kind, headers[2][1], tagger, message, tuple(rest))


def encode_tag(tag: Tag) -> bytes:
    """The bytes of the tag, which parse_tag reads back."""
    headers = [(b"object", hex_oid(tag.target)), (b"type", tag.target_kind.word), (b"tag", tag.name)]
    if tag.tagger is not None:
        headers.append((b"tagger", tag.tagger))
    return join_headers([*headers, *tag.extra], tag.message)


def tag_link(data: bytes) -> tuple[ObjectKind, ObjectId]:
    """What the tag points at; raises MalformedObject."""
    target = hex_at(data, 7)
    if target is None or not data.startswith(b"object "):
        raise MalformedObject("badObjectSha1", "a tag that does not begin with its object")
    if not data.startswith(b"type ", 48):
        raise MalformedObject("missingTypeEntry", "a tag without a type line after its object")
    kind = KIND_BY_WORD.get(data[53:62].partition(b"\n")[0])
    if kind is None:
        raise MalformedObject("badType", "a tag of something that is not an object type")
    return kind, target
