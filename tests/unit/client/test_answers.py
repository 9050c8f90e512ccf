"""What an answer means."""

import json
from typing import Any

import pytest

from treehold.client import answers
from treehold.client.answers import Answer
from treehold.client.errors import CODES, ArtifactsError, NotFound, Unavailable, UnexpectedAnswer


def envelope(status: int, error: object, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps({"result": None, "success": False, "errors": [error]}).encode())


@pytest.mark.parametrize("number", CODES)
def test_every_code(number: int) -> None:
    """Each number of the API has its name and class, and its message and pointer are kept."""
    found = answers.error_of(envelope(400, {"code": number, "message": "why", "source": {"pointer": "/name"}}))
    name, kind = CODES[number]
    assert type(found) is kind
    assert (found.code, found.numeric_code, found.message, found.pointer) == (name, number, "why", "/name")


def test_busy_is_unavailable() -> None:
    """A busy server's answer has the number of an internal error, but is worth another try."""
    found = answers.error_of(envelope(503, {"code": 10400, "message": "too busy"}, **{"retry-after": "1"}))
    assert isinstance(found, Unavailable)
    assert (found.code, found.retry_after) == ("INTERNAL_ERROR", 1)


@pytest.mark.parametrize(("status", "code"), [(400, "CODE_19999"), (403, "AUTHENTICATION_ERROR")])
def test_new_codes(status: int, code: str) -> None:
    """A number that this client does not know is still an ArtifactsError, by its status if that says more."""
    assert answers.error_of(envelope(status, {"code": 19999, "message": "new"})).code == code


@pytest.mark.parametrize("error", [{}, {"code": "10200"}, [], None, {"code": 10200.5}])
def test_strange_envelopes(error: object) -> None:
    """Whoever answers 404 without our envelope does not know whether a repo is there."""
    assert type(answers.error_of(envelope(404, error))) is UnexpectedAnswer


@pytest.mark.parametrize("source", [None, "x", {}, {"pointer": 3}])
def test_strange_pointers(source: object) -> None:
    """A pointer that is none is left out."""
    assert answers.error_of(envelope(404, {"code": 10200, "message": "no", "source": source})).pointer is None


def test_long_messages() -> None:
    """A message that goes on and on is cut."""
    assert len(answers.error_of(envelope(404, {"code": 10200, "message": "x" * 10_000})).message) == 2000


def test_found_or_not() -> None:
    """Not found is an answer to whether something is there; anything else that fails is not."""
    assert answers.is_found(Answer(202, {}, b'{"result": {"id": "x"}, "success": true}'))
    assert answers.is_found(Answer(204, {}, b""))
    assert not answers.is_found(envelope(404, {"code": 10200, "message": "no"}))
    with pytest.raises(ArtifactsError):
        answers.is_found(envelope(500, {"code": 10400, "message": "no"}))
    with pytest.raises(UnexpectedAnswer):
        answers.is_found(Answer(200, {}, b"<html>"))


def test_bytes() -> None:
    """The bytes of an object are no envelope, unless they are not there."""
    assert answers.read_bytes(Answer(200, {"content-type": "application/octet-stream"}, b"\0\1")) == b"\0\1"
    with pytest.raises(UnexpectedAnswer):
        answers.read_bytes(Answer(200, {"content-type": "text/html"}, b"<html>"))
    with pytest.raises(NotFound):
        answers.read_bytes(envelope(404, {"code": 10200, "message": "no"}))


@pytest.mark.parametrize("result", [None, {}, "x", [1]])
def test_lists_are_lists_of_objects(result: Any) -> None:
    """Where a list of objects belongs, nothing else will do."""
    body = json.dumps({"result": result, "success": True, "result_info": {}}).encode()
    with pytest.raises(UnexpectedAnswer):
        answers.read_listing(Answer(200, {}, body))


def test_repr_has_no_body() -> None:
    """An answer's bytes, which may hold a token, are not in its repr."""
    assert "secret" not in repr(Answer(200, {}, b"secret"))
