"""Twin of treehold.schema.queries."""

import pytest
from pydantic import ValidationError

from treehold.schema.queries import (
    CURSOR_MAX,
    PAGE_MAX,
    SEARCH_MAX,
    FileQuery,
    ListAccountsQuery,
    ListNamespacesQuery,
    ListReposQuery,
    ListTokensQuery,
    LogQuery,
    Window,
)


@pytest.mark.parametrize(
    ("asked", "window"),
    [
        ({}, Window(1, 50)),
        ({"limit": "7"}, Window(1, 7)),
        ({"per_page": "7"}, Window(1, 7)),
        ({"page": "3"}, Window(3, 50)),
        ({"page": "3", "limit": "20"}, Window(3, 20)),
        ({"page": "3", "per_page": "20", "limit": "9"}, Window(3, 20)),
        ({"cursor": "c", "per_page": "20", "limit": "9"}, Window(1, 9)),
        ({"cursor": "c", "per_page": "20"}, Window(1, 20)),
        ({"limit": "", "cursor": "", "page": "", "per_page": "", "search": "", "sort": ""}, Window(1, 50)),
    ],
)
def test_both_styles_of_paging_name_a_window(asked: dict[str, str], window: Window) -> None:
    """A cursor goes with limit, pages go with per_page, each stands in for the other, and empty means absent."""
    assert ListReposQuery.model_validate(asked).window() == window


def test_a_window_knows_what_comes_before_it() -> None:
    """The first page skips nothing, each later one a page more."""
    assert [Window(page, 30).offset for page in (1, 2, 5)] == [0, 30, 120]


def test_the_farthest_window_fits_a_database() -> None:
    """The largest page number times the largest page stays within 64 bits."""
    assert Window(PAGE_MAX, 200).offset < 2**63


def test_namespaces_and_accounts_have_defaults_of_their_own() -> None:
    """Namespaces are listed a hundred a page, in both styles; accounts twenty a page."""
    asked = ListNamespacesQuery.model_validate({"limit": ""})
    assert (asked.window(), asked.cursor) == (Window(1, 100), None)
    assert ListNamespacesQuery.model_validate({"cursor": "c", "limit": "200"}).window() == Window(1, 200)
    assert ListAccountsQuery.model_validate({}).window() == Window(1, 20)
    assert ListAccountsQuery.model_validate({"page": "2", "per_page": "50"}).window() == Window(2, 50)


@pytest.mark.parametrize(("field", "value"), [("limit", "201"), ("per_page", "0"), ("page", "x")])
def test_a_bad_namespaces_parameter_is_named(field: str, value: str) -> None:
    """A value out of bounds is refused, under its own name."""
    with pytest.raises(ValidationError) as raised:
        ListNamespacesQuery.model_validate({field: value})
    assert [error["loc"] for error in raised.value.errors()] == [(field,)]


def test_tokens_have_defaults_of_their_own() -> None:
    """Tokens are listed thirty a page, active ones only."""
    asked = ListTokensQuery.model_validate({"state": ""})
    assert (asked.state, asked.window()) == ("active", Window(1, 30))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("limit", value) for value in ("0", "201", "-1", "ten", "1.0", "1e2", "9" * 5000)),
        *(("per_page", value) for value in ("0", "201", "x")),
        *(("page", value) for value in ("0", "-1", "x", str(PAGE_MAX + 1), "9" * 30)),
        *(("search", value) for value in ("a\x00", "x" * (SEARCH_MAX + 1))),
        *(("cursor", value) for value in ("a\x00", "x" * (CURSOR_MAX + 1))),
        *(("sort", value) for value in ("size", "NAME", "name ")),
        *(("direction", value) for value in ("up", "DESC")),
    ],
)
def test_a_bad_repos_parameter_is_named(field: str, value: str) -> None:
    """A value out of bounds is refused, under its own name and no other."""
    with pytest.raises(ValidationError) as raised:
        ListReposQuery.model_validate({field: value})
    assert [error["loc"] for error in raised.value.errors()] == [(field,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("per_page", "101"), ("per_page", "0"), ("page", "0"), ("state", "dead"), ("state", "Active")],
)
def test_a_bad_tokens_parameter_is_named(field: str, value: str) -> None:
    """A value out of the bounds for tokens is refused, under its own name."""
    with pytest.raises(ValidationError) as raised:
        ListTokensQuery.model_validate({field: value})
    assert [error["loc"] for error in raised.value.errors()] == [(field,)]


def test_something_else_than_a_mapping_is_left_to_pydantic() -> None:
    """A query made from another kind of value is refused by pydantic itself."""
    with pytest.raises(ValidationError):
        ListReposQuery.model_validate([("limit", "1")])


@pytest.mark.parametrize(("asked", "rows"), [({}, 50), ({"limit": "1"}, 1), ({"limit": "1000"}, 1000)])
def test_a_log_has_as_many_rows_as_asked_for(asked: dict[str, str], rows: int) -> None:
    """A log has 50 rows unless it is asked for others."""
    assert LogQuery.model_validate(asked).rows() == rows


@pytest.mark.parametrize("limit", ["1001", "999999999999999999999999"])
def test_a_long_log_is_cut(limit: str) -> None:
    """A limit that is too high is no mistake."""
    assert LogQuery.model_validate({"limit": limit}).rows() == 1000


def test_empty_parameters_of_reads_are_absent() -> None:
    """An empty ref or path is none, and a file has a path."""
    asked = LogQuery.model_validate({"ref": "", "path": "", "limit": "", "offset": ""})
    assert (asked.ref, asked.path, asked.limit, asked.offset) == (None, None, 50, 0)
    with pytest.raises(ValidationError):
        FileQuery.model_validate({"path": ""})
