import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectKind
from treehold.objects.check import check_object, commit_defects, tag_defects, tree_defects
from treehold.objects.severity import Severity

TREE = b"tree " + b"01" * 20 + b"\n"
PARENT = b"parent " + b"02" * 20 + b"\n"
WHO = b"A <a@x> 5 +0100\n"
PEOPLE = b"author " + WHO + b"committer " + WHO
COMMIT = TREE + PARENT + PEOPLE + b"\nmessage\n"
OBJECT = b"object " + b"01" * 20 + b"\n"
TAG = OBJECT + b"type commit\ntag v1\ntagger " + WHO + b"\nmessage\n"
OID = b"\x07" * 20


def ids(kind: ObjectKind, data: bytes) -> list[str]:
    """The message ids of all defects."""
    find = {ObjectKind.COMMIT: commit_defects, ObjectKind.TAG: tag_defects, ObjectKind.TREE: tree_defects}[kind]
    return [msg_id for msg_id, _ in find(data)]


def by(author: bytes) -> bytes:
    """A commit with that author line."""
    return TREE + b"author " + author + b"\ncommitter " + WHO + b"\nmessage\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (COMMIT, []),
        (TREE + PEOPLE, []),
        (TREE.upper().replace(b"TREE", b"tree") + PEOPLE, []),
        (COMMIT.replace(b"02", b"AB"), []),
        (COMMIT + b"\0", ["nulInCommit"]),
        (b"", ["unterminatedHeader", "missingTree"]),
        (PEOPLE, ["missingTree"]),
        (b"tree 01\n" + PEOPLE, ["badTreeSha1"]),
        (TREE + b"parent 02\n" + PEOPLE, ["badParentSha1"]),
        (TREE + b"committer " + WHO, ["missingAuthor"]),
        (TREE + b"author " + WHO + PEOPLE, ["multipleAuthors"]),
        (TREE + b"author " + WHO, ["missingCommitter"]),
        (TREE + PEOPLE.removesuffix(b"\n"), ["unterminatedHeader"]),
        (TREE + b"author " + WHO[:-1], ["unterminatedHeader", "missingCommitter"]),
        (TREE + PEOPLE + b"x \0y\n\n", ["nulInHeader", "nulInCommit"]),
    ],
)
def test_defects_of_commits_have_git_names(data: bytes, expected: list[str]) -> None:
    """Each defect of a commit's frame is found and named as git fsck names it."""
    assert ids(ObjectKind.COMMIT, data) == expected


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (b"A <a@x> 5 +0100", []),
        (b" <> 0 -0000", []),
        (b"<a@x> 5 +0100", ["missingNameBeforeEmail"]),
        (b"A> <a@x> 5 +0100", ["badName"]),
        (b"A a@x 5 +0100", ["missingEmail"]),
        (b"A<a@x> 5 +0100", ["missingSpaceBeforeEmail"]),
        (b"A <a@x 5 +0100", ["badEmail"]),
        (b"A <a<@x> 5 +0100", ["badEmail"]),
        (b"A <a@x>5 +0100", ["missingSpaceBeforeDate"]),
        (b"A <a@x>", ["missingSpaceBeforeDate"]),
        (b"A <a@x> 05 +0100", ["zeroPaddedDate"]),
        (b"A <a@x> x +0100", ["badDate"]),
        (b"A <a@x> 5", ["badDate"]),
        (b"A <a@x> 9223372036854775807 +0100", []),
        (b"A <a@x> 9223372036854775808 +0100", ["badDateOverflow"]),
        (b"A <a@x> " + b"9" * 5000 + b" +0100", ["badDateOverflow"]),
        (b"A <a@x> 5 0100", ["badTimezone"]),
        (b"A <a@x> 5 +01000", ["badTimezone"]),
        (b"A <a@x> 5 +0100 ", ["badTimezone"]),
    ],
)
def test_defects_of_people_have_git_names(author: bytes, expected: list[str]) -> None:
    """Each defect of an identity line is found and named as git fsck names it."""
    assert ids(ObjectKind.COMMIT, by(author)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TAG, []),
        (b"\n", ["missingObject"]),
        (b"object 01\n", ["badObjectSha1"]),
        (OBJECT, ["missingTypeEntry"]),
        (OBJECT + b"type commit", ["unterminatedHeader", "missingType"]),
        (TAG.replace(b"commit", b"thing"), ["badType"]),
        (OBJECT + b"type commit\n", ["missingTagEntry"]),
        (OBJECT + b"type commit\ntag v1", ["unterminatedHeader", "missingTag"]),
        (TAG.replace(b"v1", b"v..1"), ["badTagName"]),
        (OBJECT + b"type tree\ntag v1\n\nold\n", ["missingTaggerEntry"]),
        (TAG.replace(b"A <a@x>", b"<a@x>"), ["missingNameBeforeEmail"]),
        (OBJECT + b"type\0commit\n", ["nulInHeader", "missingTypeEntry"]),
    ],
)
def test_defects_of_tags_have_git_names(data: bytes, expected: list[str]) -> None:
    """Each defect of a tag is found and named as git fsck names it."""
    assert ids(ObjectKind.TAG, data) == expected


def entry(name: bytes, mode: bytes = b"100644", oid: bytes = OID) -> bytes:
    """One tree entry."""
    return mode + b" " + name + b"\0" + oid


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (entry(b"a.b") + entry(b"a", b"40000") + entry(b"a0"), []),
        (entry(b"b") + entry(b"a"), ["treeNotSorted"]),
        (entry(b"a", b"40000") + entry(b"a.b"), ["treeNotSorted"]),
        (entry(b"a") + entry(b"a"), ["duplicateEntries"]),
        (entry(b"a") + entry(b"a.b") + entry(b"a", b"40000"), ["duplicateEntries"]),
        (entry(b""), ["emptyName"]),
        (entry(b"a") + entry(b""), ["emptyName"]),
        (entry(b"a")[:-1], ["badTree"]),
        (entry(b"a", oid=bytes(20)), ["nullSha1"]),
        (entry(b"a/b"), ["fullPathname"]),
        (entry(b"."), ["hasDot"]),
        (entry(b".."), ["hasDotdot"]),
        (entry(b".Git", b"40000"), ["hasDotgit"]),
        (entry(b".gitmodules"), []),
        (entry(b".gitmodules", b"120000"), ["gitmodulesSymlink"]),
        (entry(b".gitmodules", b"40000"), ["gitmodulesBlob"]),
        (entry(b".gitattributes", b"40000"), ["gitattributesBlob"]),
        (entry(b".gitattributes", b"120000"), ["gitattributesSymlink"]),
        (entry(b".gitignore"), []),
        (entry(b"a", b"040000"), ["zeroPaddedFilemode"]),
        (entry(b"a", b"100600"), ["badFilemode"]),
        (entry(b"a", b"100664"), []),
    ],
)
def test_defects_of_trees_have_git_names(data: bytes, expected: list[str]) -> None:
    """Each defect of a tree is found and named as git fsck names it."""
    assert ids(ObjectKind.TREE, data) == expected


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_good_objects_pass(kind: ObjectKind) -> None:
    """A good object of each kind raises nothing, and any bytes are a good blob."""
    good = {ObjectKind.COMMIT: COMMIT, ObjectKind.TAG: TAG, ObjectKind.TREE: entry(b"a"), ObjectKind.BLOB: b"\0\n"}
    check_object(kind, good[kind])


def test_errors_are_raised_with_their_id() -> None:
    """The first defect that is an error refuses the object and says which it is."""
    with pytest.raises(MalformedObject) as caught:
        check_object(ObjectKind.TREE, entry(b".git"))
    assert caught.value.msg_id == "hasDotgit"


def test_warnings_are_passed_over() -> None:
    """A defect that only warrants a warning does not hide the error behind it."""
    check_object(ObjectKind.TREE, entry(b"a", b"040000"))
    with pytest.raises(MalformedObject, match="badTree"):
        check_object(ObjectKind.TREE, b"junk")
    with pytest.raises(MalformedObject, match="duplicateEntries"):
        check_object(ObjectKind.TREE, entry(b"b") * 2, severities={"treeNotSorted": Severity.IGNORE})


def test_severities_can_be_lowered() -> None:
    """An operator may take what the house refuses."""
    check_object(ObjectKind.TREE, entry(b".git"), severities={"hasDotgit": Severity.WARN})
