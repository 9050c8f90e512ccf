"""Twin of treehold.api.workspace."""

import httpx
import pytest

from tests.unit.api.told_catalog import REPO, ToldCatalog
from treehold.api.app import create_api
from treehold.api.workspace import repo_name
from treehold.engine.context import Engine
from treehold.errors import InvalidRepoName


@pytest.mark.parametrize(
    ("name", "mapped"), [("plain", "plain"), ("a/b", "a--b"), ("a/b/c", "a--b--c"), ("", ""), ("a--b", "a--b")]
)
def test_levels_become_hyphens(name: str, mapped: str) -> None:
    """Each slash becomes two hyphens, and a name without one stays as it is."""
    assert repo_name(name) == mapped


@pytest.mark.parametrize("name", ["/", "/a", "a/", "a//b"])
def test_an_empty_level_is_refused(name: str) -> None:
    """A slash stands between two levels."""
    with pytest.raises(InvalidRepoName):
        repo_name(name)


async def test_repos_are_made_in_the_configured_namespace(engine: Engine, catalog: ToldCatalog) -> None:
    """The namespace is the one that the application was made with, and the answer tells the mapped name."""
    catalog.answers["create_repo"] = REPO
    app = create_api(engine, remote_for=lambda row: row.name, workspace_namespace="agents")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        shown = {"authorization": "Bearer token"}
        made = await http.post("https://api.example/artifacts/repos", headers=shown, json={"name": "work/try"})
    assert made.status_code == 201
    wish = catalog.asked["create_repo"][0]
    assert (wish.account, wish.namespace, wish.name) == ("acme", "agents", "work--try")
