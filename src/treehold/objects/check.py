"""Whether an object is well-formed, in git fsck's words.

One regular expression recognises the commits, and a few whole-tree comparisons the trees, that have no defect at all;
only what they do not recognise is taken apart to find the name of its defect. What a ``.gitmodules`` or
``.gitattributes`` blob says is not looked at: that takes the knowledge of which blobs those are.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from treehold.errors import InvalidRefName, MalformedObject
from treehold.ids import KIND_BY_WORD, TAGS, ZERO_OID, ObjectKind, parse_ref_name
from treehold.objects.headers import hex_at
from treehold.objects.path_safety import is_dotgit, is_plain, special_file
from treehold.objects.severity import DEFAULT_SEVERITIES, Severity
from treehold.objects.tree import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_SYMLINK,
    MODE_TREE,
    TYPE_MASK,
    raw_entries,
)

Defect = tuple[str, str]
"""git fsck's message id, and a sentence."""

_PERSON: Final = rb"[^<>\n\0]* <[^<>\n\0]*> (?:0|[1-9][0-9]{0,17}) [+-][0-9]{4}\n"
_GOOD_COMMIT: Final = re.compile(
    rb"tree [0-9a-f]{40}\n(?:parent [0-9a-f]{40}\n)*+author " + _PERSON + rb"committer " + _PERSON,
)
_EMPTY_NAME: Final = re.compile(rb"(?:[0-7]{1,11}+ [^\0]++\0[\0-\xff]{20})*+[0-7]{1,11}+ \0")
_ANGLE: Final = re.compile(rb"[<>]")
_DATE: Final = re.compile(rb"([0-9]+) ")
_TIMEZONE: Final = re.compile(rb"[+-][0-9]{4}")
_DATE_MAX: Final = 2**63 - 1
"""What git's time_t holds; a later date makes its arithmetic overflow."""
_USUAL_MODES: Final = frozenset({MODE_TREE, MODE_FILE, MODE_EXECUTABLE, MODE_SYMLINK, MODE_GITLINK, 0o100664})
"""0664 is what some early gits wrote."""


def check_object(kind: ObjectKind, data: bytes, *, severities: Mapping[str, Severity] = DEFAULT_SEVERITIES) -> None:
    """Raise MalformedObject for the first defect whose severity is ERROR; blobs have none.

    Message ids are those of fsck.h in Git 2.39.
    """
    if kind == ObjectKind.BLOB:
        return
    if kind == ObjectKind.TREE:
        defects = tree_defects(data)
    elif kind == ObjectKind.COMMIT:
        defects = commit_defects(data)
    else:
        defects = tag_defects(data)
    for msg_id, message in defects:
        if severities.get(msg_id, Severity.ERROR) is Severity.ERROR:
            raise MalformedObject(msg_id, message)


def commit_defects(data: bytes) -> Iterator[Defect]:
    """Everything wrong with a commit, up to where its headers can no longer be followed."""
    if _GOOD_COMMIT.match(data) and b"\0" not in data and (b"\n\n" in data or data.endswith(b"\n")):
        return
    yield from _block_defects(data)
    if not data.startswith(b"tree "):
        yield "missingTree", "a commit does not begin with its tree"
        return
    if hex_at(data, 5) is None:
        yield "badTreeSha1", "a commit's tree is not an object id"
        return
    pos = 46
    while data.startswith(b"parent ", pos):
        if hex_at(data, pos + 7) is None:
            yield "badParentSha1", "a commit's parent is not an object id"
            return
        pos += 48
    yield from _commit_people_defects(data, pos)
    if b"\0" in data:
        yield "nulInCommit", "a NUL byte in a commit's message"


def _commit_people_defects(data: bytes, pos: int) -> Iterator[Defect]:
    authors = 0
    while data.startswith(b"author ", pos):
        authors += 1
        line, pos = _line_at(data, pos + 7)
        yield from identity_defects(line)
    if authors == 0:
        yield "missingAuthor", "a commit has no author line after its parents"
    elif authors > 1:
        yield "multipleAuthors", "a commit has several author lines"
    if data.startswith(b"committer ", pos):
        yield from identity_defects(_line_at(data, pos + 10)[0])
    else:
        yield "missingCommitter", "a commit has no committer line after its author"


def tag_defects(data: bytes) -> Iterator[Defect]:
    """Everything wrong with a tag, up to where its headers can no longer be followed."""
    yield from _block_defects(data)
    if not data.startswith(b"object "):
        yield "missingObject", "a tag does not begin with its object"
    elif hex_at(data, 7) is None:
        yield "badObjectSha1", "a tag's object is not an object id"
    elif not data.startswith(b"type ", 48):
        yield "missingTypeEntry", "a tag has no type line after its object"
    elif b"\n" not in data[53:]:
        yield "missingType", "a tag's type line does not end"
    else:
        word, pos = _line_at(data, 53)
        if word not in KIND_BY_WORD:
            yield "badType", "a tag's type is not an object type"
        yield from _tag_name_defects(data, pos)


def _tag_name_defects(data: bytes, pos: int) -> Iterator[Defect]:
    if not data.startswith(b"tag ", pos):
        yield "missingTagEntry", "a tag has no name line after its type"
        return
    if b"\n" not in data[pos:]:
        yield "missingTag", "a tag's name line does not end"
        return
    name, pos = _line_at(data, pos + 4)
    try:
        parse_ref_name(TAGS + name)
    except InvalidRefName:
        yield "badTagName", "a tag's name cannot be a ref's name"
    if data.startswith(b"tagger ", pos):
        yield from identity_defects(_line_at(data, pos + 7)[0])
    else:
        yield "missingTaggerEntry", "a tag has no tagger line after its name"


def _line_at(data: bytes, pos: int) -> tuple[bytes, int]:
    """The line that begins at ``pos``, without its end, and where the next one begins."""
    end = data.find(b"\n", pos)
    return (data[pos:], len(data)) if end < 0 else (data[pos:end], end + 1)


def _block_defects(data: bytes) -> Iterator[Defect]:
    headers, gap, _ = data.partition(b"\n\n")
    if b"\0" in headers:
        yield "nulInHeader", "a NUL byte among the headers"
    elif not gap and not data.endswith(b"\n"):
        yield "unterminatedHeader", "the headers do not end"


def identity_defects(line: bytes) -> Iterator[Defect]:
    """What is wrong with the value of an author, committer or tagger line: the first defect only, as git fsck."""
    if line.startswith(b"<"):
        yield "missingNameBeforeEmail", "no name before the e-mail"
        return
    opening = _ANGLE.search(line)
    if opening is None:
        yield "missingEmail", "no e-mail"
        return
    if opening[0] == b">":
        yield "badName", "a > in the name"
        return
    if line[opening.start() - 1 : opening.start()] != b" ":
        yield "missingSpaceBeforeEmail", "no space before the e-mail"
        return
    closing = _ANGLE.search(line, opening.end())
    if closing is None or closing[0] == b"<":
        yield "badEmail", "the e-mail does not end"
        return
    yield from _date_defects(line[closing.end() :])


def _date_defects(rest: bytes) -> Iterator[Defect]:
    """``rest`` is what follows the e-mail: a space, seconds since 1970, a space, a time zone."""
    date = _DATE.match(rest, 1)
    if not rest.startswith(b" "):
        yield "missingSpaceBeforeDate", "no space before the date"
    elif rest.startswith(b" 0") and rest[2:3] != b" ":
        yield "zeroPaddedDate", "a date with leading zeroes"
    elif date is None:
        yield "badDate", "the date is not a number"
    elif len(date[1]) > 19 or int(date[1]) > _DATE_MAX:
        yield "badDateOverflow", "the date does not fit 63 bits"
    elif not _TIMEZONE.fullmatch(rest, date.end()):
        yield "badTimezone", "the time zone is not of the form +hhmm"


def tree_defects(data: bytes) -> Iterator[Defect]:
    """Everything wrong with a tree, or only that it cannot be read."""
    try:
        entries = raw_entries(data)
    except MalformedObject as error:
        if _EMPTY_NAME.match(data):
            yield "emptyName", "a tree entry has an empty name"
        else:
            yield error.msg_id, "a tree cannot be read"
        return
    modes = {mode: int(mode, 8) for mode in {mode for mode, _, _ in entries}}
    folders = {mode for mode, number in modes.items() if number & TYPE_MASK == MODE_TREE}
    keys = [name + b"/" if mode in folders else name for mode, name, _ in entries]
    if keys != sorted(keys):
        yield "treeNotSorted", "a tree's entries are out of order"
    if len({name for _, name, _ in entries}) < len(entries):
        yield "duplicateEntries", "a tree has two entries of one name"
    if ZERO_OID in [oid for _, _, oid in entries]:
        yield "nullSha1", "a tree entry has the null object id"
    for mode, name, _ in entries:
        if not is_plain(name):
            yield from _name_defects(name, modes[mode])
    yield from _mode_defects(modes)


def _name_defects(name: bytes, mode: int) -> Iterator[Defect]:
    if b"/" in name:
        yield "fullPathname", "a tree entry's name holds a slash"
    if name == b".":
        yield "hasDot", "a tree entry is named ."
    elif name == b"..":
        yield "hasDotdot", "a tree entry is named .."
    elif is_dotgit(name):
        yield "hasDotgit", "a tree entry's name means .git on some file systems"
    special = special_file(name)
    if special is None:
        return
    word = special[1:]
    if mode & TYPE_MASK == MODE_SYMLINK:
        yield f"{word}Symlink", f"{special} is a symbolic link"
    elif mode & TYPE_MASK == MODE_TREE:
        yield f"{word}Blob", f"{special} is not a file"


def _mode_defects(modes: Mapping[bytes, int]) -> Iterator[Defect]:
    if not _USUAL_MODES.issuperset(modes.values()):
        yield "badFilemode", "a tree entry has a mode that git does not write"
    if any(mode.startswith(b"0") for mode in modes):
        yield "zeroPaddedFilemode", "a tree entry's mode has leading zeroes"
