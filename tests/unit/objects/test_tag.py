import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.tag import encode_tag, parse_tag, tag_link

TARGET = ObjectId(b"\xab" * 20)
OBJECT = b"object " + b"ab" * 20 + b"\n"
TAG = OBJECT + b"type commit\ntag v1.0\ntagger T <t@x> 9 +0000\n\nRelease\n"


def test_tag_is_read_and_written() -> None:
    """Every part of a tag comes out of its bytes and goes back into them."""
    tag = parse_tag(TAG)
    assert (tag.target, tag.target_kind, tag.name) == (TARGET, ObjectKind.COMMIT, b"v1.0")
    assert (tag.tagger, tag.message, tag.extra) == (b"T <t@x> 9 +0000", b"Release\n", ())
    assert encode_tag(tag) == TAG


@pytest.mark.parametrize("end", [b"", b"\nold\n", b"strange header\n\nm", b"tagger T <t@x> 9 +0000\nmore x\n"])
def test_old_and_strange_tags_survive(end: bytes) -> None:
    """A tag without tagger or message, or with unknown headers, is written as it was read."""
    data = OBJECT + b"type tree\ntag x\n" + end
    assert encode_tag(parse_tag(data)) == data


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_link_is_the_target(kind: ObjectKind) -> None:
    """A tag links to its object, of the kind it names."""
    assert tag_link(OBJECT + b"type " + kind.word + b"\ntag x\n") == (kind, TARGET)


@pytest.mark.parametrize(
    ("data", "msg_id"),
    [
        (b"", "badObjectSha1"),
        (b"object 12\n", "badObjectSha1"),
        (b"OBJECT " + OBJECT[7:], "badObjectSha1"),
        (OBJECT, "missingTypeEntry"),
        (OBJECT + b"type thing\ntag x\n", "badType"),
        (OBJECT + b"type commit\n", "missingTagEntry"),
        (OBJECT + b"type commit\nnot x\n", "missingTagEntry"),
    ],
)
def test_broken_tags_are_refused(data: bytes, msg_id: str) -> None:
    """A tag without one of its parts is malformed, by git fsck's name."""
    with pytest.raises(MalformedObject) as caught:
        parse_tag(data)
    assert caught.value.msg_id == msg_id
