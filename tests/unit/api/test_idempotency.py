"""Tests of treehold.api.idempotency: the header's form; what it does is in tests/wire."""

import pytest
from starlette.requests import Request

from treehold.api.idempotency import key_of
from treehold.errors import InvalidInput


def request(*keys: bytes) -> Request:
    return Request({"type": "http", "headers": [(b"idempotency-key", key) for key in keys]})


@pytest.mark.parametrize("key", ["0", "x" * 255, '"8e03978e-40d5"', "~!"])
def test_a_key_is_taken_as_it_stands(key: str) -> None:
    """With quotes or without, they are part of it."""
    assert key_of(request(key.encode())) == key


def test_most_requests_have_none() -> None:
    """Which is not an empty one."""
    assert key_of(request()) is None


@pytest.mark.parametrize("keys", [[b""], [b"x" * 256], [b"a b"], [b"\xe9"], [b"a\n"], [b"a", b"a"]])
def test_all_else_is_refused(keys: list[bytes]) -> None:
    """And the message says which header is meant, for there is no pointer to one."""
    with pytest.raises(InvalidInput, match="Idempotency-Key") as refused:
        key_of(request(*keys))
    assert refused.value.pointer is None
