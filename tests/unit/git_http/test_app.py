"""Tests of treehold.git_http.app: the door over a real catalog, without git and without a socket."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.engine.pushed_repo import MAIN, line, oid_of
from treehold.auth import secrets
from treehold.auth.names import NamePolicy
from treehold.catalog.base import Catalog, NewRepo, NewToken, RepoChanges
from treehold.catalog.sqlite import SqliteCatalog
from treehold.engine.context import Engine
from treehold.engine.limits import Limits
from treehold.engine.node import Node
from treehold.errors import CatalogError
from treehold.git_http.app import GitDoor, GitPath, account_at, parse_path
from treehold.git_http.body import Message
from treehold.ids import ZERO_OID, AccountId, Milliseconds, RepoId, TokenId
from treehold.packs.build import build_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.advertisement import decode_advertisement
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.pktline import FLUSH_PKT, encode
from treehold.protocol.receive_pack import PushRequest, RefCommand, encode_request
from treehold.protocol.report_status import RefResult, decode_report
from treehold.protocol.upload_pack import encode_request as encode_fetch
from treehold.store.memory import MemoryStore

SECRET = "art_v1_" + "ab" * 20
BASE = "https://git.example/git/default/starter-repo.git"
OBJECTS = line(b"one", b"two")
TIP = oid_of(OBJECTS[-1])
REPORT = Capabilities((b"report-status", b"object-format=sha1"))
NOW = Milliseconds(1_000_000)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with one repo and a write token, and no git to run."""
    catalog = SqliteCatalog.open(tmp_path / "catalog.db")
    store, limits = MemoryStore(clock=lambda: NOW), Limits(small_push_bytes=64 << 10)
    repo = NewRepo(
        id=RepoId("0123456789abcdef"),
        account=AccountId("acme"),
        namespace="default",
        name="starter-repo",
        description=None,
        default_branch="main",
        read_only=False,
        source=None,
        now=NOW,
    )
    token = NewToken(TokenId("t" * 16), secrets.digest(SECRET.encode()), "write", NOW, Milliseconds(NOW + 1000))
    await catalog.create_repo(repo, token)
    node = Node.build(
        tmp_path / "node", catalog=catalog, store=store, entropy=os.urandom, git=Path("/no/git"), limits=limits
    )
    yield Engine(
        catalog=catalog,
        store=store,
        node=node,
        clock=lambda: NOW,
        entropy=os.urandom,
        limits=limits,
        names=NamePolicy(),
        default_account=AccountId("acme"),
        failpoint=lambda _step: None,
    )
    await catalog.close()


@pytest.fixture
async def http(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the door that shows the token."""
    async with client(engine) as made:
        yield made


def client(engine: Engine) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(GitDoor(engine))
    return httpx.AsyncClient(transport=transport, headers={"authorization": f"Bearer {SECRET}"})


def push_body() -> bytes:
    request = PushRequest((RefCommand(MAIN, ZERO_OID, TIP),), REPORT)
    return encode_request(request) + build_pack(OBJECTS)[0]


async def post(http: httpx.AsyncClient, service: str, body: bytes, **headers: str) -> httpx.Response:
    kind = {"content-type": f"application/x-{service}-request"}
    return await http.post(f"{BASE}/{service}", content=body, headers={**kind, **headers})


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/git/ns/repo.git/info/refs", ("ns", "repo", "info/refs")),
        ("/git/ns/repo/git-upload-pack", ("ns", "repo", "git-upload-pack")),
        ("/ns/repo.git/git-receive-pack", ("ns", "repo", "git-receive-pack")),
        ("/ns/repo/HEAD", None),
        ("/git/git/git.git/info/refs", ("git", "git", "info/refs")),
        ("/git/repo.git/info/refs", ("git", "repo", "info/refs")),
        ("/git/ns/a.git.git/info/refs", ("ns", "a.git", "info/refs")),
        ("/git/ns/repo.git/objects/ab/cd", None),
        ("/git/ns/repo.git", None),
        ("/git/ns/repo.git/info/refs/", None),
        ("/artifacts/repos/objects/try-1/fork", None),
        ("/git/acme/info/refs/info/refs", ("info", "refs", "info/refs", "acme")),
        ("/git/rival/ns/repo.git/info/refs", ("ns", "repo", "info/refs", "rival")),
        ("/git/rival/ns/objects/git-upload-pack", ("ns", "objects", "git-upload-pack", "rival")),
        ("/git/rival/ns/sub/repo.git/info/refs", None),
        ("/rival/ns/repo.git/info/refs", None),
        ("/v1/api/namespaces/ns/repos", None),
        ("//repo.git/info/refs", None),
        ("", None),
    ],
)
def test_paths_are_taken_apart(path: str, parts: tuple[str, ...] | None) -> None:
    """Every form that a remote may have; anything else is no Git path."""
    if parts is None:
        assert parse_path(path) is None
    else:
        account = AccountId(parts[3]) if len(parts) > 3 else None
        assert parse_path(path) == GitPath(parts[0], parts[1], parts[2], account)


@pytest.mark.parametrize(
    ("host", "account"),
    [
        (b"rival.git.example.org", "rival"),
        (b"Rival.Git.Example.ORG:8443", "rival"),
        (b"git.example.org", None),
        (b".git.example.org", None),
        (b"a.rival.git.example.org", None),
        (b"rival.git.example.com", None),
        (b"rivalgit.example.org", None),
        (b"", None),
        (b"\xff.git.example.org", "\xff"),
    ],
)
def test_a_host_names_an_account_by_one_label(host: bytes, account: str | None) -> None:
    """Exactly one label before the domain is an account, whatever the port and the case; without a domain none is."""
    assert account_at(host, "git.example.org") == account
    assert account_at(host, None) is None


async def test_a_repo_that_is_being_imported_is_not_ready(engine: Engine, http: httpx.AsyncClient) -> None:
    """Until its import is done a repo is 503 with a time to come back, for those alone whom it would let in."""
    repo = RepoId("0123456789abcdef")
    await engine.catalog.update_repo(repo, RepoChanges(status="importing"), NOW)
    for service in ("git-upload-pack", "git-receive-pack"):
        refused = await http.get(f"{BASE}/info/refs?service={service}")
        assert (refused.status_code, "being imported" in refused.text) == (503, True)
        assert "retry-after" in refused.headers
        assert (await post(http, service, b"0000")).status_code == 503
        stranger = await http.get(f"{BASE}/info/refs?service={service}", headers={"authorization": "Bearer x"})
        assert stranger.status_code == 403
    await engine.catalog.update_repo(repo, RepoChanges(status="ready"), NOW)
    assert (await http.get(f"{BASE}/info/refs?service=git-upload-pack")).status_code == 200


async def test_a_token_opens_its_repo_only_where_its_account_is(engine: Engine) -> None:
    """The account by path or host must be the repo's own; the path wins, and a wrong one is refused as a bad token."""
    door = httpx.ASGITransport(GitDoor(engine, account_domain="git.example"))
    repo = "default/starter-repo.git/info/refs?service=git-upload-pack"
    async with httpx.AsyncClient(transport=door, headers={"authorization": f"Bearer {SECRET}"}) as http:
        for url, status in (
            (f"https://git.example/git/{repo}", 200),
            (f"https://acme.git.example/git/{repo}", 200),
            (f"https://acme.git.example/{repo}", 200),
            (f"https://git.example/git/acme/{repo}", 200),
            (f"https://rival.git.example/git/acme/{repo}", 200),
            (f"https://git.example/git/rival/{repo}", 403),
            (f"https://rival.git.example/git/{repo}", 403),
            (f"https://rival.git.example/{repo}", 403),
        ):
            assert (await http.get(url)).status_code == status, url


async def test_what_is_no_git_path_is_not_found(http: httpx.AsyncClient) -> None:
    """Below /git but not a repo's."""
    assert (await http.get("https://git.example/git/ns/repo.git")).status_code == 404


@pytest.mark.parametrize("path", ["/HEAD", "/objects/info/packs", "/info/refs", "/info/refs?service=git-other"])
async def test_the_dumb_protocol_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    """Smart HTTP only."""
    assert (await http.get(BASE + path)).status_code == 404


async def test_the_service_is_found_in_any_query(http: httpx.AsyncClient) -> None:
    """Among however many fields; the first one counts."""
    many = "x=y&" * 100 + "service=git-upload-pack&service=git-other"
    assert (await http.get(f"{BASE}/info/refs?{many}")).status_code == 200


async def test_nobody_comes_in_without_a_good_token(http: httpx.AsyncClient) -> None:
    """401 for showing nothing, 403 for showing what is not good."""
    url = f"{BASE}/info/refs?service=git-upload-pack"
    del http.headers["authorization"]
    bare = await http.get(url)
    bad = await http.get(url, headers={"authorization": "Bearer x"})
    assert (bare.status_code, bad.status_code) == (401, 403)
    assert (await http.get(url, headers={"authorization": f"Bearer {SECRET}"})).status_code == 200


async def test_method_and_content_type_must_be_right(http: httpx.AsyncClient) -> None:
    """405 and 415."""
    assert (await http.post(f"{BASE}/info/refs?service=git-upload-pack")).headers["allow"] == "GET"
    assert (await http.get(f"{BASE}/git-upload-pack")).headers["allow"] == "POST"
    wrong = await post(http, "git-upload-pack", b"0000", **{"content-type": "text/plain"})
    assert wrong.status_code == 415


@pytest.mark.parametrize(("spoken", "version"), [("", 0), ("version=1", 1), ("version=2:version=1", 2), ("other", 0)])
async def test_the_advertisement_is_of_the_version_asked_for(
    http: httpx.AsyncClient, spoken: str, version: int
) -> None:
    """The highest one that the client offers; a push knows no version 2."""
    for service, answered in (("git-upload-pack", version), ("git-receive-pack", version % 2)):
        answer = await http.get(f"{BASE}/info/refs?service={service}", headers={"git-protocol": spoken})
        told = decode_advertisement(answer.content)
        assert (told.service, told.version) == (service.encode(), answered)


async def test_a_push_is_carried_out_and_fetched_again(http: httpx.AsyncClient) -> None:
    """From the commands to the report, and from the wants to the same pack."""
    pushed = await post(http, "git-receive-pack", push_body())
    assert decode_report(pushed.content) == ("ok", (RefResult(MAIN),))
    fetched = await post(http, "git-upload-pack", encode_fetch(FetchRequest(wants=(TIP,), done=True, ofs_delta=True)))
    assert fetched.headers["x-treehold-plan"] == "whole"
    assert fetched.headers["content-length"] == str(len(fetched.content))
    assert len(scan_pack(fetched.content.removeprefix(b"0008NAK\n"))) == len(OBJECTS)


async def test_a_v2_command_is_answered(http: httpx.AsyncClient) -> None:
    """With the header that asks for version 2."""
    body = encode(b"command=ls-refs\n") + b"0001" + encode(b"symrefs\n") + encode(b"unborn\n") + FLUSH_PKT
    answer = await post(http, "git-upload-pack", body, **{"git-protocol": "version=2"})
    assert answer.content == encode(b"unborn HEAD symref-target:refs/heads/main\n") + FLUSH_PKT


async def test_a_bad_fetch_gets_an_error_line(http: httpx.AsyncClient) -> None:
    """Git shows it as ``remote error``."""
    answer = await post(http, "git-upload-pack", b"zzzz")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-git-upload-pack-result")
    assert answer.content[4:].startswith(b"ERR ")


async def test_a_bad_push_is_reported(http: httpx.AsyncClient) -> None:
    """In the report where one was asked for, on band 3 where nobody knows yet."""
    answer = await post(http, "git-receive-pack", push_body()[:-1])
    unpack, results = decode_report(answer.content)
    assert unpack != "ok"
    assert results == (RefResult(MAIN, "unpacker error"),)
    assert b"\x03" in (await post(http, "git-receive-pack", b"zzzz")).content


async def test_our_own_failure_is_a_500_without_details(engine: Engine) -> None:
    """And in the log."""

    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise CatalogError(f"the disk of {name} is broken")

    catalog: Catalog = Failing()
    async with client(replace(engine, catalog=catalog)) as http:
        for answer in (
            await http.get(f"{BASE}/info/refs?service=git-upload-pack"),
            await post(http, "git-upload-pack", b"0000"),
        ):
            assert (answer.status_code, answer.text) == (500, "Internal error")


async def test_a_client_that_goes_is_let_go(engine: Engine) -> None:
    """Without an answer and without a failure."""
    kind = (b"content-type", b"application/x-git-upload-pack-request")
    headers = [(b"authorization", b"Bearer " + SECRET.encode()), kind]
    scope = {"type": "http", "method": "POST", "path": "/git/default/starter-repo.git/git-upload-pack"}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await GitDoor(engine)({**scope, "headers": headers, "query_string": b""}, receive, send)
    assert not sent


async def test_a_failure_after_the_answer_began_is_left_to_the_server(engine: Engine) -> None:
    """Only it can cut the connection."""
    scope = {"type": "http", "method": "GET", "path": "/git/default/starter-repo.git/info/refs"}
    headers = [(b"authorization", b"Bearer " + SECRET.encode())]

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise CatalogError("broken off")

    with pytest.raises(CatalogError, match="broken off"):
        await GitDoor(engine)({**scope, "headers": headers, "query_string": b"service=git-upload-pack"}, receive, send)
