"""The workspace API, over a real engine."""

import pytest

from tests.wire.rest_server import ACCOUNT, RestServer, error

WORKSPACE = "/artifacts"


async def test_the_examples_of_its_clients_work(rest: RestServer) -> None:
    """A repo, a fork of it whose name has a level, a fork of that, and a token: all in the configured namespace."""
    made = await rest.ask(
        "POST", "/repos", base=WORKSPACE, content=b'{"name": "my-workspace", "description": "Dev agent workspace"}'
    )
    assert made.status_code == 201
    assert made.json()["result"]["name"] == "my-workspace"
    for parent, name, mapped in (
        ("my-workspace", "my-workspace/experiment", "my-workspace--experiment"),
        ("my-workspace/experiment", "my-workspace/experiment/2", "my-workspace--experiment--2"),
        ("my-workspace%2Fexperiment", "plain", "plain"),
    ):
        forked = await rest.ask("POST", f"/repos/{parent}/fork", base=WORKSPACE, json={"name": name})
        assert (forked.status_code, forked.json()["result"]["name"]) == (201, mapped)
        assert forked.json()["result"]["remote"] == f"https://git.example/git/default/{mapped}.git"
        minted = await rest.ask("POST", "/tokens", base=WORKSPACE, json={"repo": name, "scope": "read", "ttl": 60})
        assert (minted.status_code, minted.json()["result"]["scope"]) == (201, "read")
        shown = await rest.ask("GET", f"/repos/{mapped}")
        assert shown.json()["result"]["id"] == forked.json()["result"]["id"]


@pytest.mark.parametrize("name", ["/abc", "abc/", "a//b", "/", "a/../b", "abc/Def", "x" * 60 + "/abc", "a", "", None])
async def test_names_that_cannot_be_mapped_are_refused(rest: RestServer, name: str | None) -> None:
    """An empty level and whatever is no legal name after the mapping is a bad repo name."""
    answered = await rest.ask("POST", "/repos", base=WORKSPACE, json={"name": name})
    assert (answered.status_code, error(answered.json())) == (400, (10101, "/name"))


async def test_a_repo_that_cannot_be_mapped_is_a_wrong_field(rest: RestServer) -> None:
    """Whoever wants a token names a repo and gives no name: the field at fault is that one."""
    answered = await rest.ask("POST", "/tokens", base=WORKSPACE, json={"repo": "a//b"})
    assert (answered.status_code, error(answered.json())) == (400, (10100, "/repo"))


async def test_a_mapped_name_is_taken_like_any_other(rest: RestServer) -> None:
    """Two names that are mapped to one are the same repo's, and absent ones are 404."""
    await rest.create("work--try")
    taken = await rest.ask("POST", "/repos", base=WORKSPACE, json={"name": "work/try"})
    assert (taken.status_code, error(taken.json())) == (409, (10201, None))
    for path, body in (("/repos/work/other/fork", {"name": "new-fork"}), ("/tokens", {"repo": "work/other"})):
        absent = await rest.ask("POST", path, base=WORKSPACE, json=body)
        assert (absent.status_code, error(absent.json())) == (404, (10200, None))


async def test_an_import_is_checked_as_elsewhere(rest: RestServer) -> None:
    """What the import route refuses is refused here in the same words."""
    for base, name in ((WORKSPACE, "work/copy"), ("/v1/api/namespaces/default", "work--copy")):
        refused = await rest.ask("POST", f"/repos/{name}/import", base=base, json={"url": "http://example.com/x"})
        assert (refused.status_code, error(refused.json())) == (400, (10100, "/url"))


@pytest.mark.parametrize("path", ["/repos", "/repos/work/try/fork", "/repos/work/import", "/tokens"])
@pytest.mark.parametrize(("token", "status"), [(None, 401), ("read", 403), ("other", 403)])
async def test_only_edit_tokens_of_the_default_account_are_admitted(
    rest: RestServer, path: str, token: str | None, status: int
) -> None:
    """Strangers, readers and other accounts are refused before their body is read."""
    assert rest.engine.default_account == ACCOUNT
    answered = await rest.ask("POST", path, base=WORKSPACE, token=token, content=b"{")
    assert (answered.status_code, error(answered.json())) == (status, (10000, None))
