"""The verbs of an account's namespaces."""

import pytest

from tests.unit.client.odd_server import TOKEN, Manner, OddServer, failure, reply, success
from treehold.client import AlreadyExists
from treehold.client.namespaces import NamespacePage, Namespaces

ROW = {
    "namespace": "team a",
    "jurisdiction": "eu",
    "repo_count": 3,
    "created_at": "2026-04-16T09:30:00.000Z",
    "updated_at": "2026-04-16T09:30:00.000Z",
}
BASE = "/client/v4/accounts/local/artifacts/namespaces"


def test_what_is_asked_and_how_it_reads() -> None:
    """Each verb asks its route of the account, with the token, and reads the row."""
    script: list[bytes | Manner] = [
        success(ROW, status=201),
        success(ROW),
        success([ROW], info={"total_count": 1}),
        reply(204, b""),
    ]
    with OddServer(script) as odd, Namespaces(base_url=odd.url, account_id="local", token=TOKEN) as namespaces:
        made = namespaces.create("team a", jurisdiction="eu")
        assert (made.namespace, made.repo_count) == ("team a", 3)
        assert namespaces.get("team a") == made
        assert namespaces.list(limit=5) == NamespacePage((made,), 1, None)
        assert namespaces.delete("team a")
    assert [f"{asked.method} {asked.target.removeprefix(BASE)}" for asked in odd.seen] == [
        "POST ",
        "GET /team%20a",
        "GET ?limit=5",
        "DELETE /team%20a",
    ]
    assert odd.seen[0].json == {"namespace": "team a", "jurisdiction": "eu"}
    assert odd.seen[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_pages_follow_each_other() -> None:
    """The cursor of a page asks for the next, until there is none."""
    first = success([ROW], info={"total_count": 2, "cursor": "n=xt"})
    last = success([ROW], info={"total_count": 2})
    with OddServer([first, last]) as odd, Namespaces(base_url=odd.url, token=TOKEN) as namespaces:
        assert len(list(namespaces.iterate())) == 2
    assert odd.seen[1].target.endswith("?limit=200&cursor=n%3Dxt")


def test_one_that_is_not_there_or_not_empty() -> None:
    """Deleting answers False for an unknown one, and raises while repos are in it."""
    script: list[bytes | Manner] = [failure(404, 10200), failure(409, 10201)]
    with OddServer(script) as odd, Namespaces(base_url=odd.url, token=TOKEN) as namespaces:
        assert not namespaces.delete("no")
        with pytest.raises(AlreadyExists):
            namespaces.delete("full")
