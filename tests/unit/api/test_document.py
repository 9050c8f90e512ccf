"""Twin of treehold.api.document; tests/wire/test_openapi.py looks at the whole document."""

from dataclasses import replace
from typing import Any

import pytest

from treehold.api.app import create_api
from treehold.api.document import example_of
from treehold.auth.names import NamePolicy
from treehold.engine.context import Engine

TOKENS = "/client/v4/accounts/{account_id}/artifacts/namespaces/{namespace}/tokens"
DEFINITIONS: dict[str, Any] = {"Name": {"type": "string", "examples": ["abc"]}}


def _document(engine: Engine) -> dict[str, Any]:
    return create_api(engine, remote_for=lambda row: row.name).openapi()


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "integer", "examples": [7, 8]}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": True}, True),
        ({"type": "integer", "default": 3}, 3),
        ({"type": "boolean"}, False),
        ({"$ref": "#/components/schemas/Name"}, "abc"),
        ({"anyOf": [{"$ref": "#/components/schemas/Name"}, {"type": "null"}]}, "abc"),
        ({"type": "array", "items": {"enum": [1]}}, [1]),
    ],
)
def test_an_example_is_put_together(schema: dict[str, Any], example: object) -> None:
    """Each kind of schema has one, from what it says of itself or from its parts."""
    assert example_of(schema, DEFINITIONS) == example


def test_an_example_has_the_fields_that_say_something() -> None:
    """What must be there is in it, and whatever has an example or a default."""
    fields = {
        "needed": {"type": "boolean"},
        "shown": {"examples": [1]},
        "usual": {"default": 2, "type": "integer"},
        "absent": {"default": None, "type": "null"},
    }
    schema = {"type": "object", "properties": fields, "required": ["needed"]}
    assert example_of(schema, {}) == {"needed": False, "shown": 1, "usual": 2}


def test_limits_of_the_server_are_told(engine: Engine) -> None:
    """The lifetimes of tokens are those that this server allows."""
    limited = replace(engine, limits=replace(engine.limits, token_ttl_min=5, token_ttl_max=50))
    body = _document(limited)["paths"][TOKENS]["post"]["requestBody"]["content"]["application/json"]
    ttl = body["schema"]["properties"]["ttl"]
    assert (ttl["minimum"], ttl["maximum"]) == (5, 50)


def test_the_rules_of_names_are_told(engine: Engine) -> None:
    """A server whose names may have upper case says so wherever a name is made."""
    relaxed, strict = (_document(replace(engine, names=NamePolicy(style=style))) for style in ("relaxed", "strict"))
    for path in ("/client/v4/accounts/{account_id}/artifacts/namespaces/{namespace}/repos", "/artifacts/repos"):
        assert "A-Z" not in str(strict["paths"][path]["post"]["requestBody"])
        assert "A-Z" in str(relaxed["paths"][path]["post"]["requestBody"])


def test_a_document_is_made_once(engine: Engine) -> None:
    """Whoever asks gets the same one."""
    app = create_api(engine, remote_for=lambda row: row.name)
    assert app.openapi() is app.openapi()
