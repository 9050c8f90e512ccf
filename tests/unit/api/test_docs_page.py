"""Twin of treehold.api.docs_page; tests/wire/test_openapi.py looks at the page of the whole document."""

import base64
import hashlib
import re
from typing import Any

import pytest

from treehold.api.app import create_api
from treehold.api.docs_page import HEADERS, render
from treehold.engine.context import Engine

LISTING: dict[str, Any] = {
    "operationId": "list_things",
    "summary": "List <things>",
    "description": "All `things` & more.",
    "tags": ["things"],
    "parameters": [
        {
            "name": "box",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "maxLength": 1000, "examples": ["b1"]},
        },
        {
            "name": "size",
            "in": "query",
            "required": True,
            "description": "How many",
            "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 9, "examples": [5]},
        },
        {"name": "Range", "in": "header", "required": False, "schema": {"type": "string"}, "example": "bytes=0-1"},
    ],
    "responses": {
        "200": {"description": "OK", "content": {"application/json": {"example": {"result": ["<b>"]}}}},
        "404": {
            "description": "None",
            "content": {"application/json": {"examples": {"gone": {"value": {"errors": ["gone"]}}}}},
        },
    },
}
MAKING: dict[str, Any] = {
    "operationId": "make_thing",
    "summary": "Make a thing",
    "description": "Once.",
    "tags": ["things"],
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "properties": {"kind": {"enum": ["a", "b", None], "description": "Which", "default": "a"}},
                    "required": ["kind"],
                },
                "example": {"kind": "a"},
            }
        }
    },
    "responses": {"204": {"description": "Done"}},
}
DOCUMENT: dict[str, Any] = {
    "info": {"title": "Things", "description": "First.\n\nSecond."},
    "tags": [{"name": "things", "description": "What there is."}],
    "paths": {"/boxes/{box}": {"get": LISTING, "head": {**LISTING, "operationId": "head_things"}, "post": MAKING}},
}


@pytest.mark.parametrize(
    "part",
    [
        '<a href="#list_things">List &lt;things&gt;</a>',
        "All <code>things</code> &amp; more.",
        "<code>box</code>",
        "string, 0 to 1,000 characters",
        "integer or null, at least 1, at most 9",
        "a, b, &quot;a&quot; if absent",
        "$SERVER/boxes/b1?size=5",
        "curl -X POST",
        "-d &#x27;{&quot;kind&quot;: &quot;a&quot;}&#x27;",
        "&lt;b&gt;",
        "<strong>404</strong> None",
        "&quot;gone&quot;",
        "<p>First.</p><p>Second.</p>",
    ],
)
def test_a_page_tells_all_of_an_operation(part: str) -> None:
    """Parameters with their bounds, fields, a request to paste, answers; whatever is text is escaped."""
    assert part in render(DOCUMENT)


def test_what_is_like_another_is_told_once() -> None:
    """HEAD is not told beside GET."""
    assert "head_things" not in render(DOCUMENT)


def test_the_style_is_the_one_that_is_allowed(engine: Engine) -> None:
    """The policy names the digest of the one style sheet in the page."""
    page = render(create_api(engine, remote_for=lambda row: row.name).openapi())
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in HEADERS["content-security-policy"]
