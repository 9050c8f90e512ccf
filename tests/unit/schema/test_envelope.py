"""Twin of treehold.schema.envelope."""

import json

import pytest

from treehold.schema.envelope import Failure, Listing, Success, page_info
from treehold.schema.queries import Window
from treehold.schema.rows import Removed


def test_success_is_wrapped() -> None:
    """A result comes with success true and two empty lists, and without result_info."""
    assert json.loads(Success[Removed](result=Removed(id="abc")).model_dump_json()) == {
        "result": {"id": "abc"},
        "success": True,
        "errors": [],
        "messages": [],
    }


def test_a_listing_says_which_stretch_it_is() -> None:
    """A list has result_info, with a cursor exactly when one was given."""
    rows = [Removed(id="abc"), Removed(id="def")]
    window = Window(2, 2)
    more = Listing[Removed](result=rows, result_info=page_info(window, count=2, total=5, cursor="next"))
    last = Listing[Removed](result=rows, result_info=page_info(window, count=2, total=4))
    assert json.loads(more.model_dump_json()) == {
        "result": [{"id": "abc"}, {"id": "def"}],
        "success": True,
        "errors": [],
        "messages": [],
        "result_info": {
            "page": 2,
            "per_page": 2,
            "total_pages": 3,
            "count": 2,
            "total_count": 5,
            "cursor": "next",
        },
    }
    assert "cursor" not in json.loads(last.model_dump_json())["result_info"]


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (50, 1), (51, 2), (100, 2)])
def test_pages_are_counted_up(total: int, pages: int) -> None:
    """A part of a page is a page, and nothing at all is none."""
    assert page_info(Window(1, 50), count=0, total=total).total_pages == pages


def test_envelopes_are_read_back() -> None:
    """A client reads what the server wrote, and tells a page with a cursor from one without."""
    for info in (page_info(Window(1, 2), count=1, total=1), page_info(Window(1, 1), count=1, total=2, cursor="c")):
        written = Listing[Removed](result=[Removed(id="abc")], result_info=info).model_dump_json()
        read = Listing[Removed].model_validate_json(written)
        assert (type(read.result_info), read.result_info) == (type(info), info)


def test_a_failure_is_read() -> None:
    """A failure's error and its pointer are found where the contract has them."""
    body = {
        "result": None,
        "success": False,
        "errors": [{"code": 10101, "message": "bad", "source": {"pointer": "/name"}}],
        "messages": [],
    }
    error = Failure.model_validate(body).errors[0]
    assert (error.code, error.source and error.source.pointer) == (10101, "/name")
