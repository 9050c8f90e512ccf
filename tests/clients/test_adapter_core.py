"""The core of the adapters in Node, against servers that are busy, strange, silent or gone."""

from pathlib import Path

import pytest

from tests.clients.strict_server import STRICT_REQUESTS, strict_server
from tests.clients.workers import ask_core
from tests.live_server import LiveServer
from tests.unit.client.odd_server import Manner, OddServer, failure, reply, success


def test_a_token_that_is_not_right_is_an_internal_error(server: LiveServer, tmp_path: Path) -> None:
    """The binding has no code for it; the message says what it is, and does not repeat the token."""
    error = ask_core(tmp_path, server.url, "list", token="no-token-of-this-server")["error"]
    assert (error["name"], error["code"], error["numericCode"]) == ("ArtifactsError", "INTERNAL_ERROR", 10400)
    assert "10000" in error["message"]
    assert "no-token-of-this-server" not in error["message"]


def test_a_server_that_is_not_there_is_an_internal_error(tmp_path: Path) -> None:
    """It is looked for several times, and then the caller hears of it."""
    with OddServer([Manner.RESET]) as odd:
        error = ask_core(tmp_path, odd.url, "list")["error"]
    assert (error["code"], len(odd.seen)) == ("INTERNAL_ERROR", 4)
    assert "cannot be reached" in error["message"]


def test_a_server_that_says_nothing_is_not_asked_again(tmp_path: Path) -> None:
    """It may be at work on what it was asked, so the caller hears of it after one try."""
    with OddServer([Manner.HANG]) as odd:
        error = ask_core(tmp_path, odd.url, "create", "some-repo", answerMs=200)["error"]
    assert (error["code"], len(odd.seen)) == ("INTERNAL_ERROR", 1)
    assert "in time" in error["message"]


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    """A call that met 503, 429, a reset and a proxy's 502 is answered in the end."""
    done = success([], info={"total_count": 0})
    script: list[bytes | Manner] = [
        failure(503, 10400, retry_after="0"),
        failure(429, 10429, retry_after="0"),
        Manner.RESET,
        done,
    ]
    with OddServer(script) as odd:
        assert ask_core(tmp_path, odd.url, "list") == {"value": {"repos": [], "total": 0}}
    with OddServer([reply(502, b"<html>", kind="text/html"), done]) as odd:
        assert "value" in ask_core(tmp_path, odd.url, "list")


def test_a_post_is_asked_again_under_its_key(tmp_path: Path) -> None:
    """However often a creation is sent, it has one Idempotency-Key, and the next one another."""
    script: list[bytes | Manner] = [
        Manner.HANG_UP,
        failure(409, 10301, retry_after="0"),
        success({"id": "x"}),
        success({"id": "y"}),
    ]
    with OddServer(script) as odd:
        for _ in range(2):
            assert "value" in ask_core(tmp_path, odd.url, "create", "some-repo")
    keys = [asked.headers["idempotency-key"] for asked in odd.seen]
    assert (len(set(keys[:3])), len(set(keys))) == (1, 2)


@pytest.mark.parametrize(
    ("answer", "code", "number"),
    [
        (failure(409, 10301), "CREATE_IN_PROGRESS", 10301),
        (failure(409, 10303), "FORK_IN_PROGRESS", 10303),
        (failure(502, 10401), "UPSTREAM_UNAVAILABLE", 10401),
        (failure(507, 10507), "INTERNAL_ERROR", 10400),
        (failure(429, 10429, retry_after="3600"), "INTERNAL_ERROR", 10400),
        (failure(500, 10400), "INTERNAL_ERROR", 10400),
        (reply(200, b"<html>", kind="text/html"), "INTERNAL_ERROR", 10400),
        (reply(302, b"", location="http://127.0.0.1:1/"), "INTERNAL_ERROR", 10400),
        (reply(404, b"<html>", kind="text/html"), "INTERNAL_ERROR", 10400),
        (reply(201, b'{"success": true', content_length="900"), "INTERNAL_ERROR", 10400),
    ],
)
def test_an_answer_of_any_kind_is_an_error_with_a_code(tmp_path: Path, answer: bytes, code: str, number: int) -> None:
    """Codes come through as they are; what the binding has no name for, and what is no answer, is INTERNAL_ERROR."""
    with OddServer([answer]) as odd:
        error = ask_core(tmp_path, odd.url, "create", "some-repo")["error"]
    assert (error["name"], error["code"], error["numericCode"]) == ("ArtifactsError", code, number)
    assert len(odd.seen) == 1


def test_a_worker_over_its_rate_waits_as_it_is_told(tmp_path: Path) -> None:
    """A verb that meets our 429 keeps Retry-After and is answered in the end."""
    with strict_server(tmp_path / "data") as strict:
        for _ in range(STRICT_REQUESTS):
            strict.call("GET", "/repos")
        assert "value" in ask_core(tmp_path, strict.url, "list")
