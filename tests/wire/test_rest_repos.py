"""Repos over REST: create, list, get, delete, fork."""

import json
import re
from typing import Any

import pytest

from tests.wire.rest_server import DOCUMENTED, LAUNCH_DAY, RestServer, error

BASES = pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])


@BASES
async def test_a_repo_is_created(rest: RestServer, base: str) -> None:
    """Creating answers 201 with the repo, its remote and its first token, under either base."""
    made = await rest.ask(
        "POST",
        "/repos",
        base=base,
        json={"name": "starter-repo", "description": "For tests", "default_branch": "trunk"},
    )
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/json"
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    result = body["result"]
    assert body == {"result": result, "success": True, "errors": [], "messages": []}
    assert list(result) == ["id", "name", "description", "default_branch", "remote", "token"]
    assert re.fullmatch(r"[0-9a-z]{16}", result["id"])
    assert (result["name"], result["description"], result["default_branch"]) == ("starter-repo", "For tests", "trunk")
    assert result["remote"] == "https://git.example/git/default/starter-repo.git"
    assert re.fullmatch(r"art_v1_[0-9a-f]{40}\?expires=1776418200", result["token"])


async def test_a_repo_is_shown_as_it_was_made(rest: RestServer) -> None:
    """A new repo has the contract's fields, null where nothing was said, and its creation as both times."""
    made = await rest.create("agent-007")
    shown = (await rest.ask("GET", "/repos/agent-007")).json()
    assert shown["result"] == {
        "id": made["id"],
        "name": "agent-007",
        "description": None,
        "default_branch": "main",
        "created_at": "2026-04-16T09:30:00.000Z",
        "updated_at": "2026-04-16T09:30:00.000Z",
        "last_push_at": None,
        "source": None,
        "read_only": False,
        "remote": "https://git.example/git/default/agent-007.git",
        "status": "ready",
        "size_bytes": 0,
    }
    assert list(shown) == ["result", "success", "errors", "messages"]


async def test_both_bases_show_the_same_repos(rest: RestServer) -> None:
    """A repo made under one base is there under the other."""
    await rest.create("starter-repo", read_only=True)
    by_base = [await rest.ask("GET", "/repos/starter-repo", base=base) for base in (DOCUMENTED, LAUNCH_DAY)]
    assert by_base[0].json() == by_base[1].json()
    assert by_base[0].json()["result"]["read_only"] is True


async def test_the_content_type_of_a_body_decides_nothing(rest: RestServer) -> None:
    """A body that curl declares a form, or nothing at all, is read as JSON."""
    for number, declared in enumerate(("application/x-www-form-urlencoded", "text/plain", None)):
        headers = {} if declared is None else {"content-type": declared}
        body = b'{"name": "plain-%d", "description": null, "colour": "red"}' % number
        made = await rest.ask("POST", "/repos", content=body, headers=headers)
        assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({}, 10101, "/name"),
        ({"name": None}, 10101, "/name"),
        ({"name": 7}, 10101, "/name"),
        ({"name": ""}, 10101, "/name"),
        ({"name": "ab"}, 10101, "/name"),
        ({"name": "x" * 64}, 10101, "/name"),
        ({"name": "Upper-Case"}, 10101, "/name"),
        ({"name": "-dash"}, 10101, "/name"),
        ({"name": "a..b"}, 10101, "/name"),
        ({"name": "repo.git"}, 10101, "/name"),
        ({"name": "a/bc"}, 10101, "/name"),
        ({"name": "abc\x00"}, 10101, "/name"),
        ({"name": "abc\ud800"}, 10101, "/name"),
        ({"name": "fine", "description": 1}, 10100, "/description"),
        ({"name": "fine", "description": "x" * 1001}, 10100, "/description"),
        ({"name": "fine", "description": "a\x00"}, 10100, "/description"),
        ({"name": "fine", "description": "\udfff"}, 10100, "/description"),
        ({"name": "fine", "default_branch": ""}, 10100, "/default_branch"),
        ({"name": "fine", "default_branch": "a b"}, 10100, "/default_branch"),
        ({"name": "fine", "default_branch": "HEAD"}, 10100, "/default_branch"),
        ({"name": "fine", "default_branch": ["main"]}, 10100, "/default_branch"),
        ({"name": "fine", "read_only": "true"}, 10100, "/read_only"),
        ({"name": "fine", "read_only": 1}, 10100, "/read_only"),
    ],
)
async def test_a_bad_wish_is_refused_with_its_field(
    rest: RestServer, fields: dict[str, object], code: int, pointer: str
) -> None:
    """A wrong field is 400 with the contract's code and the field's pointer, and nothing is made."""
    refused = await rest.ask("POST", "/repos", content=json.dumps(fields))  # httpx cannot spell a lone surrogate
    assert refused.status_code == 400
    assert error(refused.json()) == (code, pointer)
    assert (await rest.ask("GET", "/repos")).json()["result"] == []


@pytest.mark.parametrize("path", ["/repos", "/repos/starter-repo/fork", "/tokens"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"name": "one", "name": "two"}',
        b'{"name": NaN}',
        b"[" * 100_000,
        b'{"name": ' + b"1" * 5000 + b"}",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(rest: RestServer, path: str, body: bytes) -> None:
    """Bad JSON on any route is 400 with code 10100 and no pointer."""
    refused = await rest.ask("POST", path, content=body)
    assert refused.status_code == 400
    assert error(refused.json()) == (10100, None)


@pytest.mark.parametrize("path", ["/repos", "/repos/starter-repo/fork", "/tokens"])
async def test_a_body_over_the_limit_is_refused(rest: RestServer, path: str) -> None:
    """More than 1 MiB is 413, whether its length was announced or not; 1 MiB to the byte is read."""
    announced = await rest.ask("POST", path, content=b" " * ((1 << 20) + 1))

    async def endless() -> Any:
        while True:
            yield b" " * 65_536

    chunked = await rest.ask("POST", path, content=endless())
    for refused in (announced, chunked):
        assert refused.status_code == 413
        assert error(refused.json()) == (10100, None)
        assert refused.headers["connection"] == "close"
    fits = await rest.ask("POST", path, content=b" " * (1 << 20))
    assert fits.status_code == 400


async def test_a_bad_namespace_is_refused_on_creation(rest: RestServer) -> None:
    """A repo cannot be created in a namespace with an illegal name."""
    base = DOCUMENTED.replace("/default", "/Bad..Name")
    refused = await rest.ask("POST", "/repos", base=base, json={"name": "starter-repo"})
    assert (refused.status_code, error(refused.json())) == (400, (10100, "/namespace"))


@BASES
async def test_a_taken_name_is_refused(rest: RestServer, base: str) -> None:
    """A second repo of a name is 409 with the name in its message; another namespace may have it."""
    await rest.create("starter-repo")
    refused = await rest.ask("POST", "/repos", base=base, json={"name": "starter-repo"})
    assert (refused.status_code, error(refused.json())) == (409, (10201, None))
    assert refused.json()["errors"][0]["message"] == "repo already exists: starter-repo"
    elsewhere = base.replace("/default", "/elsewhere")
    assert (await rest.ask("POST", "/repos", base=elsewhere, json={"name": "starter-repo"})).status_code == 201


@pytest.mark.parametrize("name", ["missing", "UPPER", "a..b", "x" * 500, "%00abc", "caf%C3%A9", "%FF%FE"])
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/tokens"), ("POST", "/fork")])
async def test_an_unknown_repo_is_not_found(rest: RestServer, name: str, method: str, suffix: str) -> None:
    """A repo that is not there is 404, however strange its name."""
    body = b'{"name": "some-fork"}' if method == "POST" else b""
    missing = await rest.ask(method, f"/repos/{name}{suffix}", content=body)
    assert (missing.status_code, error(missing.json())) == (404, (10200, None))


@BASES
async def test_a_repo_is_deleted(rest: RestServer, base: str) -> None:
    """Deleting is 202 with the id, again the second time; the repo is gone at once and its name is free."""
    made = await rest.create("starter-repo")
    for _ in range(2):
        deleted = await rest.ask("DELETE", "/repos/starter-repo", base=base)
        assert deleted.status_code == 202
        assert deleted.json() == {"result": {"id": made["id"]}, "success": True, "errors": [], "messages": []}
    assert (await rest.ask("GET", "/repos/starter-repo", base=base)).status_code == 404
    assert (await rest.ask("GET", "/repos", base=base)).json()["result"] == []
    again = await rest.create("starter-repo")
    assert again["id"] != made["id"]


@BASES
async def test_a_repo_is_forked(rest: RestServer, base: str) -> None:
    """Forking answers 201 as creating does, with the number of objects; the fork names its source and survives it."""
    parent = await rest.create("starter-repo", default_branch="trunk")
    made = await rest.ask(
        "POST",
        "/repos/starter-repo/fork",
        base=base,
        json={"name": "starter-copy", "description": "A copy", "read_only": True, "default_branch_only": True},
    )
    assert made.status_code == 201
    result = made.json()["result"]
    assert list(result) == ["id", "name", "description", "default_branch", "remote", "token", "objects"]
    assert result["id"] != parent["id"]
    assert (result["name"], result["description"], result["default_branch"]) == ("starter-copy", "A copy", "trunk")
    assert result["remote"] == "https://git.example/git/default/starter-copy.git"
    assert re.fullmatch(r"art_v1_[0-9a-f]{40}\?expires=\d+", result["token"])
    assert result["token"] != parent["token"]
    assert result["objects"] == 0
    await rest.ask("DELETE", "/repos/starter-repo", base=base)
    shown = (await rest.ask("GET", "/repos/starter-copy", base=base)).json()["result"]
    assert (shown["source"], shown["read_only"]) == ("artifacts:default/starter-repo", True)


@pytest.mark.parametrize(
    ("fields", "status", "found"),
    [
        ({}, 400, (10101, "/name")),
        ({"name": "No"}, 400, (10101, "/name")),
        ({"name": "copy", "read_only": "yes"}, 400, (10100, "/read_only")),
        ({"name": "copy", "default_branch_only": 1}, 400, (10100, "/default_branch_only")),
        ({"name": "copy", "description": "x" * 1001}, 400, (10100, "/description")),
        ({"name": "starter-repo"}, 409, (10201, None)),
    ],
)
async def test_a_bad_fork_is_refused(
    rest: RestServer, fields: dict[str, object], status: int, found: tuple[int, str | None]
) -> None:
    """A fork with a wrong field is 400, onto a taken name 409."""
    await rest.create("starter-repo")
    refused = await rest.ask("POST", "/repos/starter-repo/fork", json=fields)
    assert (refused.status_code, error(refused.json())) == (status, found)


@BASES
async def test_an_unknown_namespace_is_empty(rest: RestServer, base: str) -> None:
    """A list of a namespace that nobody made is 200 and empty, with no pages."""
    listed = await rest.ask("GET", "/repos", base=base.replace("/default", "/nobody"))
    assert listed.status_code == 200
    assert listed.json() == {
        "result": [],
        "success": True,
        "errors": [],
        "messages": [],
        "result_info": {"page": 1, "per_page": 50, "total_pages": 0, "count": 0, "total_count": 0},
    }


async def names(rest: RestServer, query: str) -> list[str]:
    """The names that a list answers."""
    listed = await rest.ask("GET", f"/repos?{query}")
    assert listed.status_code == 200, listed.text
    return [row["name"] for row in listed.json()["result"]]


async def make_five(rest: RestServer) -> list[str]:
    """Five repos, one a second, oldest first."""
    made = ["delta", "alpha", "echo", "bravo", "charlie"]
    for name in made:
        await rest.create(name)
        rest.clock.advance(1)
    return made


async def test_rows_of_a_list_are_repo_infos(rest: RestServer) -> None:
    """A row of a list is what asking for that repo alone answers."""
    await rest.create("starter-repo", description="For tests")
    (row,) = (await rest.ask("GET", "/repos")).json()["result"]
    assert row == (await rest.ask("GET", "/repos/starter-repo")).json()["result"]


async def test_lists_are_sorted(rest: RestServer) -> None:
    """Newest first unless another field or direction is asked for."""
    made = await make_five(rest)
    assert await names(rest, "") == made[::-1]
    assert await names(rest, "direction=asc") == made
    assert await names(rest, "sort=name&direction=asc") == sorted(made)
    assert await names(rest, "sort=name") == sorted(made)[::-1]
    assert await names(rest, "sort=updated_at") == made[::-1]
    assert sorted(await names(rest, "sort=last_push_at")) == sorted(made)


async def test_lists_are_searched(rest: RestServer) -> None:
    """Search finds a part of the name and takes every character literally."""
    await make_five(rest)
    assert await names(rest, "search=ha&sort=name&direction=asc") == ["alpha", "charlie"]
    assert await names(rest, "search=%25") == []
    assert await names(rest, "search=_") == []
    assert len(await names(rest, "search=")) == 5


async def test_lists_are_read_by_pages(rest: RestServer) -> None:
    """Pages of two cover five repos in three pages, each saying where it is; beyond them is nothing."""
    made = await make_five(rest)
    seen: list[str] = []
    for page, count in ((1, 2), (2, 2), (3, 1), (4, 0)):
        body = (await rest.ask("GET", f"/repos?page={page}&per_page=2")).json()
        seen += [row["name"] for row in body["result"]]
        info = body["result_info"]
        assert ("cursor" in info) == (page < 3)
        info.pop("cursor", None)
        assert info == {"page": page, "per_page": 2, "total_pages": 3, "count": count, "total_count": 5}
    assert seen == made[::-1]


async def test_lists_are_read_by_cursors(rest: RestServer) -> None:
    """Cursors lead through the list once, whatever comes and goes meanwhile, and end with the last page."""
    made = await make_five(rest)
    first = (await rest.ask("GET", "/repos?limit=2")).json()
    await rest.create("late-comer")
    await rest.ask("DELETE", "/repos/echo")
    second = (await rest.ask("GET", "/repos", params={"limit": 2, "cursor": first["result_info"]["cursor"]})).json()
    assert [row["name"] for row in first["result"] + second["result"]] == [made[4], made[3], made[1], made[0]]
    assert "cursor" not in second["result_info"]
    assert (first["result_info"]["per_page"], second["result_info"]["count"]) == (2, 2)


async def test_a_cursor_wins_over_a_page(rest: RestServer) -> None:
    """With a cursor the page number skips nothing, and limit is the size."""
    made = await make_five(rest)
    cursor = (await rest.ask("GET", "/repos?limit=1")).json()["result_info"]["cursor"]
    query = {"limit": 3, "cursor": cursor, "page": 3, "per_page": 1}
    rows = (await rest.ask("GET", "/repos", params=query)).json()["result"]
    assert [row["name"] for row in rows] == made[3:0:-1]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        *((f"limit={value}", "/limit") for value in ("0", "201", "-1", "x", "1.0", "9" * 5000)),
        *((f"per_page={value}", "/per_page") for value in ("0", "201", "x")),
        *((f"page={value}", "/page") for value in ("0", "-1", "x", "9" * 20)),
        *((f"sort={value}", "/sort") for value in ("size", "NAME")),
        ("direction=up", "/direction"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=" + "x" * 5000, "/cursor"),
        ("search=%00", "/search"),
        ("search=" + "x" * 50_000, "/search"),
    ],
)
async def test_a_bad_query_is_refused_with_its_parameter(rest: RestServer, query: str, pointer: str) -> None:
    """A wrong parameter of a list is 400 with its pointer."""
    refused = await rest.ask("GET", f"/repos?{query}")
    assert (refused.status_code, error(refused.json())) == (400, (10100, pointer))


async def test_a_cursor_of_another_order_is_refused(rest: RestServer) -> None:
    """A cursor goes on only in the order that it was made for."""
    await make_five(rest)
    cursor = (await rest.ask("GET", "/repos?limit=1")).json()["result_info"]["cursor"]
    refused = await rest.ask("GET", "/repos", params={"cursor": cursor, "sort": "name"})
    assert (refused.status_code, error(refused.json())) == (400, (10100, "/cursor"))
