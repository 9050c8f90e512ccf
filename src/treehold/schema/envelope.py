"""The envelope around every REST answer."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from treehold.schema.fields import Told
from treehold.schema.queries import Window

Count = Annotated[int, Told(minimum=0)]
Positive = Annotated[int, Told(minimum=1)]
T = TypeVar("T")


class ErrorSource(BaseModel):
    """Which part of the request was wrong: ``/name`` is a field of the body or a query parameter."""

    pointer: str | None = Field(None, examples=["/name"])


class ApiError(BaseModel):
    """One thing that went wrong, or one message."""

    code: Annotated[int, Told(minimum=10_000, maximum=10_999)] = Field(examples=[10101])
    message: str = Field(examples=["invalid repo name: it must have 3 to 63 characters, not 1"])
    documentation_url: str | None = None
    source: ErrorSource | None = None


class Success(BaseModel, Generic[T]):
    """An answer that went well."""

    result: T
    success: Literal[True] = True
    errors: list[ApiError] = Field(default_factory=list, max_length=0, examples=[[]])
    messages: list[ApiError] = Field(default_factory=list, examples=[[]])


class PageInfo(BaseModel):
    """Which stretch of a list this is. ``count`` rows of it are here, ``total_count`` match in all."""

    page: Positive = Field(examples=[1])
    per_page: Positive = Field(examples=[50])
    total_pages: Count = Field(description="0 for an empty list", examples=[1])
    count: Count = Field(examples=[1])
    total_count: Count = Field(examples=[1])


class CursorPageInfo(PageInfo):
    """The same while more rows follow: ``cursor`` asks for them."""

    cursor: str = Field(examples=["WyJjcmVhdGVkX2F0IiwiZGVzYyIsMTc3NjMzMTgwMDAwMCwiNSJd"])


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
