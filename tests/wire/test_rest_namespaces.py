"""The routes of namespaces, over a real engine."""

import pytest

from tests.wire.rest_server import OTHER_ACCOUNT, START, RestServer, error

DOCUMENTED = "/client/v4/accounts/acme/artifacts"
BASES = [DOCUMENTED, "/v1/api"]
CREATED = "2026-04-16T09:30:00.000Z"


async def make(rest: RestServer, name: str, **fields: object) -> None:
    made = await rest.ask("POST", "/namespaces", base=DOCUMENTED, json={"namespace": name, **fields})
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    ("fields", "jurisdiction"),
    [({}, "unrestricted"), ({"jurisdiction": None}, "unrestricted"), ({"jurisdiction": "eu"}, "eu")],
)
async def test_a_namespace_is_created_shown_and_deleted(
    rest: RestServer, base: str, fields: dict[str, object], jurisdiction: str
) -> None:
    """Create answers 201 with the row that get answers, delete an empty 204, and then it is not there."""
    assert START == 1_776_331_800_000
    made = await rest.ask("POST", "/namespaces", base=base, json={"namespace": "agents-1", **fields})
    row = {
        "namespace": "agents-1",
        "jurisdiction": jurisdiction,
        "repo_count": 0,
        "created_at": CREATED,
        "updated_at": CREATED,
    }
    assert (made.status_code, list(made.json()["result"].items())) == (201, list(row.items()))
    assert (await rest.ask("GET", "/namespaces/agents-1", base=base)).json()["result"] == row
    gone = await rest.ask("DELETE", "/namespaces/agents-1", base=base)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        answered = await rest.ask(method, "/namespaces/agents-1", base=base)
        assert (answered.status_code, error(answered.json())) == (404, (10200, None))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/namespace"),
        ({"namespace": None}, "/namespace"),
        ({"namespace": 7}, "/namespace"),
        ({"namespace": "a"}, "/namespace"),
        ({"namespace": "a" * 64}, "/namespace"),
        ({"namespace": "Agents"}, "/namespace"),
        ({"namespace": "-agents"}, "/namespace"),
        ({"namespace": "a..b"}, "/namespace"),
        ({"namespace": "agents.git"}, "/namespace"),
        ({"namespace": "ok", "jurisdiction": "mars"}, "/jurisdiction"),
        ({"namespace": "ok", "jurisdiction": "unrestricted"}, "/jurisdiction"),
    ],
)
async def test_a_bad_wish_is_pointed_at(rest: RestServer, body: dict[str, object], pointer: str) -> None:
    """A bad name or jurisdiction is 400 with the pointer of its field."""
    answered = await rest.ask("POST", "/namespaces", base=DOCUMENTED, json=body)
    assert (answered.status_code, error(answered.json())) == (400, (10100, pointer))


async def test_names_of_two_characters_are_taken(rest: RestServer) -> None:
    """The shortest and the longest legal names are made."""
    for name in ("ab", "a" * 63, "a.b_c-d"):
        await make(rest, name)


async def test_a_name_is_taken_once(rest: RestServer) -> None:
    """A second namespace of a name is 409, also when its first repo made it; another account may have it."""
    await make(rest, "agents")
    await rest.create("starter-repo")
    for name in ("agents", "default"):
        answered = await rest.ask("POST", "/namespaces", base=DOCUMENTED, json={"namespace": name})
        assert (answered.status_code, error(answered.json())) == (409, (10201, None))
    theirs = f"/client/v4/accounts/{OTHER_ACCOUNT}/artifacts"
    made = await rest.ask("POST", "/namespaces", base=theirs, token="other", json={"namespace": "agents"})
    assert made.status_code == 201


async def test_a_namespace_counts_its_repos_and_outlives_none(rest: RestServer) -> None:
    """While there are repos in it deleting is 409 and changes nothing; after the last one's it works, and it is new."""
    await rest.create("starter-repo")
    rest.clock.advance(2)
    await rest.create("docs-site")
    row = (await rest.ask("GET", "/namespaces/default", base=DOCUMENTED)).json()["result"]
    assert (row["repo_count"], row["created_at"], row["updated_at"]) == (2, CREATED, "2026-04-16T09:30:02.000Z")
    refused = await rest.ask("DELETE", "/namespaces/default", base=DOCUMENTED)
    assert (refused.status_code, error(refused.json())) == (409, (10201, None))
    for name in ("starter-repo", "docs-site"):
        assert (await rest.ask("DELETE", f"/repos/{name}")).status_code == 202
    assert (await rest.ask("DELETE", "/namespaces/default", base=DOCUMENTED)).status_code == 204
    assert (await rest.ask("DELETE", "/repos/docs-site")).status_code == 404
    await make(rest, "default", jurisdiction="us")
    await rest.create("starter-repo")
    row = (await rest.ask("GET", "/namespaces/default", base=DOCUMENTED)).json()["result"]
    assert (row["jurisdiction"], row["repo_count"]) == ("us", 1)


async def test_both_styles_of_paging_list_all(rest: RestServer) -> None:
    """Cursors and pages give the same rows by name, with the union of what both kinds of clients read."""
    names = [f"ns-{number}" for number in range(5)]
    for name in reversed(names):
        await make(rest, name)
    found, query = [], "?limit=2"
    for _ in range(3):
        page = (await rest.ask("GET", "/namespaces" + query, base=DOCUMENTED)).json()
        found += [row["namespace"] for row in page["result"]]
        query = "?limit=2&cursor=" + page["result_info"].get("cursor", "")
    assert found == names
    assert "cursor" not in page["result_info"]
    pages = [(await rest.ask("GET", f"/namespaces?page={n}&per_page=2", base=DOCUMENTED)).json() for n in range(1, 5)]
    assert [row["namespace"] for page in pages for row in page["result"]] == names
    assert pages[2]["result_info"] == {"page": 3, "per_page": 2, "total_pages": 3, "count": 1, "total_count": 5}
    assert [page["result_info"]["count"] for page in pages] == [2, 2, 1, 0]


async def test_a_list_has_a_hundred_rows_by_default(rest: RestServer) -> None:
    """An empty list has no pages; without a size a page has a hundred rows, and two hundred are the most."""
    empty = (await rest.ask("GET", "/namespaces", base=DOCUMENTED)).json()
    assert (empty["result"], empty["result_info"]) == (
        [],
        {"page": 1, "per_page": 100, "total_pages": 0, "count": 0, "total_count": 0},
    )
    for size, status in ((200, 200), (201, 400), (0, 400)):
        answered = await rest.ask("GET", f"/namespaces?limit={size}", base=DOCUMENTED)
        assert answered.status_code == status
        if status == 400:
            assert error(answered.json()) == (10100, "/limit")


async def test_a_foreign_cursor_is_pointed_at(rest: RestServer) -> None:
    """A cursor that this list did not make is 400."""
    answered = await rest.ask("GET", "/namespaces?cursor=abc", base=DOCUMENTED)
    assert (answered.status_code, error(answered.json())) == (400, (10100, "/cursor"))
