"""The envelope around every REST answer."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from treehold.schema.queries import Window

T = TypeVar("T")


class ErrorSource(BaseModel):
    """Which part of the request was wrong: ``/name`` is a field of the body or a query parameter."""

    pointer: str | None = None


class ApiError(BaseModel):
    """One thing that went wrong, or one message."""

    code: int
    message: str
    documentation_url: str | None = None
    source: ErrorSource | None = None


class Success(BaseModel, Generic[T]):
    """An answer that went well."""

    result: T
    success: Literal[True] = True
    errors: list[ApiError] = Field(default_factory=list, max_length=0)
    messages: list[ApiError] = Field(default_factory=list)


class PageInfo(BaseModel):
    """Which stretch of a list this is. ``count`` rows of it are here, ``total_count`` match in all."""

    page: int
    per_page: int
    total_pages: int
    count: int
    total_count: int


class CursorPageInfo(PageInfo):
    """The same while more rows follow: ``cursor`` asks for them."""

    cursor: str


class Listing(Success[list[T]], Generic[T]):
    """A stretch of a list."""

    result_info: CursorPageInfo | PageInfo


class Failure(BaseModel):
    """An answer that did not go well."""

    result: None = None
    success: Literal[False] = False
    errors: list[ApiError]
    messages: list[ApiError] = Field(default_factory=list)


def page_info(window: Window, *, count: int, total: int, cursor: str | None = None) -> PageInfo:
    """Describe a page of ``count`` rows out of ``total``; an empty list has no pages."""
    pages = -(-total // window.size)
    if cursor is None:
        return PageInfo(page=window.page, per_page=window.size, total_pages=pages, count=count, total_count=total)
    return CursorPageInfo(
        page=window.page, per_page=window.size, total_pages=pages, count=count, total_count=total, cursor=cursor
    )
