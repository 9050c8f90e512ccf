"""Twin of treehold.api.repos."""

import httpx

from tests.unit.api.told_catalog import REPO, ToldCatalog
from treehold.catalog.accounts import Cursor
from treehold.catalog.base import RepoPage, RepoQuery, RepoState
from treehold.ids import AccountId


async def listed_with(http: httpx.AsyncClient, catalog: ToldCatalog, query: str) -> RepoQuery:
    """What the catalog is asked for a query."""
    catalog.answers["list_repos"] = RepoPage(rows=(), total=0, cursor=None)
    assert (await http.get(f"/repos?{query}")).status_code == 200
    (asked,) = catalog.asked["list_repos"]
    assert isinstance(asked, RepoQuery)
    return asked


async def test_a_query_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Every parameter of a list reaches the catalog, with pages as offsets."""
    account = AccountId("acme")
    assert await listed_with(http, catalog, "") == RepoQuery(account=account, namespace="default", limit=50)
    asked = await listed_with(http, catalog, "page=3&per_page=20&search=a&sort=name&direction=asc")
    assert asked == RepoQuery(
        account=account, namespace="default", limit=20, search="a", sort="name", direction="asc", offset=40
    )


async def test_a_cursor_leaves_no_offset(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """With a cursor nothing is skipped."""
    asked = await listed_with(http, catalog, "page=3&limit=7&cursor=abc")
    assert (asked.cursor, asked.limit, asked.offset) == (Cursor("abc"), 7, 0)


async def test_a_page_is_shown(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """The rows of a page, its total and its cursor are what the catalog said."""
    catalog.answers["list_repos"] = RepoPage(rows=(REPO, REPO), total=5, cursor=Cursor("next"))
    body = (await http.get("/repos?limit=2")).json()
    assert [row["remote"] for row in body["result"]] == ["https://git.example/starter-repo"] * 2
    assert body["result_info"] == {
        "page": 1,
        "per_page": 2,
        "total_pages": 3,
        "count": 2,
        "total_count": 5,
        "cursor": "next",
    }


async def test_a_wish_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Creating and forking hand on every field of the body; a fork keeps its parent's default branch."""
    state = RepoState(repo=REPO, refs={}, packs=())
    catalog.answers |= {"create_repo": REPO, "fork_repo": REPO, "find_repo": REPO, "repo_state": state}
    body = {"name": "other-repo", "description": "words", "default_branch": "trunk", "read_only": True}
    created = await http.post("/repos", json=body)
    forked = await http.post("/repos/starter-repo/fork", json=body)
    assert (created.status_code, forked.status_code) == (201, 201)
    assert forked.json()["result"]["objects"] == REPO.object_count
    made, copied = catalog.asked["create_repo"][0], catalog.asked["fork_repo"][1]
    for wish in (made, copied):
        assert (wish.name, wish.description, wish.read_only) == ("other-repo", "words", True)
    assert (made.default_branch, copied.default_branch) == ("trunk", "main")
    assert (made.source, copied.source) == (None, "artifacts:default/starter-repo")


async def test_a_deleted_repos_id_is_shown(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Deleting answers the id that the catalog did."""
    catalog.answers["delete_repo"] = REPO.id
    deleted = await http.delete("/repos/starter-repo")
    assert (deleted.status_code, deleted.json()["result"]) == (202, {"id": REPO.id})
