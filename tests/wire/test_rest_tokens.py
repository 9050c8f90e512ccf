"""Repo tokens over REST: create, list, revoke."""

import re
from typing import Any

import pytest

from tests.wire.rest_server import DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.auth import secrets

BASES = pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])


async def mint(rest: RestServer, **fields: object) -> dict[str, Any]:
    """A new token of the repo ``starter-repo``."""
    made = await rest.ask("POST", "/tokens", json={"repo": "starter-repo", **fields})
    assert made.status_code == 201, made.text
    result: dict[str, Any] = made.json()["result"]
    return result


@BASES
async def test_a_token_is_made(rest: RestServer, base: str) -> None:
    """A token is answered 201 in plaintext, with the scope and the lifetime asked for, and opens its repo."""
    await rest.create("starter-repo")
    made = await rest.ask("POST", "/tokens", base=base, json={"repo": "starter-repo", "scope": "read", "ttl": 3600})
    assert made.status_code == 201
    result = made.json()["result"]
    assert list(result) == ["id", "plaintext", "scope", "expires_at"]
    assert re.fullmatch(r"art_v1_[0-9a-f]{40}\?expires=1776335400", result["plaintext"])
    assert (result["scope"], result["expires_at"]) == ("read", "2026-04-16T10:30:00.000Z")
    secret = result["plaintext"].partition("?")[0].encode()
    token, repo = await rest.engine.catalog.find_token(secrets.digest(secret))
    assert (token.id, repo.name) == (result["id"], "starter-repo")


async def test_a_token_writes_for_a_day_by_default(rest: RestServer) -> None:
    """What is not asked for is write scope and 86,400 seconds, and null is not asking."""
    await rest.create("starter-repo")
    for made in (await mint(rest), await mint(rest, scope=None, ttl=None)):
        assert (made["scope"], made["expires_at"]) == ("write", "2026-04-17T09:30:00.000Z")


async def test_a_token_is_revoked_by_its_digest(rest: RestServer) -> None:
    """Whoever has lost a token's id names it by a digest; the answer has the id. Of another namespace it is 404."""
    await rest.create("starter-repo")
    made = await mint(rest)
    digest = secrets.digest(made["plaintext"].partition("?")[0].encode()).hex()
    elsewhere = await rest.ask("DELETE", f"/tokens/sha256:{digest}", base=DOCUMENTED.replace("default", "other"))
    assert (elsewhere.status_code, error(elsewhere.json())) == (404, (10200, None))
    for _ in range(2):
        revoked = await rest.ask("DELETE", f"/tokens/sha256:{digest}")
        assert (revoked.status_code, revoked.json()["result"]) == (200, {"id": made["id"]})
    for name in (f"sha256:{'0' * 64}", f"sha256:{digest.upper()}", f"sha256:{digest}0"):
        assert (await rest.ask("DELETE", f"/tokens/{name}")).status_code == 404
    listed = (await rest.ask("GET", "/repos/starter-repo/tokens?state=revoked")).json()["result"]
    assert [row["id"] for row in listed] == [made["id"]]


@pytest.mark.parametrize("ttl", [60, 31_536_000])
async def test_lifetimes_up_to_their_bounds_are_granted(rest: RestServer, ttl: int) -> None:
    """The shortest and the longest lifetime are allowed."""
    await rest.create("starter-repo")
    await mint(rest, ttl=ttl)


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        *(
            ({"repo": "nobody", "ttl": ttl}, 10103, "/ttl")
            for ttl in (59, 0, -1, 31_536_001, "60", 60.5, True, 10**400)
        ),
        *(({"repo": "nobody", "scope": scope}, 10100, "/scope") for scope in ("admin", "", 1)),
        *(({"repo": repo}, 10100, "/repo") for repo in (None, 1, "a\x00")),
        ({}, 10100, "/repo"),
    ],
)
async def test_a_bad_token_wish_is_refused_before_the_repo_is_looked_for(
    rest: RestServer, fields: dict[str, object], code: int, pointer: str
) -> None:
    """A wrong field is 400 even where the repo does not exist."""
    refused = await rest.ask("POST", "/tokens", json=fields)
    assert (refused.status_code, error(refused.json())) == (400, (code, pointer))


@pytest.mark.parametrize("repo", ["missing", "UPPER", "", "../x"])
async def test_a_token_of_an_unknown_repo_is_not_made(rest: RestServer, repo: str) -> None:
    """A token for a repo that is not there is 404."""
    refused = await rest.ask("POST", "/tokens", json={"repo": repo})
    assert (refused.status_code, error(refused.json())) == (404, (10200, None))


async def test_tokens_are_listed_without_their_secrets(rest: RestServer) -> None:
    """A list shows id, scope, state and times of the active tokens, newest first."""
    await rest.create("starter-repo")
    rest.clock.advance(1)
    made = await mint(rest, scope="read", ttl=60)
    listed = await rest.ask("GET", "/repos/starter-repo/tokens", token="read")
    assert listed.status_code == 200
    body = listed.json()
    assert len(body["result"]) == 2
    assert body["result"][0] == {
        "id": made["id"],
        "scope": "read",
        "state": "active",
        "created_at": "2026-04-16T09:30:01.000Z",
        "expires_at": "2026-04-16T09:31:01.000Z",
    }
    assert body["result_info"] == {"page": 1, "per_page": 30, "total_pages": 1, "count": 2, "total_count": 2}
    assert "art_v1_" not in listed.text


async def listed_ids(rest: RestServer, query: str) -> list[tuple[str, str]]:
    """The ids and states that a list answers."""
    listed = await rest.ask("GET", f"/repos/starter-repo/tokens?{query}")
    assert listed.status_code == 200, listed.text
    return [(row["id"], row["state"]) for row in listed.json()["result"]]


async def test_tokens_are_listed_by_state(rest: RestServer) -> None:
    """Each state lists its own tokens, revoked wins over expired, and all lists all."""
    await rest.create("starter-repo")
    await rest.ask("DELETE", f"/tokens/{(await listed_ids(rest, ''))[0][0]}")
    made = []
    for ttl in (60, 60, 3600):
        rest.clock.advance(1)
        made.append((await mint(rest, ttl=ttl))["id"])
    await rest.ask("DELETE", f"/tokens/{made[0]}")
    rest.clock.advance(100)
    assert await listed_ids(rest, "") == [(made[2], "active")]
    assert await listed_ids(rest, "state=active") == [(made[2], "active")]
    assert await listed_ids(rest, "state=expired") == [(made[1], "expired")]
    assert (made[0], "revoked") in await listed_ids(rest, "state=revoked")
    assert len(await listed_ids(rest, "state=revoked")) == 2
    assert [state for _, state in await listed_ids(rest, "state=all")] == ["active", "expired", "revoked", "revoked"]


async def test_tokens_are_listed_by_pages(rest: RestServer) -> None:
    """Pages of two cover five tokens in three pages; a repo without tokens of a state has none."""
    await rest.create("starter-repo")
    for _ in range(4):
        rest.clock.advance(1)
        await mint(rest)
    seen: set[str] = set()
    for page, count in ((1, 2), (2, 2), (3, 1), (4, 0)):
        body = (await rest.ask("GET", f"/repos/starter-repo/tokens?page={page}&per_page=2")).json()
        seen |= {row["id"] for row in body["result"]}
        info = {"page": page, "per_page": 2, "total_pages": 3, "count": count, "total_count": 5}
        assert body["result_info"] == info
    assert len(seen) == 5
    none = (await rest.ask("GET", "/repos/starter-repo/tokens?state=revoked")).json()
    assert none["result_info"] == {"page": 1, "per_page": 30, "total_pages": 0, "count": 0, "total_count": 0}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=dead", "/state"),
        ("per_page=0", "/per_page"),
        ("per_page=101", "/per_page"),
        ("per_page=x", "/per_page"),
        ("page=0", "/page"),
        ("page=1.5", "/page"),
    ],
)
async def test_a_bad_query_is_refused_with_its_parameter(rest: RestServer, query: str, pointer: str) -> None:
    """A wrong parameter of a list of tokens is 400 with its pointer."""
    await rest.create("starter-repo")
    refused = await rest.ask("GET", f"/repos/starter-repo/tokens?{query}")
    assert (refused.status_code, error(refused.json())) == (400, (10100, pointer))


@BASES
async def test_a_token_is_revoked(rest: RestServer, base: str) -> None:
    """Revoking is 200 with the id, the second time too."""
    await rest.create("starter-repo")
    made = await mint(rest)
    for _ in range(2):
        revoked = await rest.ask("DELETE", f"/tokens/{made['id']}", base=base)
        assert revoked.status_code == 200
        assert revoked.json() == {"result": {"id": made["id"]}, "success": True, "errors": [], "messages": []}
    assert (made["id"], "revoked") in await listed_ids(rest, "state=all")


async def test_only_tokens_of_the_namespace_are_revoked(rest: RestServer) -> None:
    """An unknown token, or one of another namespace or of a deleted repo, is 404."""
    await rest.create("starter-repo")
    made = await mint(rest)
    elsewhere = await rest.ask("DELETE", f"/tokens/{made['id']}", base=DOCUMENTED.replace("/default", "/elsewhere"))
    unknown = await rest.ask("DELETE", "/tokens/0000000000000000")
    strange = await rest.ask("DELETE", "/tokens/%00")
    await rest.ask("DELETE", "/repos/starter-repo")
    orphaned = await rest.ask("DELETE", f"/tokens/{made['id']}")
    for refused in (elsewhere, unknown, strange, orphaned):
        assert (refused.status_code, error(refused.json())) == (404, (10200, None))
