"""Every code of the contract's table, provoked on a real server: status, code, pointer and envelope."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, NO_TLS, Git, LiveServer, new_git
from tests.wire.raw_git import files_under
from tests.wire.rest_server import error
from treehold.api.idempotency import asked_of
from treehold.auth import secrets
from treehold.catalog.accounts import ApiTokenRow
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.first_answers import Question
from treehold.ids import AccountId, TokenId, new_id
from treehold.server.backends import clock

NAMESPACE: Final = "/client/v4/accounts/local/artifacts/namespaces/default"
BUSY: Final = "a-token-that-comes-too-often"
OBJECT_BYTES_MAX: Final = 200_000
CODES: Final = {
    *(10000, 10100, 10101, 10103, 10104, 10106, 10200, 10201),
    *(10301, 10302, 10303, 10400, 10401, 10402, 10429),
}
"""All but 10409, for no route takes an expected head yet, and 10507, which is in test_storage_limits."""


@dataclass(frozen=True)
class Case:
    """A request and how it must be refused. ``server`` is which of the servers is asked; ``path`` is below default."""

    status: int
    code: int
    pointer: str | None
    method: str
    path: str
    body: object = None
    token: str | None = API_TOKEN
    key: str | None = None
    server: str = "usual"
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.status}-{self.code}-{self.method}-{self.path}"


def post(status: int, code: int, pointer: str | None, path: str, body: object, **others: Any) -> Case:
    return Case(status, code, pointer, "POST", path, body, **others)


def create(status: int, code: int, pointer: str | None, **fields: object) -> Case:
    return post(status, code, pointer, "/repos", fields)


def imported(status: int, code: int, pointer: str | None, url: str, **others: Any) -> Case:
    return post(status, code, pointer, "/repos/copy/import", {"url": url}, **others)


def get(status: int, code: int, pointer: str | None, path: str, **others: Any) -> Case:
    return Case(status, code, pointer, "GET", path, **others)


CASES: Final = [
    get(401, 10000, None, "/repos", token=None),
    get(401, 10000, None, "/repos", token="thd_" + "0" * 40),
    get(403, 10000, None, "/../../../../other/artifacts/namespaces/default/repos"),
    get(400, 10100, "/limit", "/repos?limit=0"),
    get(400, 10100, "/sort", "/repos?sort=size"),
    get(400, 10100, "/cursor", "/repos?cursor=nonsense"),
    get(400, 10100, "/hash", "/repos/starter-repo/commit/main"),
    get(400, 10100, "/path", "/repos/starter-repo/file"),
    post(400, 10100, "/namespace", "/../../namespaces", {"namespace": "x"}),
    create(400, 10100, "/description", name="some-repo", description="x" * 1001),
    create(400, 10100, "/default_branch", name="some-repo", default_branch="a b"),
    post(400, 10100, None, "/repos", b"{"),
    post(400, 10100, None, "/repos", {"name": "some-repo"}, key="two words"),
    imported(400, 10100, "/url", "http://example.com/plain"),
    imported(400, 10100, "/url", "https://10.0.0.1/private"),
    Case(405, 10100, None, "PUT", "/repos"),
    post(413, 10100, None, "/repos", b" " * (2 << 20)),
    get(416, 10100, None, "/repos/starter-repo/file?path=small", headers=(("range", "bytes=9999-"),)),
    create(400, 10101, "/name"),
    create(400, 10101, "/name", name="x"),
    post(400, 10101, "/name", "/repos/starter-repo/fork", {"name": "-x-"}),
    post(400, 10103, "/ttl", "/tokens", {"repo": "starter-repo", "ttl": 59}),
    imported(400, 10104, "/url", "{remote}/html/some.git"),
    imported(422, 10106, None, "{remote}/private/some.git"),
    get(404, 10200, None, "/repos/absent"),
    get(404, 10200, None, "/nothing"),
    get(404, 10200, None, "/repos/starter-repo/commit/" + "0" * 40),
    imported(404, 10200, None, "{remote}/missing/some.git"),
    create(409, 10201, None, name="starter-repo"),
    post(409, 10201, None, "/../../namespaces", {"namespace": "default"}),
    Case(409, 10201, None, "DELETE", ""),
    post(409, 10301, None, "/repos", {"name": "under-way"}, key="claimed"),
    post(409, 10301, None, "/tokens", {"repo": "starter-repo"}, key="claimed-too"),
    Case(409, 10302, None, "PATCH", "/repos/half-done", {"read_only": True}),
    imported(409, 10302, None, "https://example.com/x", key="import-claimed"),
    post(409, 10303, None, "/repos/starter-repo/fork", {"name": "under-way"}, key="fork-claimed"),
    get(500, 10400, None, "/repos/damaged-repo/file?path=small"),
    imported(503, 10400, None, "{remote}/repos/some.git", server="strict"),
    imported(502, 10401, None, "{remote}/broken/some.git"),
    imported(504, 10401, None, "{remote}/slow/some.git"),
    imported(504, 10401, None, "{remote}/hang/some.git"),
    get(413, 10402, None, "/repos/starter-repo/file?path=delta"),
    get(429, 10429, None, "/../../../../busy/artifacts/namespaces/default/repos", token=BUSY, server="strict"),
]
CLAIMED: Final = [case for case in CASES if case.key is not None and case.status == 409]


@dataclass(frozen=True)
class Servers:
    """The usual server, a strict one, and what they may import from."""

    usual: LiveServer
    strict: LiveServer
    remote: HttpsRemote

    def ask(self, case: Case) -> httpx.Response:
        server = self.usual if case.server == "usual" else self.strict
        return httpx.request(
            case.method,
            server.url + NAMESPACE + case.path,
            content=self.body(case),
            headers=self.headers(case),
            timeout=60,
            verify=NO_TLS,
        )

    def body(self, case: Case) -> bytes | None:
        if case.body is None or isinstance(case.body, bytes):
            return case.body
        return json.dumps(case.body).replace("{remote}", self.remote.url).encode()

    def headers(self, case: Case) -> dict[str, str]:
        shown = {} if case.token is None else {"authorization": f"Bearer {case.token}"}
        return {**shown, **({} if case.key is None else {"idempotency-key": case.key}), **dict(case.headers)}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("codes")
    with HttpsRemote(folder / "remote") as remote:
        new_git(remote.folder / "work").commit({"a.txt": "one\n"})
        new_git(remote.folder)("clone", "-q", "--mirror", "work", "some.git")
        limits = remote.limits(import_probe_seconds=1, inflated_bytes_max=OBJECT_BYTES_MAX)
        scarce = {**limits, "api_requests_max": 2, "rate_seconds": 3600, "import_queue": 0}
        with (
            LiveServer(folder / "usual", settings=settings(limits)) as usual,
            LiveServer(folder / "strict", settings=settings(scarce)) as strict,
        ):
            prepare(usual, folder)
            begin_import(usual, remote)
            asyncio.run(claim_all(usual))
            asyncio.run(grant(strict, AccountId("busy"), BUSY))
            yield Servers(usual, strict, remote)


def settings(limits: dict[str, Any]) -> dict[str, str]:
    return {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in limits.items()}


def prepare(server: LiveServer, folder: Path) -> None:
    """A repo whose bytes are lost, and one with a small file and a large one that is stored as a delta."""
    push(server, new_git(folder / "damaged"), "damaged-repo", {"small": "small\n", "random": os.urandom(100_000)})
    for path in files_under(server.data_dir / "store"):
        path.unlink()
    large = os.urandom(2 * OBJECT_BYTES_MAX)
    push(server, new_git(folder / "starter"), "starter-repo", {"small": "small\n", "whole": large, "delta": large[:-9]})


def push(server: LiveServer, work: Git, name: str, files: dict[str, str | bytes]) -> None:
    """A repo with one commit."""
    repo = server.create(name)
    work.commit(files)
    work.showing(repo.token)("push", "-q", repo.remote, "main")


def begin_import(server: LiveServer, remote: HttpsRemote) -> None:
    """An import that is under way until the end."""
    server.result("POST", "/repos/half-done/import", {"url": f"{remote.url}/stuck/some.git"})


async def claim_all(server: LiveServer) -> None:
    """Claim keys as another process of the server would that is at these requests just now."""
    catalog = SqliteCatalog.open(server.data_dir / "catalog.sqlite3")
    (token,) = await catalog.list_api_tokens()
    for case in CLAIMED:
        asked = asked_of(case.method, NAMESPACE + case.path, json.dumps(case.body).encode())
        question = Question(token.id, API_TOKEN.encode(), str(case.key), asked)
        now = clock()
        claimed = await catalog.claim_answer(
            question.keyed, b"another's", now=now, forgotten_before=now, abandoned_before=now
        )
        assert claimed is None
    await catalog.close()


async def grant(server: LiveServer, account: AccountId, secret: str) -> None:
    """Give an account an API token."""
    catalog = SqliteCatalog.open(server.data_dir / "catalog.sqlite3")
    row = ApiTokenRow(TokenId(new_id(os.urandom)), account, "edit", clock(), None)
    await catalog.create_api_token(row, secrets.digest(secret.encode()))
    await catalog.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_refusal_has_its_code(servers: Servers, case: Case) -> None:
    """Status, code and pointer are as the table says, in an envelope that no cache may keep."""
    answer = servers.ask(case)
    if case.status == 429:
        answer = next(answer for answer in (servers.ask(case) for _ in range(5)) if answer.status_code == 429)
    assert (answer.status_code, error(answer.json())) == (case.status, (case.code, case.pointer)), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    waits = case.status in (429, 503) or case.key in [claimed.key for claimed in CLAIMED]
    assert ("retry-after" in answer.headers) == waits
    assert ("www-authenticate" in answer.headers) == (case.status == 401)


def test_no_code_is_left_out() -> None:
    """The cases are all of the table."""
    assert {case.code for case in CASES} == CODES
