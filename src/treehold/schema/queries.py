"""What programs ask of lists: the query parameters, and which stretch of a list they mean.

Both styles of the known clients work: ``limit`` and ``cursor``, or ``page`` and ``per_page``. A parameter with
nothing behind its ``=`` counts as absent, as clients that fill a fixed pattern send it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treehold.schema.fields import Text, Whole

REPOS_DEFAULT: Final = 50
REPOS_MAX: Final = 200
TOKENS_DEFAULT: Final = 30
TOKENS_MAX: Final = 100
PAGE_MAX: Final = 1_000_000_000
"""Highest page number; times the page size it stays far inside a database's 64-bit offset."""
SEARCH_MAX: Final = 255
"""Longest search text. Names have 63 characters; databases refuse patterns of some ten thousand."""
CURSOR_MAX: Final = 2048
"""Longest cursor; ours have some hundred characters."""


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


class ListReposQuery(ListQuery):
    """``GET /repos``."""

    limit: Whole | None = Field(None, ge=1, le=REPOS_MAX, description=f"Rows a page, {REPOS_DEFAULT} by default")
    cursor: Text | None = Field(None, max_length=CURSOR_MAX, description="Goes on where the page with it ended")
    page: Whole = Field(1, ge=1, le=PAGE_MAX)
    per_page: Whole | None = Field(None, ge=1, le=REPOS_MAX, description="The same as limit, for clients with pages")
    search: Text | None = Field(None, max_length=SEARCH_MAX, description="A part of the name")
    sort: Literal["created_at", "updated_at", "last_push_at", "name"] = "created_at"
    direction: Literal["asc", "desc"] = "desc"

    def window(self) -> Window:
        """The stretch asked for. A cursor belongs to ``limit``, a page number to ``per_page``."""
        first, second = (self.limit, self.per_page) if self.cursor else (self.per_page, self.limit)
        return Window(page=self.page, size=first or second or REPOS_DEFAULT)


class ListTokensQuery(ListQuery):
    """``GET /repos/{name}/tokens``."""

    state: Literal["active", "expired", "revoked", "all"] = "active"
    page: Whole = Field(1, ge=1, le=PAGE_MAX)
    per_page: Whole = Field(TOKENS_DEFAULT, ge=1, le=TOKENS_MAX)

    def window(self) -> Window:
        """The stretch asked for."""
        return Window(page=self.page, size=self.per_page)
