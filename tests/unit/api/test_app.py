"""Twin of treehold.api.app."""

import httpx
import pytest

from tests.unit.api.told_catalog import REPO, ToldCatalog
from treehold.api.app import methods_at

DOCUMENTED = "/client/v4/accounts/acme/artifacts"


@pytest.mark.parametrize("base", [DOCUMENTED, "/v1/api", "/mounted/v1/api"])
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/namespaces/default/repos", ["GET", "POST"]),
        ("/namespaces/default/repos/abc", ["DELETE", "GET", "PATCH"]),
        ("/namespaces/default/repos/abc/fork", ["POST"]),
        ("/namespaces/default/tokens/abc", ["DELETE"]),
        ("/namespaces/default", ["DELETE", "GET"]),
        ("/namespaces", ["GET", "POST"]),
        ("", []),
    ],
)
def test_a_path_knows_its_methods(base: str, path: str, methods: list[str]) -> None:
    """All routes of one path count, under either base."""
    assert methods_at(base + path) == methods


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/client/v4/accounts", ["GET"]),
        ("/client/v4/user/tokens/verify", ["GET"]),
        ("/client/v4/accounts/acme", []),
        ("/artifacts/repos", ["POST"]),
        ("/artifacts/repos/a/b/fork", ["POST"]),
        ("/artifacts", []),
    ],
)
def test_paths_beside_the_bases_know_their_methods(path: str, methods: list[str]) -> None:
    """So do the routes that tell whose token it is, and those of the workspace API."""
    assert methods_at(path) == methods


def test_paths_outside_the_bases_have_no_methods() -> None:
    """What is not under a base takes nothing."""
    assert methods_at("/namespaces/default/repos") == []


@pytest.mark.parametrize("base", [DOCUMENTED, "/v1/api"])
async def test_the_routes_are_under_both_bases(http: httpx.AsyncClient, catalog: ToldCatalog, base: str) -> None:
    """The same repo is answered under the documented base and under the launch-day one."""
    catalog.answers["find_repo"] = REPO
    shown = await http.get(f"https://api.example{base}/namespaces/default/repos/starter-repo")
    assert shown.json()["result"]["remote"] == "https://git.example/starter-repo"
    assert catalog.asked["find_repo"] == ("acme", "default", "starter-repo")


async def test_the_body_limit_is_a_setting(http: httpx.AsyncClient) -> None:
    """The limit that the application was made with is the one that holds."""
    assert (await http.post("/repos", content=b" " * 201)).status_code == 413


async def test_unknown_routes_and_wrong_methods_are_envelopes(http: httpx.AsyncClient) -> None:
    """What the router refuses is an envelope, and a slash too many is not redirected."""
    for method, path, status in (("GET", "/repos/", 404), ("GET", "/nothing", 404), ("PUT", "/repos", 405)):
        answered = await http.request(method, path)
        assert (answered.status_code, answered.json()["success"]) == (status, False)
