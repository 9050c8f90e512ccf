"""Twin of treehold.api.reads."""

import httpx
import pytest

from tests.unit.api.told_catalog import REPO, ToldCatalog
from treehold.catalog.base import RepoState

HASH = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.fixture(autouse=True)
def empty_repo(catalog: ToldCatalog) -> None:
    """Every repo is there and empty."""
    catalog.answers |= {"find_repo": REPO, "repo_state": RepoState(repo=REPO, refs={}, packs=())}


async def test_an_empty_repo_has_an_empty_log(http: httpx.AsyncClient) -> None:
    """The log of a repo without commits is an empty list, without anything about pages."""
    answered = await http.get("/repos/starter-repo/log")
    assert answered.json() == {"result": [], "success": True, "errors": [], "messages": []}


@pytest.mark.parametrize("kind", ["commit", "tree", "blob"])
async def test_ids_are_checked(http: httpx.AsyncClient, kind: str) -> None:
    """What is no id is 400 under its name, an id of nothing is 404."""
    for bad in ("x", HASH[:39], HASH + "0", HASH[:-1] + "g", "HEAD"):
        answered = await http.get(f"/repos/starter-repo/{kind}/{bad}")
        error = answered.json()["errors"][0]
        assert (answered.status_code, error["code"], error["source"]) == (400, 10100, {"pointer": "/hash"})
    answered = await http.get(f"/repos/starter-repo/{kind}/{HASH.upper()}")
    assert (answered.status_code, answered.json()["errors"][0]["code"]) == (404, 10200)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("log?limit=0", "/limit"),
        ("log?limit=x", "/limit"),
        ("log?limit=-1", "/limit"),
        ("log?offset=-1", "/offset"),
        ("log?offset=9999999999", "/offset"),
        ("log?ref=a%00", "/ref"),
        ("file", "/path"),
        ("file?path=", "/path"),
        ("file?path=a%00b", "/path"),
    ],
)
async def test_a_wrong_query_is_named(http: httpx.AsyncClient, query: str, pointer: str) -> None:
    """The first wrong parameter is pointed at."""
    answered = await http.get(f"/repos/starter-repo/{query}")
    assert (answered.status_code, answered.json()["errors"][0]["source"]) == (400, {"pointer": pointer})


@pytest.mark.parametrize("path", ["file?path=x", "file?path=%ff&ref=%ff", "raw/main/x", "raw/a%2Fb/%ff", "raw/a%2Fb"])
async def test_what_is_not_there_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    """A file of an empty repo is 404 in an envelope, whatever bytes its path has."""
    answered = await http.get(f"/repos/starter-repo/{path}")
    assert (answered.status_code, answered.json()["success"]) == (404, False)
    assert (await http.head(f"/repos/starter-repo/{path}")).status_code == 404
