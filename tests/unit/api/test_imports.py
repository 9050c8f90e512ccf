"""Twin of treehold.api.imports; what remotes bring about is in tests/wire."""

import httpx
import pytest

from tests.unit.api.told_catalog import REPO, ToldCatalog

URL = "https://git.example/some.git"


@pytest.mark.parametrize("depth", [0, -1, 2**31, 10**30, "1", 1.5, True, [1]])
async def test_a_depth_is_a_number_of_commits(http: httpx.AsyncClient, depth: object) -> None:
    """At least one, and no more than git can count; before the remote is looked up."""
    answer = await http.post("/repos/copy/import", json={"url": URL, "depth": depth})
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
    assert set(fields) == {"url", "branch", "depth", "description", "read_only"}
