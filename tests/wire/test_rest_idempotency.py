"""A POST that comes again with its Idempotency-Key gets its first answer again, and is carried out once."""

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, NO_TLS, LiveServer, new_git
from tests.wire.rest_server import ACCOUNT, DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.auth import secrets
from treehold.catalog.answers import KeyedRequest
from treehold.engine import accounts, repos
from treehold.errors import CatalogError, RateLimited, Unavailable
from treehold.ids import Milliseconds

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"


async def post(rest: RestServer, path: str = "/repos", key: str = KEY, **request: Any) -> httpx.Response:
    """A POST with a key; of a repo named once, unless something else is asked."""
    asked = {"json": {"name": "once"}} | request
    return await rest.ask("POST", path, headers={"idempotency-key": key}, **asked)


ROUTES: list[tuple[str, str, dict[str, object]]] = [
    (DOCUMENTED, "/repos", {"name": "once"}),
    (LAUNCH_DAY, "/repos", {"name": "once"}),
    (DOCUMENTED, "/repos/parent/fork", {"name": "once"}),
    (DOCUMENTED, "/tokens", {"repo": "parent"}),
    (LAUNCH_DAY, "/tokens", {"repo": "parent"}),
    (DOCUMENTED, "/../../namespaces", {"namespace": "once"}),
    ("", "/artifacts/repos", {"name": "once/more"}),
    ("", "/artifacts/repos/parent/fork", {"name": "once/more"}),
    ("", "/artifacts/tokens", {"repo": "parent"}),
]


@pytest.mark.parametrize(("base", "path", "body"), ROUTES)
async def test_every_post_gets_its_first_answer_again(
    rest: RestServer, base: str, path: str, body: dict[str, object]
) -> None:
    """Status, type and bytes are the same, the second is marked, and nothing is made twice."""
    await rest.create("parent")
    first = await post(rest, path, base=base, json=body)
    again = await post(rest, path, base=base, json=body)
    assert first.status_code == again.status_code == 201, first.text
    assert first.content == again.content
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert again.headers["cache-control"] == "no-store"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    made = first.json()["result"]
    if "id" in made and "repo" in body:
        tokens = (await rest.ask("GET", "/repos/parent/tokens")).json()["result"]
        assert [row["id"] for row in tokens].count(made["id"]) == 1
        assert len(tokens) == 2


async def test_other_keys_and_no_key_are_other_requests(rest: RestServer) -> None:
    """Without the header, and with another key, the same request is carried out anew."""
    assert (await post(rest)).status_code == 201
    for headers in ({}, {"idempotency-key": "another"}):
        again = await rest.ask("POST", "/repos", json={"name": "once"}, headers=headers)
        assert (again.status_code, error(again.json())) == (409, (10201, None))


@pytest.mark.parametrize(
    "other",
    [
        {"json": {"name": "other"}},
        {"content": b'{"name":  "once"}'},
        {"base": LAUNCH_DAY},
        {"base": DOCUMENTED.replace("default", "other")},
        {"path": "/tokens"},
    ],
)
async def test_a_key_is_for_one_request(rest: RestServer, other: dict[str, Any]) -> None:
    """The key with another body or path is refused, and nothing of it is done."""
    assert (await post(rest)).status_code == 201
    refused = await post(rest, **other)
    assert (refused.status_code, error(refused.json())) == (400, (10100, None))
    assert "Idempotency-Key" in refused.text
    assert (await rest.ask("GET", "/repos/other")).status_code == 404


async def test_keys_are_each_tokens_own(rest: RestServer) -> None:
    """Another API token of the same account may use the same key for something else."""
    await rest.grant("colleague", ACCOUNT, "edit")
    assert (await post(rest)).status_code == 201
    assert (await post(rest, token="colleague", json={"name": "theirs"})).status_code == 201


@pytest.mark.parametrize("key", ["k", "x" * 255, '"quoted"', "!~;,=", "0"])
async def test_keys_at_the_edge_are_taken(rest: RestServer, key: str) -> None:
    """A key is 1 to 255 visible characters, whichever they are."""
    assert (await post(rest, key=key)).status_code == 201
    assert (await post(rest, key=key)).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\there", "\xe9", "\x7f"])
async def test_keys_beyond_the_edge_are_refused(rest: RestServer, key: str) -> None:
    """Any other key is 400, says which header is meant, and nothing is made."""
    refused = await rest.ask(
        "POST", "/repos", json={"name": "once"}, headers={"idempotency-key": key.encode("latin-1")}
    )
    assert (refused.status_code, error(refused.json())) == (400, (10100, None))
    assert "Idempotency-Key" in refused.text
    assert (await rest.ask("GET", "/repos/once")).status_code == 404


async def test_two_keys_are_no_key(rest: RestServer) -> None:
    """A request with two such headers is refused."""
    headers = [("authorization", f"Bearer {rest.tokens['edit']}"), ("idempotency-key", "a"), ("idempotency-key", "b")]
    refused = await rest.http.post(DOCUMENTED + "/repos", json={"name": "once"}, headers=headers)
    assert (refused.status_code, error(refused.json())) == (400, (10100, None))


async def test_admission_comes_before_the_key(rest: RestServer) -> None:
    """Neither a stranger nor a reader learns anything of a key, and what they were told is not kept."""
    assert (await post(rest, token=None)).status_code == 401
    assert (await post(rest, token="read")).status_code == 403
    assert (await rest.ask("POST", "/repos", token=None, headers={"idempotency-key": ""})).status_code == 401
    assert (await post(rest)).status_code == 201


async def test_refusals_are_first_answers_too(rest: RestServer) -> None:
    """What was refused for good is refused in the same words, though it would work by now."""
    await rest.create("once")
    taken = await post(rest)
    assert (taken.status_code, error(taken.json())) == (409, (10201, None))
    invalid = await post(rest, key="other", json={"name": "x"})
    assert (invalid.status_code, error(invalid.json())) == (400, (10101, "/name"))
    await rest.ask("DELETE", "/repos/once")
    again = await post(rest)
    assert (again.status_code, again.content) == (409, taken.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await post(rest, key="other", json={"name": "x"})).content == invalid.content


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": 1}', b" " * 2_000_000])
async def test_bad_bodies_are_refused_as_without_a_key(rest: RestServer, content: bytes) -> None:
    """A key changes nothing about what is wrong with a body."""
    bare = await rest.ask("POST", "/repos", content=content)
    keyed = await post(rest, json=None, content=content)
    assert (keyed.status_code, keyed.content) == (bare.status_code, bare.content)


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (RuntimeError("broken"), 500),
        (CatalogError("broken"), 500),
        (Unavailable("busy"), 503),
        (RateLimited("too many", limit=1, retry_seconds=1), 429),
    ],
)
async def test_failures_leave_the_key_free(
    rest: RestServer, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int
) -> None:
    """What may work another time is carried out the next time."""

    async def fail(*_: object) -> Any:
        raise raised

    with monkeypatch.context() as broken:
        broken.setattr(repos, "create_repo", fail)
        assert (await post(rest)).status_code == status
    made = await post(rest)
    assert made.status_code == 201
    assert "idempotency-replayed" not in made.headers


async def test_the_other_methods_take_no_notice(rest: RestServer) -> None:
    """GET, PATCH and DELETE may be repeated anyway, and an odd key does not disturb them."""
    await rest.create("once")
    for method, path in (("GET", "/repos"), ("PATCH", "/repos/once"), ("DELETE", "/repos/once")):
        answered = await rest.ask(method, path, json={"read_only": True}, headers={"idempotency-key": "not one key"})
        assert answered.is_success


async def test_an_answer_is_forgotten_after_a_day(rest: RestServer) -> None:
    """Until then it is given, and afterwards the request is carried out anew."""
    assert (await post(rest, "/tokens", json={"repo": "gone"})).status_code == 404
    await rest.create("gone")
    rest.clock.advance(86_400)
    assert (await post(rest, "/tokens", json={"repo": "gone"})).status_code == 404
    rest.clock.advance(0.001)
    assert (await post(rest, "/tokens", json={"repo": "gone"})).status_code == 201


async def test_zero_seconds_switch_it_off(rest: RestServer) -> None:
    """A request with a key is one like any other then."""
    state = rest.http._transport.app.state  # type: ignore[attr-defined]
    engine = replace(rest.engine, limits=replace(rest.engine.limits, idempotency_seconds=0))
    state.door = replace(state.door, engine=engine)
    assert (await post(rest)).status_code == 201
    assert (await post(rest)).status_code == 409


async def test_what_is_still_under_way_is_not_begun_again(rest: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the first has its answer, the same request is told to come again, by a code of its route."""
    begun, go_on, create = asyncio.Event(), asyncio.Event(), repos.create_repo

    async def held(*asked: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await create(*asked)

    monkeypatch.setattr(repos, "create_repo", held)
    first = asyncio.create_task(post(rest))
    await begun.wait()
    second = await post(rest)
    assert (second.status_code, error(second.json())) == (409, (10301, None))
    assert second.headers["retry-after"] == "1"
    go_on.set()
    assert (await first).status_code == 201
    assert (await post(rest)).content == (await first).content


async def test_what_died_under_way_is_taken_over(rest: RestServer) -> None:
    """A claim that nobody renewed for a lease's time is the next one's, and not a moment earlier."""
    edit = await rest.engine.catalog.find_api_token(secrets.digest(rest.tokens["edit"].encode()))
    assert (await post(rest)).status_code == 201
    await rest.ask("DELETE", "/repos/once")
    (row,) = rows_of(rest)
    asked = KeyedRequest(edit.id, row[0], row[1])
    now = rest.clock()
    times = {"now": now, "forgotten_before": Milliseconds(now + 1), "abandoned_before": now}
    assert await rest.engine.catalog.claim_answer(asked, b"of one that dies", **times) is None
    rest.clock.advance(rest.engine.limits.lease_seconds)
    assert (await post(rest)).status_code == 409
    rest.clock.advance(0.001)
    assert (await post(rest)).status_code == 201


def rows_of(rest: RestServer) -> list[tuple[Any, ...]]:
    reader = rest.engine.catalog._reader  # type: ignore[attr-defined]
    rows: list[tuple[Any, ...]] = reader.read(
        lambda connection: connection.execute("SELECT digest, request, status, answer FROM first_answers").fetchall()
    )
    return rows


async def test_the_database_tells_nothing(rest: RestServer, tmp_path: Path) -> None:
    """Neither the key nor the answer, its token nor a digest of the request as it came lie in the server's files."""
    first = await post(rest)
    assert (await post(rest)).content == first.content
    token = first.json()["result"]["token"].partition("?")[0].removeprefix("art_v1_")
    body = first.request.content
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (token.encode(), bytes.fromhex(token), KEY.encode(), first.content, hashlib.sha256(body).digest()):
        assert secret not in kept


async def test_a_rotated_token_closes_its_answers(rest: RestServer) -> None:
    """The same key is refused and not carried out again, whoever holds the new secret."""
    assert (await post(rest, "/tokens", json={"repo": "absent"})).status_code == 404
    await rest.create("absent")
    edit = await rest.engine.catalog.find_api_token(secrets.digest(rest.tokens["edit"].encode()))
    rotated = await accounts.rotate_api_token(
        rest.engine.catalog, edit.id, ttl_seconds=None, entropy=os.urandom, now=rest.clock()
    )
    rest.tokens["edit"] = rotated.secret
    refused = await post(rest, "/tokens", json={"repo": "absent"})
    assert (refused.status_code, error(refused.json())) == (400, (10100, None))
    assert "rotated" in refused.text
    assert (await post(rest, "/tokens", key="new", json={"repo": "absent"})).status_code == 201


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        new_git(https.folder / "work").commit({"a.txt": "one\n"})
        new_git(https.folder)("clone", "-q", "--mirror", "work", "some.git")
        yield https


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory, remote: HttpsRemote) -> Iterator[LiveServer]:
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path_factory.mktemp("once") / "data", workers=2, settings=settings) as live:
        yield live


def test_an_import_is_begun_once(two_workers: LiveServer, remote: HttpsRemote) -> None:
    """While it goes on and when it is done, the answer is the first one, and nobody asks the remote again."""
    url = f"{two_workers.base}/namespaces/default/repos/copy/import"
    headers = {"authorization": f"Bearer {API_TOKEN}", "idempotency-key": KEY}

    def ask() -> httpx.Response:
        body = {"url": f"{remote.url}/repos/some.git"}
        return httpx.post(url, json=body, headers=headers, timeout=60, verify=NO_TLS)

    first = ask()
    assert first.status_code == 201
    assert ask().content == first.content
    deadline = time.monotonic() + 60
    while two_workers.result("GET", "/repos/copy")["status"] != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    asked = remote.seen.total()
    assert ask().content == first.content
    assert remote.seen.total() == asked


@pytest.mark.parametrize("number", range(3))
def test_twenty_at_once_make_one(two_workers: LiveServer, number: int) -> None:
    """Of twenty that ask two processes at the same time one is carried out, and the others hear of it or wait."""
    url = f"{two_workers.base}/namespaces/default/repos"
    headers = {"authorization": f"Bearer {API_TOKEN}", "idempotency-key": f"{KEY}-{number}"}

    def ask(_: int) -> httpx.Response:
        return httpx.post(url, json={"name": f"once-{number}"}, headers=headers, timeout=60, verify=NO_TLS)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    made = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code != 201]
    assert [answer.headers.get("idempotency-replayed") for answer in made].count(None) == 1
    assert len({answer.content for answer in made}) == 1
    assert {(answer.status_code, error(answer.json())) for answer in waiting} <= {(409, (10301, None))}
    assert ask(0).content == made[0].content
    listed = two_workers.result("GET", f"/repos?search=once-{number}")
    assert [row["id"] for row in listed] == [made[0].json()["result"]["id"]]
