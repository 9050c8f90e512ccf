"""What a client learns about its own API token, and what becomes of tokens with time, over a real engine."""

from dataclasses import replace

import pytest

from tests.wire.rest_server import ACCOUNT, OTHER_ACCOUNT, RestServer, error
from treehold.auth import secrets
from treehold.engine import accounts
from treehold.engine.accounts import ApiTokenWish

CLIENT = "/client/v4"
HOUR = 3600


@pytest.mark.parametrize(("token", "account"), [("edit", ACCOUNT), ("read", ACCOUNT), ("other", OTHER_ACCOUNT)])
async def test_a_client_learns_its_account(rest: RestServer, token: str, account: str) -> None:
    """Accounts and memberships have one row, which is the account of the token shown, in page style."""
    listed = (await rest.ask("GET", "/accounts", base=CLIENT, token=token)).json()
    assert listed["result"] == [{"id": account, "name": account}]
    assert listed["result_info"] == {"page": 1, "per_page": 20, "total_pages": 1, "count": 1, "total_count": 1}
    (member,) = (await rest.ask("GET", "/memberships?page=1&per_page=50", base=CLIENT, token=token)).json()["result"]
    assert (member["status"], member["account"]) == ("accepted", {"id": account, "name": account})
    assert member["roles"] == ["Artifacts Read" if token == "read" else "Artifacts Edit"]
    beyond = (await rest.ask("GET", "/memberships?page=2", base=CLIENT, token=token)).json()
    assert (beyond["result"], beyond["result_info"]["count"]) == ([], 0)


async def test_a_token_is_verified(rest: RestServer) -> None:
    """A good token is told its id, that it is active, and its times."""
    wish = ApiTokenWish(ACCOUNT, "read", "ci", 2 * HOUR)
    minted = await accounts.create_api_token(rest.engine.catalog, wish, entropy=rest.engine.entropy, now=rest.clock())
    rest.tokens["short"] = minted.secret
    shown = (await rest.ask("GET", "/user/tokens/verify", base=CLIENT, token="short")).json()["result"]
    assert shown == {
        "id": minted.row.id,
        "status": "active",
        "not_before": "2026-04-16T09:30:00.000Z",
        "expires_on": "2026-04-16T11:30:00.000Z",
    }
    endless = (await rest.ask("GET", "/user/tokens/verify", base=CLIENT)).json()["result"]
    assert endless["expires_on"] is None


@pytest.mark.parametrize("path", ["/accounts", "/memberships", "/user/tokens/verify"])
async def test_who_shows_no_good_token_learns_nothing(rest: RestServer, path: str) -> None:
    """No, unknown and repo tokens are 401 there as everywhere."""
    made = await rest.create("starter-repo")
    rest.tokens |= {"unknown": "thd_" + "0" * 40, "repo": made["token"]}
    for token in (None, "unknown", "repo"):
        answered = await rest.ask("GET", path + "?page=x", base=CLIENT, token=token)
        assert (answered.status_code, error(answered.json())) == (401, (10000, None))


async def test_a_token_ends_at_its_time(rest: RestServer) -> None:
    """A token with an end works until then, and is 401 from that moment on, for every route."""
    wish = ApiTokenWish(ACCOUNT, "edit", ttl_seconds=HOUR)
    minted = await accounts.create_api_token(rest.engine.catalog, wish, entropy=rest.engine.entropy, now=rest.clock())
    rest.tokens["short"] = minted.secret
    rest.clock.advance(HOUR - 0.001)
    assert (await rest.ask("GET", "/repos", token="short")).status_code == 200
    rest.clock.advance(0.001)
    for method, path in (("GET", "/repos"), ("POST", "/repos"), ("DELETE", "/repos/starter-repo")):
        answered = await rest.ask(method, path, token="short")
        assert (answered.status_code, error(answered.json())) == (401, (10000, None))
    verified = await rest.ask("GET", "/user/tokens/verify", base=CLIENT, token="short")
    assert verified.status_code == 401


async def test_a_rotated_token_has_another_secret(rest: RestServer) -> None:
    """After a rotation the old secret is 401 at once and the new one does what the old one did."""
    row = await rest.engine.catalog.find_api_token(secrets.digest(rest.tokens["edit"].encode()))
    minted = await accounts.rotate_api_token(
        rest.engine.catalog, row.id, ttl_seconds=None, entropy=rest.engine.entropy, now=rest.clock()
    )
    assert (await rest.ask("POST", "/repos", json={"name": "starter-repo"})).status_code == 401
    rest.tokens["edit"] = minted.secret
    assert (await rest.ask("POST", "/repos", json={"name": "starter-repo"})).status_code == 201


async def test_the_last_use_is_noted_at_most_once_an_hour(rest: RestServer) -> None:
    """The first request notes its time, those within the hour do not, and the next one does again."""
    digest = secrets.digest(rest.tokens["edit"].encode())
    fresh = await rest.engine.catalog.find_api_token(digest)
    start = rest.clock()

    async def noted_after(seconds: float) -> int | None:
        rest.clock.advance(seconds)
        assert (await rest.ask("GET", "/repos")).status_code == 200
        await rest.http._transport.app.state.door.uses.settled()  # type: ignore[attr-defined]
        return (await rest.engine.catalog.find_api_token(digest)).last_used_at

    assert fresh.last_used_at is None
    assert await noted_after(0) == start
    assert await noted_after(HOUR - 1) == start
    assert await noted_after(1) == start + HOUR * 1000
    now = await rest.engine.catalog.find_api_token(digest)
    assert now == replace(fresh, last_used_at=rest.clock())
