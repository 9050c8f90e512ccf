"""The client against servers that misbehave, blocking and awaited."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.live_server import free_port
from tests.unit.client.odd_server import REPO, TOKEN, Manner, OddServer, failure, reply, success
from treehold.client import (
    AlreadyExists,
    Artifacts,
    ArtifactsError,
    AsyncArtifacts,
    AuthenticationError,
    InProgress,
    InvalidInput,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedAnswer,
)

MADE = {**REPO, "token": "art_v1_" + "0" * 40 + "?expires=1800000000"}
OCTETS = "application/octet-stream"
HTML = b"<html><h1>It works!</h1></html>"


@dataclass(frozen=True)
class Asker:
    """Does one thing with a client of one of the two kinds."""

    is_blocking: bool

    def __call__(self, url: str, deed: Callable[[Any], Any], **settings: Any) -> Any:
        settings = {"base_url": url, "token": TOKEN, "timeout": 20, **settings}
        if self.is_blocking:
            with Artifacts(**settings) as artifacts:
                return deed(artifacts)
        return asyncio.run(self._run(deed, settings))

    async def _run(self, deed: Callable[[Any], Awaitable[Any]], settings: dict[str, Any]) -> Any:
        async with AsyncArtifacts(**settings) as artifacts:
            return await deed(artifacts)


@pytest.fixture(params=["blocking", "async"])
def ask(request: pytest.FixtureRequest) -> Asker:
    return Asker(request.param == "blocking")


def get(artifacts: Any) -> Any:
    return artifacts.get("starter-repo")


def create(artifacts: Any) -> Any:
    return artifacts.create("starter-repo")


def delete(artifacts: Any) -> Any:
    return artifacts.delete("starter-repo")


def test_what_is_sent(ask: Asker) -> None:
    """A call shows the token as a Bearer, and goes to the namespace's route."""
    with OddServer([success(REPO)]) as server:
        repo = ask(server.url + "/", get, account_id="acme", namespace="ci")
    (asked,) = server.seen
    assert (asked.method, asked.target) == (
        "GET",
        "/client/v4/accounts/acme/artifacts/namespaces/ci/repos/starter-repo",
    )
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert "idempotency-key" not in asked.headers
    assert repo.created_at.isoformat() == "2026-04-16T09:30:00+00:00"


def test_no_server(ask: Asker) -> None:
    """Where nobody listens, a call is Unavailable after its retries."""
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        ask(f"http://127.0.0.1:{free_port()}", get, retries=1)
    assert caught.value.status is None
    assert caught.value.numeric_code is None


def test_slow_server(ask: Asker) -> None:
    """A server that says nothing within the time-out is Unavailable, and is not asked again."""
    with OddServer([Manner.HANG]) as server, pytest.raises(Unavailable, match="did not answer in time"):
        ask(server.url, get, timeout=0.2)
    assert len(server.seen) == 1


@pytest.mark.parametrize("manner", [Manner.RESET, Manner.HANG_UP])
@pytest.mark.parametrize(("deed", "answer"), [(get, success(REPO)), (delete, success({"id": "x"}, status=202))])
def test_connection_that_ends_is_tried_again(ask: Asker, manner: Manner, deed: Any, answer: bytes) -> None:
    """A connection that ends before an answer came is no reason to give up."""
    with OddServer([manner, answer]) as server:
        assert ask(server.url, deed)
    assert len(server.seen) == 2


def test_create_is_known_again(ask: Asker) -> None:
    """All tries of one create carry one key by which the server knows it again, and the next create another."""
    with OddServer([Manner.RESET, failure(503, 10400, retry_after="0"), success(MADE, status=201)]) as server:
        ask(server.url, create)
        ask(server.url, create)
    first, second, third, other = (asked.headers["idempotency-key"] for asked in server.seen)
    assert first == second == third != other
    assert len(first) == 36


def test_own_earlier_try_is_waited_for(ask: Asker) -> None:
    """A create whose earlier try is still under way comes again until it has the answer."""
    with OddServer([failure(409, 10301, retry_after="0"), success(MADE, status=201)]) as server:
        assert ask(server.url, create).token == MADE["token"]


def test_internal_error(ask: Asker) -> None:
    """500 is raised at once, with all that the server said."""
    with OddServer([failure(500, 10400, "internal error")]) as server, pytest.raises(ArtifactsError) as caught:
        ask(server.url, get)
    error = caught.value
    assert (type(error), error.code, error.numeric_code, error.status) == (ArtifactsError, "INTERNAL_ERROR", 10400, 500)
    assert str(error) == "internal error (INTERNAL_ERROR)"
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_busy_server_is_asked_again(ask: Asker, status: int) -> None:
    """429 and 503 are tried again when the server says so."""
    with OddServer([failure(status, 10429, retry_after="0"), success(MADE, status=201)]) as server:
        ask(server.url, create)
    assert len(server.seen) == 2


def test_retries_end(ask: Asker) -> None:
    """A server that stays busy is asked once and as often again as was allowed."""
    with OddServer([failure(503, 10400, "too busy", retry_after="0")]) as server, pytest.raises(Unavailable) as caught:
        ask(server.url, get, retries=2)
    assert (caught.value.retry_after, caught.value.status) == (0, 503)
    assert len(server.seen) == 3


def test_long_waits_are_the_callers_business(ask: Asker) -> None:
    """Whoever is to come again in an hour is told at once."""
    with OddServer([failure(429, 10429, retry_after="3600")]) as server, pytest.raises(RateLimited) as caught:
        ask(server.url, get)
    assert caught.value.retry_after == 3600
    assert len(server.seen) == 1


def test_half_a_body(ask: Asker) -> None:
    """An answer that breaks off is tried again, and never taken for a whole one."""
    whole = success(REPO)
    with OddServer([whole[:-20], whole]) as server:
        assert ask(server.url, get).name == "starter-repo"
    with OddServer([whole[:-20]]) as server, pytest.raises(Unavailable, match="ended before the whole answer"):
        ask(server.url, get, retries=0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, HTML, kind="text/html"), UnexpectedAnswer),
        (reply(404, HTML, kind="text/html"), UnexpectedAnswer),
        (reply(500, HTML, kind="text/html"), UnexpectedAnswer),
        (reply(403, HTML, kind="text/html"), AuthenticationError),
        (reply(502, HTML, kind="text/html"), Unavailable),
        (reply(503, HTML, kind="text/html", retry_after="0"), Unavailable),
        (reply(200, b'{"result": '), UnexpectedAnswer),
        (reply(200, b"[" * 100_000), UnexpectedAnswer),
        (reply(200, b"[]"), UnexpectedAnswer),
        (reply(200, b"\xff\xfe"), UnexpectedAnswer),
        (success(None), UnexpectedAnswer),
        (success({"id": 1}), UnexpectedAnswer),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Unavailable),
    ],
    ids=repr,
)
def test_strangers(ask: Asker, answer: bytes, kind: type[ArtifactsError]) -> None:
    """What a proxy or another program answers ends as one of our errors, and repeats nothing of its body."""
    with OddServer([answer]) as server, pytest.raises(kind) as caught:
        ask(server.url, get, retries=0)
    assert type(caught.value) is kind
    assert "works" not in str(caught.value)


def test_delete_believes_only_the_server(ask: Asker) -> None:
    """A 404 of the server is False; one of a proxy is an error, and so is its 200."""
    with OddServer([failure(404, 10200)]) as server:
        assert ask(server.url, delete) is False
    for status in (200, 404):
        with OddServer([reply(status, HTML, kind="text/html")]) as server, pytest.raises(UnexpectedAnswer):
            ask(server.url, delete)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(ask: Asker, status: int) -> None:
    """A redirect is an error, and the host it leads to never sees the token."""
    with OddServer([success(REPO)]) as other, OddServer([reply(status, b"", location=other.url)]) as server:
        with pytest.raises(UnexpectedAnswer, match="redirects are not followed"):
            ask(server.url, get)
        assert not other.seen


def test_token_that_expires_between_two_calls(ask: Asker) -> None:
    """A token that no longer counts is an AuthenticationError, not tried again."""
    with OddServer([success(REPO), failure(401, 10000, "unknown token")]) as server:
        ask(server.url, get)
        with pytest.raises(AuthenticationError, match="unknown token"):
            ask(server.url, get)
    assert len(server.seen) == 2


def test_name_taken(ask: Asker) -> None:
    """A name that is taken is AlreadyExists, at once."""
    with OddServer([failure(409, 10201, "repo already exists: x")]) as server, pytest.raises(AlreadyExists):
        ask(server.url, create)
    assert len(server.seen) == 1


def test_token_is_nowhere(ask: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """No token of any kind is in what the client prints, raises or logs."""
    caplog.set_level("DEBUG")
    shown: list[object] = [Artifacts(token=TOKEN), AsyncArtifacts(token=TOKEN)]
    with OddServer([success(MADE, status=201)]) as server:
        shown.append(ask(server.url, create))
    with OddServer([reply(200, TOKEN.encode())]) as server, pytest.raises(UnexpectedAnswer) as caught:
        ask(server.url, get)
    shown += [caught.value, caught.value.__cause__, caught.value.__context__]
    said = " ".join(f"{thing} {thing!r}" for thing in shown) + caplog.text
    assert TOKEN not in said
    assert "art_v1_" not in said


@pytest.mark.parametrize("token", ["two words", "line\nend", "f\xfcr", "\x7f"])
def test_token_that_cannot_be_sent_is_not_repeated(token: str) -> None:
    """A token that no header can hold is refused without being shown."""
    with pytest.raises(AuthenticationError) as caught:
        Artifacts(token=token)
    assert token not in repr(caught.value)


def test_stream(ask: Asker) -> None:
    """A file comes in pieces, after the retries that its first answer needed."""
    data = b"0123456789" * 50_000
    with OddServer(
        [success(REPO), Manner.RESET, failure(503, 10400, retry_after="0"), reply(200, data, kind=OCTETS)]
    ) as server:
        assert _streamed(ask, server.url) == data
    assert [asked.target.rpartition("/")[2] for asked in server.seen][1:] == ["file?path=data.bin"] * 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(404, 10200), NotFound),
        (reply(200, b"half", kind=OCTETS, content_length="100"), Unavailable),
        (reply(404, HTML, kind="text/html"), UnexpectedAnswer),
        (reply(200, HTML, kind="text/html"), UnexpectedAnswer),
        (Manner.RESET, Unavailable),
    ],
    ids=repr,
)
def test_stream_that_fails(ask: Asker, answer: bytes | Manner, kind: type[ArtifactsError]) -> None:
    """A stream raises what a call would, also when the bytes end before their time."""
    with OddServer([success(REPO), answer]) as server, pytest.raises(kind):
        _streamed(ask, server.url, retries=0)


def _streamed(ask: Asker, url: str, **settings: Any) -> bytes:
    """All bytes of a file of the repo that the server tells of first."""

    async def gather(artifacts: Any) -> bytes:
        repo = await artifacts.get("starter-repo")
        return b"".join([piece async for piece in repo.stream_file("data.bin")])

    def join(artifacts: Any) -> bytes:
        return b"".join(artifacts.get("starter-repo").stream_file("data.bin"))

    return bytes(ask(url, join if ask.is_blocking else gather, **settings))


def test_request_that_is_too_long(ask: Asker) -> None:
    """A name that no URL can hold is refused before anything is sent."""
    with pytest.raises(InvalidInput, match="too long"):
        ask("http://127.0.0.1:1", lambda artifacts: artifacts.get("x" * 100_000))


@pytest.fixture
def wait(ask: Asker) -> Callable[..., Any]:
    """Looks at a repo and waits until it is ready."""

    async def awaited(artifacts: Any, timeout: float) -> Any:
        return await (await artifacts.get("starter-repo")).wait_until_ready(timeout)

    def blocking(artifacts: Any, timeout: float) -> Any:
        return artifacts.get("starter-repo").wait_until_ready(timeout)

    chosen = blocking if ask.is_blocking else awaited
    return lambda url, timeout: ask(url, lambda artifacts: chosen(artifacts, timeout))


IMPORTING = success({**REPO, "status": "importing"})


def test_waiting_for_an_import(wait: Callable[..., Any]) -> None:
    """A repo that is being imported is looked at until it is ready, and answered as it is then."""
    with OddServer([IMPORTING, IMPORTING, IMPORTING, success({**REPO, "size_bytes": 7})]) as server:
        repo = wait(server.url, 60)
    assert (repo.status, repo.size_bytes) == ("ready", 7)
    assert len(server.seen) == 4


def test_waiting_for_an_import_that_fails(wait: Callable[..., Any]) -> None:
    """The repo of an import that failed is gone, and so says the error."""
    with OddServer([IMPORTING, IMPORTING, failure(404, 10200)]) as server, pytest.raises(NotFound):
        wait(server.url, 60)


def test_waiting_in_vain(wait: Callable[..., Any]) -> None:
    """Whoever has waited long enough is told that it is still going on."""
    with OddServer([IMPORTING]) as server, pytest.raises(InProgress, match="still importing") as caught:
        wait(server.url, 0.05)
    assert caught.value.numeric_code == 10302
    assert len(server.seen) == 3


def test_threads_share_a_client() -> None:
    """Several threads can use one blocking client."""
    with (
        OddServer([success(REPO)]) as server,
        Artifacts(base_url=server.url, token=TOKEN) as artifacts,
        ThreadPoolExecutor(8) as pool,
    ):
        found = list(pool.map(artifacts.get, ["starter-repo"] * 24))
    assert len(found) == len(server.seen) == 24
