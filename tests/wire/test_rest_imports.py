"""What a program is told when a repo cannot be imported; that it can be is in tests/scenarios."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from tests.https_remote import HttpsRemote
from tests.wire.rest_server import RestServer, error, remote_for
from treehold.api.app import create_api
from treehold.engine.context import Engine

IMPORT = "/repos/copy/import"


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        yield https


@pytest.fixture
def engine(engine: Engine, remote: HttpsRemote) -> Engine:
    """The usual engine, which may import from the loopback."""
    return replace(engine, limits=replace(engine.limits, **remote.limits(import_probe_seconds=2)))


@pytest.mark.parametrize(
    ("path", "status", "code", "pointer"),
    [
        ("html", 400, 10104, "/url"),
        ("teapot", 400, 10104, "/url"),
        ("moved", 400, 10104, "/url"),
        ("private", 422, 10106, None),
        ("forbidden", 422, 10106, None),
        ("missing", 404, 10200, None),
        ("broken", 502, 10401, None),
        ("slow", 504, 10401, None),
        ("hang", 504, 10401, None),
    ],
)
async def test_each_failure_of_a_remote_has_its_code(
    rest: RestServer, remote: HttpsRemote, path: str, status: int, code: int, pointer: str | None
) -> None:
    """And there is no repo afterwards."""
    answer = await rest.ask("POST", IMPORT, json={"url": f"{remote.url}/{path}/some.git"})
    assert answer.status_code == status
    assert error(answer.json()) == (code, pointer)
    assert (await rest.ask("GET", "/repos/copy")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "/url"),
        ({"url": 1}, "/url"),
        ({"url": "http://example.com/a"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://example.com/a", "branch": 1}, "/branch"),
        ({"url": "https://example.com/a", "depth": 0}, "/depth"),
        ({"url": "https://example.com/a", "depth": 2**31}, "/depth"),
        ({"url": "https://example.com/a", "read_only": "yes"}, "/read_only"),
    ],
)
async def test_a_field_that_is_wrong_is_named(rest: RestServer, fields: dict[str, object], pointer: str) -> None:
    """Before anything is asked of a remote."""
    answer = await rest.ask("POST", IMPORT, json=fields)
    assert answer.status_code == 400
    assert error(answer.json()) == (10100, pointer)


async def test_the_name_in_the_path_is_checked(rest: RestServer, remote: HttpsRemote) -> None:
    """An illegal one is 10101, a taken one 10201."""
    wish = {"url": f"{remote.url}/repos/some.git"}
    await rest.create("taken")
    illegal = await rest.ask("POST", "/repos/x/import", json=wish)
    assert (illegal.status_code, error(illegal.json())[0]) == (400, 10101)
    taken = await rest.ask("POST", "/repos/taken/import", json=wish)
    assert (taken.status_code, error(taken.json())[0]) == (409, 10201)


async def test_an_import_needs_the_right_to_edit(rest: RestServer) -> None:
    """Nobody else makes this server reach out."""
    wish = {"url": "https://example.com/a"}
    assert (await rest.ask("POST", IMPORT, json=wish, token="read")).status_code == 403
    assert (await rest.ask("POST", IMPORT, json=wish, token=None)).status_code == 401


async def test_an_account_without_room_imports_nothing(rest: RestServer, remote: HttpsRemote) -> None:
    """It is told 507 before the remote is asked for anything, and there is no repo afterwards."""
    full = replace(rest.engine, limits=replace(rest.engine.limits, account_bytes_max=1))
    rest.http._transport = httpx.ASGITransport(create_api(full, remote_for=remote_for))
    before = remote.seen.total()
    answer = await rest.ask("POST", IMPORT, json={"url": f"{remote.url}/repos/some.git"})
    assert (answer.status_code, error(answer.json())) == (507, (10507, None))
    assert "more than 1 bytes, its storage limit" in answer.json()["errors"][0]["message"]
    assert remote.seen.total() == before
    assert (await rest.ask("GET", "/repos/copy")).status_code == 404
