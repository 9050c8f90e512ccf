"""How bad each defect of an object is: git fsck's message ids, and what is refused here.

What git fsck calls an error is refused. Of what it calls a warning, the names that could write outside a work tree or
into its ``.git`` are refused too; the others are old warts of real histories (zero-padded modes, a NUL in a message)
and are taken, as are its infos.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Severity(Enum):
    """What is done about a defect: ERROR refuses the object, WARN takes it, IGNORE does not even count as a defect."""

    ERROR = "error"
    WARN = "warn"
    IGNORE = "ignore"


# fmt: off
_ERRORS: Final = (
    "badDate", "badDateOverflow", "badEmail", "badName", "badObjectSha1", "badParentSha1", "badTimezone",
    "badTree", "badTreeSha1", "badType", "duplicateEntries", "gitattributesBlob", "gitmodulesBlob",
    "gitmodulesSymlink", "missingAuthor", "missingCommitter", "missingEmail", "missingNameBeforeEmail",
    "missingObject", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingTag", "missingTagEntry",
    "missingTree", "missingType", "missingTypeEntry", "multipleAuthors", "nulInHeader", "treeNotSorted",
    "unterminatedHeader", "zeroPaddedDate",
)
_PATH_SAFETY: Final = (
    "emptyName", "fullPathname", "hasDot", "hasDotdot", "hasDotgit", "nullSha1",
)
_WARNINGS: Final = (
    "badFilemode", "badTagName", "gitattributesSymlink",
    "missingTaggerEntry", "nulInCommit", "zeroPaddedFilemode",
)
# fmt: on

DEFAULT_SEVERITIES: Final[Mapping[str, Severity]] = MappingProxyType(
    dict.fromkeys(_ERRORS, Severity.ERROR)
    | dict.fromkeys(_PATH_SAFETY, Severity.ERROR)
    | dict.fromkeys(_WARNINGS, Severity.WARN)
)
"""The house's own severities, by message id; an id that is not named here is an error."""
