"""What programs ask of lists: the query parameters, and which stretch of a list they mean.

Both styles of the known clients work: ``limit`` and ``cursor``, or ``page`` and ``per_page``. A parameter with
nothing behind its ``=`` counts as absent, as clients that fill a fixed pattern send it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treehold.schema.fields import PATH_MAX, OnlyDigits, Text, Whole

NAMESPACES_DEFAULT: Final = 100
REPOS_DEFAULT: Final = 50
REPOS_MAX: Final = 200
"""Most rows a page, of repos and of namespaces."""
TOKENS_DEFAULT: Final = 30
TOKENS_MAX: Final = 100
ACCOUNTS_DEFAULT: Final = 20
ACCOUNTS_MAX: Final = 1000
PAGE_MAX: Final = 1_000_000_000
"""Highest page number; times the page size it stays far inside a database's 64-bit offset."""
SEARCH_MAX: Final = 255
"""Longest search text. Names have 63 characters; databases refuse patterns of some ten thousand."""
CURSOR_MAX: Final = 2048
"""Longest cursor; ours have some hundred characters."""
LOG_DEFAULT: Final = 50
LOG_MAX: Final = 1000
"""Most commits that one log lists: more are not refused, but these are all that come."""
OFFSET_MAX: Final = 1_000_000_000
"""Most commits that a log leaves out: more than any history has, and no more than git can count."""

# The bounds stand before the check of the spelling: behind it the document would not tell them of what may be null.
PageSize = Annotated[int, Field(ge=1, le=REPOS_MAX, examples=[50]), OnlyDigits]
PageNumber = Annotated[int, Field(ge=1, le=PAGE_MAX, description="Which page, from 1 on", examples=[1]), OnlyDigits]
_Cursor = Annotated[Text, Field(max_length=CURSOR_MAX)]
_Search = Annotated[Text, Field(max_length=SEARCH_MAX)]
_Path = Annotated[Text, Field(max_length=PATH_MAX)]
_REF: Final = "A branch, a tag, a full ref name, a commit's id or its beginning; HEAD by default"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a list: its page number, rows a page, and the rows before it."""

    page: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before this page."""
        return (self.page - 1) * self.size


class ListQuery(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, parameters: object) -> object:
        if isinstance(parameters, Mapping):
            return {name: value for name, value in parameters.items() if value not in ("", None)}
        return parameters


class CursorQuery(ListQuery):
    """The query of a list that goes on by cursors as well as by pages."""

    size_default: ClassVar[int]

    limit: PageSize | None = Field(
        None, description=f"Rows a page: {REPOS_DEFAULT} repos or {NAMESPACES_DEFAULT} namespaces by default"
    )
    cursor: _Cursor | None = Field(
        None,
        description="Goes on where the page with it ended; only what `result_info.cursor` of that listing was",
        examples=["WyJjcmVhdGVkX2F0IiwiZGVzYyIsMTc3NjMzMTgwMDAwMCwiNSJd"],
    )
    page: PageNumber = 1
    per_page: PageSize | None = Field(None, description="The same as limit, for clients with pages")

    def window(self) -> Window:
        """The stretch asked for. A cursor belongs to ``limit``, a page number to ``per_page``."""
        first, second = (self.limit, self.per_page) if self.cursor else (self.per_page, self.limit)
        return Window(page=self.page, size=first or second or self.size_default)


class ListNamespacesQuery(CursorQuery):
    """``GET /namespaces``: a hundred rows a page by default."""

    size_default = NAMESPACES_DEFAULT


class ListReposQuery(CursorQuery):
    """``GET /repos``: fifty rows a page by default."""

    size_default = REPOS_DEFAULT

    search: _Search | None = Field(None, description="A part of the name, whatever its case", examples=["starter"])
    sort: Literal["created_at", "updated_at", "last_push_at", "name"] = Field(
        "created_at", description="What the list is in order of"
    )
    direction: Literal["asc", "desc"] = Field("desc", description="The greatest or the least first")


class ListTokensQuery(ListQuery):
    """``GET /repos/{name}/tokens``."""

    state: Literal["active", "expired", "revoked", "all"] = Field("active", description="Which tokens")
    page: PageNumber = 1
    per_page: Whole = Field(TOKENS_DEFAULT, ge=1, le=TOKENS_MAX, description="Rows a page")

    def window(self) -> Window:
        """The stretch asked for."""
        return Window(page=self.page, size=self.per_page)


class ListAccountsQuery(ListQuery):
    """``GET /accounts`` and ``GET /memberships``, which have one row."""

    page: PageNumber = 1
    per_page: Whole = Field(ACCOUNTS_DEFAULT, ge=1, le=ACCOUNTS_MAX, description="Rows a page")

    def window(self) -> Window:
        """The stretch asked for."""
        return Window(page=self.page, size=self.per_page)


class LogQuery(ListQuery):
    """``GET /repos/{name}/log``. Refs and paths are bytes: the door takes those from the query itself."""

    ref: _Path | None = Field(None, description=_REF, examples=["main"])
    limit: Whole = Field(LOG_DEFAULT, ge=1, description=f"Commits; more than {LOG_MAX:,} are as {LOG_MAX:,}")
    offset: Whole = Field(0, ge=0, le=OFFSET_MAX, description="How many of the newest are left out")
    path: _Path | None = Field(None, description="Only commits that change this file or folder", examples=["src"])

    def rows(self) -> int:
        """How many commits are listed at most."""
        return min(self.limit, LOG_MAX)


class FileQuery(ListQuery):
    """``GET /repos/{name}/file``. Refs and paths are bytes: the door takes those from the query itself."""

    ref: _Path | None = Field(None, description=_REF, examples=["main"])
    path: _Path = Field(min_length=1, description="From the top of the tree", examples=["src/main.py"])
