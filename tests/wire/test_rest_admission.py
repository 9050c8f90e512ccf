"""Who may do what over REST: every route against every kind of token."""

import pytest

from tests.wire.rest_server import ACCOUNT, DOCUMENTED, LAUNCH_DAY, OTHER_ACCOUNT, RestServer, error
from treehold.auth import secrets

# Method, path, body, what the route answers when it is allowed.
ROUTES: list[tuple[str, str, dict[str, object] | None, int]] = [
    ("GET", "/repos", None, 200),
    ("POST", "/repos", {"name": "new-repo"}, 201),
    ("GET", "/repos/starter-repo", None, 200),
    ("PATCH", "/repos/starter-repo", {"read_only": True}, 200),
    ("DELETE", "/repos/starter-repo", None, 202),
    ("POST", "/repos/starter-repo/fork", {"name": "new-fork"}, 201),
    ("GET", "/repos/starter-repo/tokens", None, 200),
    ("POST", "/tokens", {"repo": "starter-repo"}, 201),
    ("DELETE", "/tokens/{token}", None, 200),
    ("POST", "/repos/new-repo/import", {"url": "http://example.com/plain"}, 400),
    ("GET", "/repos/starter-repo/log", None, 200),
    ("GET", "/repos/starter-repo/commit/" + "0" * 40, None, 404),
    ("GET", "/repos/starter-repo/tree/" + "0" * 40, None, 404),
    ("GET", "/repos/starter-repo/blob/" + "0" * 40, None, 404),
    ("GET", "/repos/starter-repo/file?path=README", None, 404),
    ("GET", "/repos/starter-repo/raw/main/README", None, 404),
    ("GET", "", None, 200),
    ("DELETE", "", None, 409),
    ("GET", "/../../namespaces", None, 200),  # the client resolves the dots
    ("POST", "/../../namespaces", {"namespace": "other"}, 201),
]
TOKENS = ["none", "unknown", "expired", "repo", "read", "edit", "other"]


def expected(method: str, token: str, allowed: int) -> int:
    """The status that the contract wants."""
    if token in ("none", "unknown", "expired", "repo"):
        return 401
    if token == "other" or (token == "read" and method != "GET"):
        return 403
    return allowed


@pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("token", TOKENS)
async def test_every_route_admits_whom_it_should(
    rest: RestServer, route: tuple[str, str, dict[str, object] | None, int], token: str, base: str
) -> None:
    """No, unknown and repo tokens are 401, known ones that may not do it are 403, and the rest works."""
    method, path, body, allowed = route
    made = await rest.create("starter-repo")
    minted = (await rest.ask("POST", "/tokens", json={"repo": "starter-repo"})).json()["result"]
    await rest.grant("expired", ACCOUNT, "edit", expires_at=rest.clock())
    rest.tokens |= {"unknown": "thd_" + "0" * 40, "repo": made["token"]}
    answered = await rest.ask(
        method,
        path.replace("{token}", minted["id"]),
        base=base,
        token=None if token == "none" else token,
        json=body,
    )
    assert answered.status_code == expected(method, token, allowed), answered.text
    if answered.is_success:
        assert answered.json()["success"] is True
    elif answered.status_code != allowed:
        assert error(answered.json()) == (10000, None)
    assert ("www-authenticate" in answered.headers) == (answered.status_code == 401)


@pytest.mark.parametrize("route", ROUTES)
async def test_admission_comes_before_everything_else(
    rest: RestServer, route: tuple[str, str, dict[str, object] | None, int]
) -> None:
    """A stranger learns neither that the body or the query is wrong nor whether the repo exists."""
    method, path, _, _ = route
    for suffix, body in (("?limit=x&per_page=x", b"{"), ("", b" " * 2_000_000)):
        refused = await rest.ask(method, path.replace("starter-repo", "a%00") + suffix, token=None, content=body)
        assert (refused.status_code, error(refused.json())) == (401, (10000, None))


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("Bearer {}", 200),
        ("bearer {}", 200),
        ("BEARER   {}  ", 200),
        ("Basic {}", 401),
        ("Token {}", 401),
        ("{}", 401),
        ("Bearer", 401),
        ("Bearer {}x", 401),
        ("", 401),
        ("Bearer " + "x" * 10_000, 401),
    ],
)
async def test_the_schemes_name_is_case_insensitive(rest: RestServer, form: str, status: int) -> None:
    """Bearer in any case shows a token, and no other scheme does."""
    shown = form.format(rest.tokens["edit"])
    answered = await rest.ask("GET", "/repos", token=None, headers={"authorization": shown})
    assert answered.status_code == status


async def test_bytes_that_are_no_text_are_an_unknown_token(rest: RestServer) -> None:
    """A header beyond ASCII is 401 like any unknown token."""
    answered = await rest.ask("GET", "/repos", token=None, headers={b"authorization": b"Bearer \xff\xfe"})
    assert (answered.status_code, error(answered.json())) == (401, (10000, None))


async def test_a_revoked_api_token_is_unknown(rest: RestServer) -> None:
    """An API token that was revoked is 401 from then on."""
    edit = await rest.engine.catalog.find_api_token(secrets.digest(rest.tokens["edit"].encode()))
    await rest.engine.catalog.revoke_api_token(edit.id, rest.clock())
    answered = await rest.ask("GET", "/repos")
    assert (answered.status_code, error(answered.json())) == (401, (10000, None))


async def test_accounts_do_not_see_each_other(rest: RestServer) -> None:
    """Two accounts have repos of the same name, and each sees its own."""
    theirs = DOCUMENTED.replace(ACCOUNT, OTHER_ACCOUNT)
    ours_made = await rest.create("starter-repo")
    made = await rest.ask("POST", "/repos", base=theirs, token="other", json={"name": "starter-repo"})
    assert made.status_code == 201
    assert made.json()["result"]["id"] != ours_made["id"]
    shown = await rest.ask("GET", "/repos/starter-repo")
    assert shown.json()["result"]["id"] == ours_made["id"]
    assert (await rest.ask("GET", "/repos", base=theirs)).status_code == 403
