"""Twin of treehold.schema.bodies."""

import pytest

from treehold.errors import InvalidInput, InvalidRepoName, InvalidTtl
from treehold.schema.bodies import (
    CreateNamespaceRequest,
    CreateRepoRequest,
    CreateTokenRequest,
    ForkRepoRequest,
    RequestBody,
    UpdateRepoRequest,
)

WELL_FORMED: dict[type[RequestBody], dict[str, object]] = {
    CreateNamespaceRequest: {"namespace": "agents"},
    UpdateRepoRequest: {},
    CreateRepoRequest: {"name": "starter-repo"},
    ForkRepoRequest: {"name": "starter-repo"},
    CreateTokenRequest: {"repo": "starter-repo"},
}
WRONG: dict[type[RequestBody], dict[str, tuple[object, ...]]] = {
    CreateNamespaceRequest: {
        "namespace": (None, 1, True, [], {}, "a\x00b", "\ud800"),
        "jurisdiction": ("mars", "EU", "", 1, "unrestricted"),
    },
    UpdateRepoRequest: {
        "description": (1, False, ["x"], "\x00", "\udfff"),
        "default_branch": (1, {}, "a\x00"),
        "read_only": ("true", 1, 0, "", []),
    },
    CreateRepoRequest: {
        "name": (None, 1, True, [], {}, "a\x00b", "\ud800"),
        "description": (1, False, ["x"], "\x00", "\udfff"),
        "default_branch": (1, {}, "a\x00"),
        "read_only": ("true", 1, 0, "", []),
    },
    ForkRepoRequest: {
        "name": (None, 1, True, [], {}, "a\x00b", "\ud800"),
        "description": (1, "\x00", "\udfff"),
        "read_only": ("true", 1, 0, "", []),
        "default_branch_only": ("false", 1),
    },
    CreateTokenRequest: {
        "repo": (None, 1, [], "a\x00"),
        "scope": ("admin", "READ", "", 1, True),
        "ttl": ("60", 60.5, True, [], float("inf")),
    },
}


def test_absent_fields_have_the_contracts_defaults() -> None:
    """What a client leaves out is what the contract says."""
    assert CreateRepoRequest.from_fields({"name": "abc"}).model_dump() == {
        "name": "abc",
        "description": None,
        "default_branch": "main",
        "read_only": False,
    }
    assert ForkRepoRequest.from_fields({"name": "abc"}).model_dump() == {
        "name": "abc",
        "description": None,
        "read_only": False,
        "default_branch_only": False,
    }
    assert CreateTokenRequest.from_fields({"repo": "abc"}).model_dump() == {
        "repo": "abc",
        "scope": "write",
        "ttl": 86_400,
    }


def test_a_whole_number_may_be_spelled_with_a_point() -> None:
    """As it is to JSON, 60.0 is 60."""
    assert CreateTokenRequest.from_fields({"repo": "abc", "ttl": 60.0}).ttl == 60


def test_bodies_tell_what_null_is() -> None:
    """In the document each field that may be absent may be null, and none is null by default."""
    schema = CreateTokenRequest.model_json_schema()
    assert schema["required"] == ["repo"]
    assert schema["properties"]["repo"]["type"] == "string"
    assert schema["properties"]["scope"]["enum"] == ["read", "write", None]
    assert schema["properties"]["ttl"] == {
        "type": ["integer", "null"],
        "minimum": 60,
        "maximum": 31_536_000,
        "default": 86_400,
        "description": "Seconds",
    }
    description = CreateRepoRequest.model_json_schema()["properties"]["description"]
    assert (description["type"], description["maxLength"]) == (["string", "null"], 1000)
    assert "default" not in description


def test_a_null_description_is_told_from_an_absent_one() -> None:
    """Only where null has a meaning is it a field that was sent."""
    sent = UpdateRepoRequest.from_fields({"description": None, "read_only": None, "default_branch": None})
    assert sent.model_fields_set == {"description"}
    assert UpdateRepoRequest.from_fields({}).model_fields_set == set()


@pytest.mark.parametrize("model", WELL_FORMED)
def test_null_is_absent_and_unknown_fields_are_ignored(model: type[RequestBody]) -> None:
    """A null gives the default, and a field of the future changes nothing."""
    required = WELL_FORMED[model]
    nulls = dict.fromkeys(model.model_fields) | required
    assert model.from_fields(nulls | {"colour": "\ud800"}) == model.from_fields(required)


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [(model, field, value) for model, wrong in WRONG.items() for field, values in wrong.items() for value in values],
)
def test_a_wrong_field_is_pointed_at(model: type[RequestBody], field: str, value: object) -> None:
    """A field of the wrong type is refused, never converted, with its pointer and its own error class."""
    with pytest.raises(InvalidInput) as raised:
        model.from_fields(WELL_FORMED[model] | {field: value})
    assert raised.value.pointer == f"/{field}"
    assert type(raised.value) is {"name": InvalidRepoName, "ttl": InvalidTtl}.get(field, InvalidInput)
    str(raised.value).encode("utf-8")


def test_the_first_wrong_field_is_the_one_named() -> None:
    """Of several mistakes the first field's is told."""
    with pytest.raises(InvalidRepoName, match="name"):
        CreateRepoRequest.from_fields({"description": 1, "read_only": 2})


def test_something_else_than_an_object_is_left_to_pydantic() -> None:
    """A model made from another kind of value is refused by pydantic itself."""
    with pytest.raises(ValueError, match="CreateRepoRequest"):
        CreateRepoRequest.model_validate("name")
