"""Whatever a stranger sends, the JSON reader answers an object or InvalidInput, and reads back what JSON can say."""

import json

from hypothesis import given
from hypothesis import strategies as st

from treehold.errors import InvalidInput
from treehold.schema.bodies import CreateRepoRequest
from treehold.schema.strict_json import parse_json_object

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
anything = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.lists(st.integers())


@given(st.dictionaries(st.text(), values))
def test_objects_are_read_back(fields: dict[str, object]) -> None:
    """An object written by another JSON library comes back as it was."""
    assert parse_json_object(json.dumps(fields).encode()) == fields
    assert parse_json_object(json.dumps(fields, ensure_ascii=False).encode()) == fields


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\u0d8N\x00 naf1.-e', max_size=60).map(str.encode))
def test_bytes_are_an_object_or_a_mistake(body: bytes) -> None:
    """No bytes make the reader raise anything but InvalidInput."""
    try:
        parse_json_object(body)
    except InvalidInput:
        pass


def refused_pointer(fields: dict[str, object]) -> str | None:
    """What the model points at when it refuses; None when it does not."""
    try:
        CreateRepoRequest.from_fields(fields)
    except InvalidInput as wrong:
        return wrong.pointer or "no pointer"
    return None


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(CreateRepoRequest.model_fields, anything)))
def test_fields_are_a_request_or_a_mistake(fields: dict[str, object]) -> None:
    """No fields make a model raise anything but InvalidInput with the pointer of one of its fields."""
    pointers = {None, *(f"/{field}" for field in CreateRepoRequest.model_fields)}
    assert refused_pointer(fields) in pointers
