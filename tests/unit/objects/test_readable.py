import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectId
from treehold.objects.readable import ReadablePerson, readable_commit

LINKS = b"tree " + b"01" * 20 + b"\nparent " + b"02" * 20 + b"\nparent " + b"03" * 20 + b"\n"
PEOPLE = b"author A <a@x> 5 +0100\ncommitter C <c@x> 7 -0200\n"


def test_a_commit_is_text() -> None:
    """Links, people with their times, and the message without one line end come out of a commit."""
    commit = readable_commit(LINKS + PEOPLE + b"gpgsig one\n author X <x@x> 9 +0000\n\nsubject\n\nbody\n\n")
    assert commit.tree == ObjectId(b"\x01" * 20)
    assert commit.parents == (ObjectId(b"\x02" * 20), ObjectId(b"\x03" * 20))
    assert commit.author == ReadablePerson("A", "a@x", 5)
    assert commit.committer == ReadablePerson("C", "c@x", 7)
    assert commit.message == "subject\n\nbody\n"


@pytest.mark.parametrize(
    ("header", "codec"),
    [
        (b"", "utf-8"),
        (b"encoding ISO-8859-1\n", "latin-1"),
        (b"encoding latin1\n", "latin-1"),
        (b"encoding ISO8859-15\n", "iso8859-15"),
        (b"encoding CP1251\n", "cp1251"),
        (b"encoding windows-1252\n", "cp1252"),
        (b"encoding UTF8\n", "utf-8"),
        (b"encoding koi8-r\n", "koi8-r"),
        (b"encoding EUC-JP\n", "euc-jp"),
        (b"encoding Shift_JIS\n", "shift-jis"),
        (b"encoding gb18030\n", "gb18030"),
    ],
)
def test_the_named_encoding_counts(header: bytes, codec: str) -> None:
    """Names and messages are read in the encoding that the commit names, UTF-8 if it names none."""
    text = "\u00e9" if codec not in {"cp1251", "koi8-r", "euc-jp", "shift-jis"} else "\u0436"
    raw = text.encode(codec)
    data = LINKS + b"author %b <a@x> 5 +0100\ncommitter C <%b@x> 7 -0200\n" % (raw, raw) + header + b"\n" + raw
    commit = readable_commit(data)
    assert (commit.author.name, commit.committer.email, commit.message) == (text, text + "@x", text)


@pytest.mark.parametrize("name", [b"punycode", b"idna", b"unicode_escape", b"hex", b"nonsense", b"iso-8859-99", b""])
def test_what_is_no_encoding_is_utf8(name: bytes) -> None:
    """A name of no character set changes nothing, and bytes that are not text are replaced."""
    commit = readable_commit(LINKS + PEOPLE + b"encoding " + name + b"\n\n\xc3\xa9\xff\n")
    assert commit.message == "\u00e9\ufffd"


@pytest.mark.parametrize("rest", [b"", b"author nobody\ncommitter <\n", b"\n", b"committer A\n\n"])
def test_what_is_missing_is_empty(rest: bytes) -> None:
    """A commit without people, dates or message is shown all the same."""
    commit = readable_commit(LINKS + rest)
    assert commit.author == commit.committer == ReadablePerson("", "", 0)
    assert commit.message == ""


def test_a_commit_must_begin_with_its_tree() -> None:
    """What does not begin with a tree is no commit."""
    with pytest.raises(MalformedObject):
        readable_commit(PEOPLE)
