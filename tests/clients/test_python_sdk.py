"""The official Python SDK's generic verbs, paginators and errors, as they come from PyPI, against a live server."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import cloudflare
import httpx
import pytest
from cloudflare import AsyncCloudflare, Cloudflare
from cloudflare.pagination import (
    AsyncV4PagePaginationArray,
    SyncCursorLimitPagination,
    SyncCursorPagination,
    SyncSinglePage,
    SyncV4PagePaginationArray,
)

from tests.clients.strict_server import STRICT_REQUESTS, strict_server
from tests.live_server import API_TOKEN, NO_TLS, Git, LiveServer

MANY = 120
Answer = dict[str, Any]


SdkMaker = Callable[..., Any]


@pytest.fixture
def sdk() -> Iterator[SdkMaker]:
    """Makes clients, and closes them when the test is over."""
    with ExitStack() as opened:

        def make(server: LiveServer, token: str = API_TOKEN, **others: Any) -> Any:
            client = Cloudflare(api_token=token, base_url=f"{server.url}/client/v4", **others)
            return opened.enter_context(client)

        yield make


def counting(counted: Counter[int]) -> httpx.Client:
    """A transport for the SDK that counts the answers by their status."""
    return httpx.Client(verify=NO_TLS, event_hooks={"response": [lambda answer: counted.update([answer.status_code])]})


def repos(namespace: str) -> str:
    return f"/accounts/local/artifacts/namespaces/{namespace}/repos"


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses."""
    return f"space-{uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def crowd(server: LiveServer) -> tuple[str, set[str]]:
    """A namespace with more repos than a page holds, and their names."""
    namespace = f"crowd-{uuid4().hex[:10]}"
    return namespace, {server.create(f"repo-{number:03}", namespace=namespace).name for number in range(MANY)}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that soon tells clients to wait."""
    with strict_server(tmp_path_factory.mktemp("strict") / "data") as live:
        yield live


def test_a_repo_lives_through_the_generic_verbs(
    sdk: SdkMaker, server: LiveServer, namespace: str, tmp_path: Path
) -> None:
    """post, get, patch and delete work on a repo as their names say, and the token that came clones it."""
    client = sdk(server)
    made = client.post(repos(namespace), cast_to=Answer, body={"name": "some-repo"})["result"]
    Git(tmp_path, made["token"])("clone", "-q", made["remote"], "clone")
    client.patch(f"{repos(namespace)}/some-repo", cast_to=Answer, body={"description": "What it is"})
    info = client.get(f"{repos(namespace)}/some-repo", cast_to=Answer)["result"]
    assert (info["id"], info["description"]) == (made["id"], "What it is")
    fork = client.post(f"{repos(namespace)}/some-repo/fork", cast_to=Answer, body={"name": "its-fork"})["result"]
    assert fork["name"] == "its-fork"
    gone = client.delete(f"{repos(namespace)}/some-repo", cast_to=Answer)
    assert gone["result"] == {"id": made["id"]}
    with pytest.raises(cloudflare.NotFoundError):
        client.get(f"{repos(namespace)}/some-repo", cast_to=Answer)


def test_a_namespace_and_its_tokens(sdk: SdkMaker, server: LiveServer, namespace: str) -> None:
    """A namespace is made, a token minted in it, listed and revoked, and the namespace deleted once it is empty."""
    client, base = sdk(server), "/accounts/local/artifacts/namespaces"
    made = client.post(base, cast_to=Answer, body={"namespace": namespace, "jurisdiction": "eu"})["result"]
    assert made["jurisdiction"] == "eu"
    client.post(repos(namespace), cast_to=Answer, body={"name": "some-repo"})
    token = client.post(f"{base}/{namespace}/tokens", cast_to=Answer, body={"repo": "some-repo", "scope": "read"})
    listed = client.get(f"{repos(namespace)}/some-repo/tokens", cast_to=Answer)["result"]
    assert token["result"]["id"] in {row["id"] for row in listed}
    client.delete(f"{base}/{namespace}/tokens/{token['result']['id']}", cast_to=Answer)
    client.delete(f"{repos(namespace)}/some-repo", cast_to=Answer)
    client.delete(f"{base}/{namespace}", cast_to=httpx.Response)
    with pytest.raises(cloudflare.NotFoundError):
        client.get(f"{base}/{namespace}", cast_to=Answer)


def test_bytes_are_read_as_they_are(sdk: SdkMaker, server: LiveServer, namespace: str, tmp_path: Path) -> None:
    """A file comes through the SDK's raw response as it was pushed."""
    repo = server.create("some-repo", namespace=namespace)
    Git(tmp_path, repo.token)("clone", "-q", repo.remote, "clone")
    clone = Git(tmp_path / "clone", repo.token)
    content = bytes(range(256)) * 9
    clone.commit({"data.bin": content})
    clone("push", "-q", "origin", "HEAD:main")
    path = f"{repos(namespace)}/some-repo/file?ref=main&path=data.bin"
    assert sdk(server).get(path, cast_to=httpx.Response).content == content


@pytest.mark.parametrize(
    ("page", "options"),
    [
        (SyncV4PagePaginationArray, {"per_page": 50}),
        (SyncCursorPagination, {"per_page": 50}),
        (SyncCursorPagination, {"limit": 7, "sort": "name", "direction": "asc"}),
        (SyncCursorLimitPagination, {"limit": 50}),
        (SyncSinglePage, {"limit": 200}),
    ],
    ids=["page", "cursor", "cursor-sorted", "cursor-limit", "single"],
)
def test_a_list_is_walked_by_the_paginators(
    sdk: SdkMaker, server: LiveServer, crowd: tuple[str, set[str]], page: Any, options: Answer
) -> None:
    """Each repo comes once, whichever of the SDK's paginators walks the pages."""
    namespace, names = crowd
    rows = sdk(server).get_api_list(repos(namespace), model=object, page=page, options={"params": options})
    listed = [row["name"] for row in rows]
    assert (len(listed), set(listed)) == (MANY, names)


async def test_a_list_is_walked_by_the_asynchronous_client(server: LiveServer, crowd: tuple[str, set[str]]) -> None:
    """The asynchronous client walks the same pages."""
    namespace, names = crowd
    async with AsyncCloudflare(api_token=API_TOKEN, base_url=f"{server.url}/client/v4") as client:
        rows = client.get_api_list(
            repos(namespace), model=object, page=AsyncV4PagePaginationArray, options={"params": {"per_page": 50}}
        )
        assert {row["name"] async for row in rows} == names


def test_accounts_and_the_token_are_seen_by_the_typed_methods(sdk: SdkMaker, server: LiveServer) -> None:
    """The SDK's own methods for accounts, memberships and the token read what the server says of itself."""
    client = sdk(server)
    assert [account.id for account in client.accounts.list()] == ["local"]
    assert [membership.account.id for membership in client.memberships.list()] == ["local"]
    assert client.user.tokens.verify().status == "active"


def code_of(error: Any) -> int:
    return int(error.errors[0].code)


@pytest.mark.parametrize(
    ("path", "body", "error", "code"),
    [
        ("default/repos", {"name": "-"}, cloudflare.BadRequestError, 10101),
        ("default/repos", {"name": "some-repo", "read_only": "perhaps"}, cloudflare.BadRequestError, 10100),
        ("default/tokens", {"repo": "some-repo", "ttl": 1}, cloudflare.BadRequestError, 10103),
        ("default/tokens", {"repo": "no-such-repo"}, cloudflare.NotFoundError, 10200),
        ("default/repos/no-such-repo/fork", {"name": "its-fork"}, cloudflare.NotFoundError, 10200),
    ],
    ids=["name", "type", "ttl", "token", "fork"],
)
def test_refusals_are_the_sdks_errors(
    sdk: SdkMaker, server: LiveServer, path: str, body: Answer, error: Any, code: int
) -> None:
    """A refusal is raised as the class of its status, with our code and message in it."""
    with pytest.raises(error) as raised:
        sdk(server).post(f"/accounts/local/artifacts/namespaces/{path}", cast_to=Answer, body=body)
    assert code_of(raised.value) == code
    assert raised.value.body["errors"][0]["message"]


def test_strangers_are_refused(sdk: SdkMaker, server: LiveServer) -> None:
    """An unknown token is an AuthenticationError, and another account a PermissionDeniedError."""
    with pytest.raises(cloudflare.AuthenticationError) as unknown:
        sdk(server, token="no-token-of-this-server").get(repos("default"), cast_to=Answer)
    with pytest.raises(cloudflare.PermissionDeniedError) as foreign:
        sdk(server).get("/accounts/somebody-else/artifacts/namespaces", cast_to=Answer)
    assert (code_of(unknown.value), code_of(foreign.value)) == (10000, 10000)


def test_a_conflict_is_tried_again_and_then_raised(sdk: SdkMaker, server: LiveServer, namespace: str) -> None:
    """A taken name is asked for three times, which changes nothing, and is a ConflictError in the end."""
    counted: Counter[int] = Counter()
    client = sdk(server, http_client=counting(counted))
    client.post(repos(namespace), cast_to=Answer, body={"name": "some-repo"})
    with pytest.raises(cloudflare.ConflictError) as raised:
        client.post(repos(namespace), cast_to=Answer, body={"name": "some-repo"})
    assert code_of(raised.value) == 10201
    assert counted == {201: 1, 409: 3}


def ask_often(client: Any) -> None:
    for _ in range(3 * STRICT_REQUESTS):
        client.get(repos("default"), cast_to=Answer)


def test_a_client_over_its_rate_waits_as_it_is_told(sdk: SdkMaker, strict: LiveServer) -> None:
    """Few retries are enough for an SDK that waits for our Retry-After; without any it is a RateLimitError."""
    counted: Counter[int] = Counter()
    patient = sdk(strict, http_client=counting(counted), max_retries=1)
    ask_often(patient)
    assert counted[200] == 3 * STRICT_REQUESTS
    assert counted[429] > 0
    with pytest.raises(cloudflare.RateLimitError) as raised:
        ask_often(sdk(strict, max_retries=0))
    assert code_of(raised.value) == 10429
    assert int(raised.value.response.headers["retry-after"]) >= 1
