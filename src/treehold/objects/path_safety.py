"""Names in a tree that some file system would take for ``.`` and ``..``, ``.git`` or ``.gitmodules``.

HFS+ ignores certain code points and case; NTFS ignores case, trailing dots and spaces and what follows a colon, takes
a backslash for a slash, and knows every file by a short name as well. A name that reaches a repo's ``.git`` by any of
these lets whoever pushed it run commands on the machine of whoever checks it out.
"""

import re
from typing import Final

_HFS_IGNORED: Final = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF],
)
_ANY_SUSPECT: Final = re.compile(rb"[/\\~:\x80-\xff]|\A\.(?:\.?\Z|git)", re.IGNORECASE)
"""Every name that could matter here has a slash, backslash, tilde, colon or a byte beyond ASCII, or begins like .git;
all other names, nearly all there are, need no closer look."""
_find_suspect: Final = _ANY_SUSPECT.search
_NTFS_DOTGIT: Final = re.compile(rb"(?:\A|\\)(?:\.git|git~1)[ .]*+(?:\Z|[\\/:])", re.IGNORECASE)


def _ntfs_file(name: bytes, short: bytes, hashed: bytes) -> re.Pattern[bytes]:
    """A dot file by its long name, its first four short names, and the hashed short names that come after them."""
    hashes = [b"%b~[1-9][0-9]{%d}" % (hashed[:kept], 6 - kept) for kept in range(7)]
    words = b"|".join([re.escape(name), short + b"~[1-4]", *hashes])
    return re.compile(rb"(?:%b)[ .]*+(?:\Z|:)" % words, re.IGNORECASE)


_DOT_FILES: Final = (
    (".gitmodules", _ntfs_file(b".gitmodules", b"gitmod", b"gi7eba")),
    (".gitattributes", _ntfs_file(b".gitattributes", b"gitatt", b"gi7d29")),
)


def is_plain(name: bytes) -> bool:
    """Whether the name needs no closer look by the functions below: their answers would all be no."""
    return _find_suspect(name) is None


def is_dotgit(name: bytes) -> bool:
    """Whether some file system takes the name for ``.git``."""
    return _hfs_name(name) == ".git" or _NTFS_DOTGIT.search(name) is not None


def special_file(name: bytes) -> str | None:
    """Which file that Git itself reads some file system takes the name for: ``.gitmodules``, ``.gitattributes``."""
    hfs = _hfs_name(name)
    parts = [name, *name.split(b"\\")[1:]] if b"\\" in name else [name]
    for word, ntfs in _DOT_FILES:
        if hfs == word or any(ntfs.match(part) for part in parts):
            return word
    return None


def _hfs_name(name: bytes) -> str:
    """The name as HFS+ compares it, up to the first byte that is not UTF-8 and the first slash, as git fsck does."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as error:
        text = name[: error.start].decode("utf-8")
    text = text.partition("/")[0].translate(_HFS_IGNORED)
    return text.lower() if text.isascii() else text
