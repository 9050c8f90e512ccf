"""Twin of treehold.api.imports; what remotes bring about is in tests/wire."""

import httpx

from tests.unit.api.told_catalog import REPO, ToldCatalog

URL = "https://git.example/some.git"


async def test_a_depth_is_refused(http: httpx.AsyncClient) -> None:
    """It cannot be had yet, and an import of everything is not what was asked for."""
    answer = await http.post("/repos/copy/import", json={"url": URL, "depth": 1})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"pointer": "/depth"}


async def test_a_name_that_is_taken_is_refused(http: httpx.AsyncClient, catalog: ToldCatalog) -> None:
    """Before the remote is looked up."""
    catalog.answers["find_repo"] = REPO
    answer = await http.post("/repos/starter-repo/import", json={"url": URL})
    assert answer.status_code == 409
    assert answer.json()["errors"][0] == {"code": 10201, "message": "repo already exists: starter-repo"}


async def test_the_document_tells_of_imports(http: httpx.AsyncClient) -> None:
    """Its body and each of its failures."""
    document = (await http.get("https://api.example/openapi.json")).json()
    (name,) = (name for name in document["paths"] if name.endswith("/{namespace}/repos/{name}/import"))
    told = document["paths"][name]["post"]
    assert {"201", "400", "404", "409", "413", "422", "502", "504"} <= set(told["responses"])
    fields = told["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(fields) == {"url", "branch", "depth", "read_only"}
