"""Twin of treehold.api.namespaces."""

import httpx

from tests.unit.api.told_catalog import ToldCatalog
from treehold.catalog.accounts import Cursor, NamespacePage, NamespaceQuery, NamespaceRow
from treehold.ids import AccountId, Milliseconds

ROW = NamespaceRow(AccountId("acme"), "agents", "us", 3, Milliseconds(1), Milliseconds(2))


async def asked_with(http: httpx.AsyncClient, catalog: ToldCatalog, query: str) -> NamespaceQuery:
    """What the catalog is asked for a query."""
    catalog.answers["list_namespaces"] = NamespacePage((ROW,), 3, Cursor("next"))
    answered = await http.get(f"https://api.example/v1/api/namespaces?{query}")
    assert answered.json()["result_info"]["cursor"] == "next"
    (asked,) = catalog.asked["list_namespaces"]
    assert isinstance(asked, NamespaceQuery)
    return asked


async def test_a_query_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Pages become offsets, and with a cursor nothing is skipped."""
    account = AccountId("acme")
    assert await asked_with(http, catalog, "") == NamespaceQuery(account, 100)
    assert await asked_with(http, catalog, "page=3&per_page=20") == NamespaceQuery(account, 20, offset=40)
    assert await asked_with(http, catalog, "page=3&limit=7&cursor=c") == NamespaceQuery(account, 7, Cursor("c"))


async def test_a_wish_reaches_the_catalog(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Creating hands on name and jurisdiction with the time, and shows the row that came of it."""
    catalog.answers["create_namespace"] = ROW
    made = await http.post("https://api.example/v1/api/namespaces", json={"namespace": "agents", "jurisdiction": "us"})
    assert (made.status_code, made.json()["result"]["repo_count"]) == (201, 3)
    assert catalog.asked["create_namespace"] == ("acme", "agents", "us", 1000)
