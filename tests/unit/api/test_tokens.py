"""Twin of treehold.api.tokens."""

import httpx

from tests.unit.api.told_catalog import REPO, TOKEN, ToldCatalog


async def test_a_query_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """State and page of a list reach the catalog, and its total is shown."""
    catalog.answers |= {"find_repo": REPO, "list_tokens": ([TOKEN], 41)}
    body = (await http.get("/repos/starter-repo/tokens?state=all&page=3&per_page=20")).json()
    assert catalog.asked["list_tokens"] == (REPO.id, "all", 1000, 20, 40)
    assert [row["id"] for row in body["result"]] == [TOKEN.id]
    assert body["result_info"] == {"page": 3, "per_page": 20, "total_pages": 3, "count": 1, "total_count": 41}


async def test_a_wish_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """A token is kept for the repo named, with the scope and the lifetime asked for."""
    catalog.answers |= {"find_repo": REPO, "create_token": None}
    made = await http.post("/tokens", json={"repo": "starter-repo", "scope": "read", "ttl": 60})
    assert made.status_code == 201
    repo, kept = catalog.asked["create_token"]
    assert (repo, kept.scope, kept.expires_at) == (REPO.id, "read", 61_000)
    assert made.json()["result"]["id"] == kept.id


async def test_a_revoked_tokens_id_is_shown(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Revoking names the token in its namespace and answers its id."""
    catalog.answers["revoke_token"] = None
    revoked = await http.delete("/tokens/abc")
    assert (revoked.status_code, revoked.json()["result"]) == (200, {"id": "abc"})
    assert catalog.asked["revoke_token"] == ("acme", "default", "abc", 1000)
