"""Tests of treehold.git_http.responses."""

import pytest

from treehold.errors import (
    CatalogError,
    Conflict,
    CorruptStore,
    LimitExceeded,
    MalformedMessage,
    NotFound,
    PermissionDenied,
    StorageLimitReached,
    TreeholdError,
    Unauthenticated,
    Unavailable,
    UnwantedObject,
)
from treehold.git_http.body import Message
from treehold.git_http.responses import NO_CACHE, send_refusal, send_text, send_whole


class Sent:
    """Keeps the messages of one answer."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        start, body = self.messages
        assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
        assert not body.get("more_body")
        return start["status"], dict(start["headers"]), body["body"]


async def test_a_whole_answer_has_its_length_and_forbids_caching() -> None:
    """With the headers that were asked for besides."""
    sent = Sent()
    await send_whole(sent, 200, b"body", [(b"content-type", b"x/y")])
    assert sent.answer == (200, {**dict(NO_CACHE), b"content-type": b"x/y", b"content-length": b"4"}, b"body")


async def test_text_is_plain_text_and_nothing_else() -> None:
    """Git prints text/plain; the length counts bytes."""
    sent = Sent()
    await send_text(sent, 404, "größer", [(b"allow", b"GET")])
    status, headers, body = sent.answer
    assert (status, body.decode()) == (404, "größer")
    assert headers[b"content-type"].startswith(b"text/plain")
    assert (headers[b"content-length"], headers[b"allow"]) == (b"8", b"GET")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated("why"), 401),
        (PermissionDenied("why"), 403),
        (LimitExceeded("why"), 413),
        (StorageLimitReached("why"), 507),
        (MalformedMessage("why"), 400),
        (UnwantedObject("why"), 400),
        (NotFound("why"), 400),
        (Unavailable("why"), 503),
    ],
)
async def test_the_askers_faults_are_told(error: TreeholdError, status: int) -> None:
    """By status and in words."""
    sent = Sent()
    await send_refusal(sent, error)
    assert sent.answer[::2] == (status, b"why")


@pytest.mark.parametrize(
    "error", [CatalogError("disk /secret"), CorruptStore("pack 7"), Conflict("x"), TreeholdError("x")]
)
async def test_our_own_faults_are_not_told_in_detail(error: TreeholdError) -> None:
    """They are for the log."""
    sent = Sent()
    await send_refusal(sent, error)
    assert sent.answer[::2] == (500, b"Internal error")


async def test_only_a_challenge_challenges_and_only_busy_says_when() -> None:
    """WWW-Authenticate goes with 401, Retry-After with 503."""
    for error, extra in (
        (Unauthenticated("x"), {b"www-authenticate": b'Basic realm="artifacts"'}),
        (Unavailable("x"), {b"retry-after": b"5"}),
        (PermissionDenied("x"), {}),
    ):
        sent = Sent()
        await send_refusal(sent, error)
        headers = sent.answer[1]
        assert {name: headers[name] for name in headers if name in (b"www-authenticate", b"retry-after")} == extra
