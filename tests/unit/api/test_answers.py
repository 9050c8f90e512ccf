"""Twin of treehold.api.answers."""

import json

from treehold.api.answers import answer, failure
from treehold.schema.envelope import Success
from treehold.schema.rows import Removed


def test_an_answer_is_json_that_nobody_stores() -> None:
    """An envelope goes out as JSON with its status, and forbids caching."""
    sent = answer(Success[Removed](result=Removed(id="abc")), status=202)
    assert (sent.status_code, json.loads(bytes(sent.body))["result"]) == (202, {"id": "abc"})
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["cache-control"] == "no-store"


def test_a_failure_leaves_out_what_it_has_not() -> None:
    """A failure has a null result and one error, with a source only where a pointer is known."""
    plain = json.loads(bytes(failure(404, 10200, "gone").body))
    assert plain == {
        "result": None,
        "success": False,
        "errors": [{"code": 10200, "message": "gone"}],
        "messages": [],
    }
    pointed = failure(400, 10101, "bad", pointer="/name", headers={"x-extra": "1"})
    assert json.loads(bytes(pointed.body))["errors"] == [
        {"code": 10101, "message": "bad", "source": {"pointer": "/name"}}
    ]
    assert (pointed.headers["x-extra"], pointed.headers["cache-control"]) == ("1", "no-store")


def test_a_failure_can_say_anything() -> None:
    """Even a lone surrogate in a message makes valid JSON."""
    assert json.loads(bytes(failure(400, 10100, "bad \ud800").body))["errors"][0]["message"] == "bad \ud800"
