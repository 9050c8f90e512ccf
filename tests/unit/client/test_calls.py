"""What the client asks, verb by verb."""

import json

import pytest

from tests.unit.client.odd_server import REPO
from treehold.client import calls
from treehold.client.answers import Answer
from treehold.client.calls import Call, Listing
from treehold.client.errors import AuthenticationError, InvalidInput

MISSING = Answer(404, {}, b'{"result":null,"success":false,"errors":[{"code":10200,"message":"no"}]}')
REFUSED = Answer(401, {}, b'{"result":null,"success":false,"errors":[{"code":10000,"message":"no"}]}')
HASH = "a" * 40


def result(value: object, info: object = None) -> Answer:
    return Answer(200, {}, json.dumps({"result": value, "success": True, "result_info": info}).encode())


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        (calls.create("a"), "POST /repos", {"name": "a", "read_only": False}),
        (
            calls.create("a", description="", default_branch="trunk", read_only=True),
            "POST /repos",
            {"name": "a", "description": "", "default_branch": "trunk", "read_only": True},
        ),
        (calls.get("a b"), "GET /repos/a%20b", None),
        (calls.list_repos(Listing()), "GET /repos?limit=50", None),
        (
            calls.list_repos(Listing(limit=2, cursor="c=", search="x&", sort="name", direction="asc")),
            "GET /repos?limit=2&cursor=c%3D&search=x%26&sort=name&direction=asc",
            None,
        ),
        (
            calls.import_repo("https://h/x", name="a", branch="main", depth=1),
            "POST /repos/a/import",
            {"url": "https://h/x", "branch": "main", "depth": 1, "read_only": False},
        ),
        (calls.update("a"), "PATCH /repos/a", {}),
        (calls.update("a", description=None), "PATCH /repos/a", {"description": None}),
        (calls.update("a", read_only=False), "PATCH /repos/a", {"read_only": False}),
        (calls.delete("a"), "DELETE /repos/a", None),
        (
            calls.fork("a", "b", default_branch_only=True),
            "POST /repos/a/fork",
            {"name": "b", "read_only": False, "default_branch_only": True},
        ),
        (calls.create_token("a", "read", 60), "POST /tokens", {"repo": "a", "scope": "read", "ttl": 60}),
        (
            calls.list_tokens("a", state=None, page=2, per_page=5),
            "GET /repos/a/tokens?state=all&page=2&per_page=5",
            None,
        ),
        (calls.revoke_token("abc"), "DELETE /tokens/abc", None),
        (
            calls.log("a", ref="refs/heads/x", path="a b", limit=1, offset=2),
            "GET /repos/a/log?ref=refs%2Fheads%2Fx&path=a+b&limit=1&offset=2",
            None,
        ),
        (calls.read_commit("a", HASH), f"GET /repos/a/commit/{HASH}", None),
        (calls.read_tree("a", HASH), f"GET /repos/a/tree/{HASH}", None),
        (calls.read_blob("a", HASH), f"GET /repos/a/blob/{HASH}", None),
        (calls.read_file("a", "é/\udcff", None), "GET /repos/a/file?path=%C3%A9%2F%FF", None),
    ],
    ids=repr,
)
def test_requests(call: Call[object], line: str, body: object) -> None:
    """Each verb is one request; what is not given is left to the server."""
    assert f"{call.method} {call.path}" == line
    assert calls.json_body(call) == body


def test_tokens_are_in_no_url() -> None:
    """A token is revoked by its digest: URLs are in the logs of every proxy."""
    call = calls.revoke_token("art_v1_" + "0" * 40 + "?expires=1")
    assert call.path.startswith("/tokens/sha256%3A")
    assert "0" * 40 not in call.path


def test_passwords_are_in_no_repr() -> None:
    """The URL of an import may hold a password, so a call does not show its body."""
    assert "hidden" not in repr(calls.import_repo("https://me:hidden@h/x", name="a"))


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_lead_elsewhere(name: str) -> None:
    """A deletion of a name that URLs read as a step upwards deletes nothing there."""
    with pytest.raises(InvalidInput):
        calls.delete(name)


@pytest.mark.parametrize(
    "call",
    [
        calls.read_commit("a", HASH),
        calls.read_tree("a", HASH),
        calls.read_blob("a", HASH),
        calls.read_file("a", "x", "main"),
    ],
    ids=repr,
)
def test_what_is_missing_is_none(call: Call[object]) -> None:
    """Reading what is not there gives None; any other failure is raised."""
    assert call.read(MISSING) is None
    with pytest.raises(AuthenticationError):
        call.read(REFUSED)


def test_revoking_twice() -> None:
    """A token that is not there cannot be revoked."""
    assert calls.revoke_token("x").read(MISSING) is False
    assert calls.revoke_token("x").read(result({"id": "x"})) is True


def test_pages() -> None:
    """A page has its repos, their number in all, and a cursor while there are more."""
    page = calls.list_repos(Listing()).read(result([REPO], {"total_count": 3, "cursor": "next"}))
    assert ([repo.name for repo in page.repos], page.total, page.cursor) == (["starter-repo"], 3, "next")
    assert calls.list_repos(Listing()).read(result([], {"total_count": 0})).cursor is None


def test_tokens_of_a_repo() -> None:
    """Tokens are listed with their times."""
    row = {
        "id": "x",
        "scope": "read",
        "state": "active",
        "created_at": "2026-04-16T09:30:00.000Z",
        "expires_at": "2026-04-16T10:30:00.000Z",
    }
    page = calls.list_tokens("a", state="active", page=1, per_page=5).read(result([row], {"total_count": 1}))
    assert (page.total, (page.tokens[0].expires_at - page.tokens[0].created_at).seconds) == (1, 3600)


def test_trees_and_logs() -> None:
    """A tree's names and a log's commits come in the server's order."""
    entry = {"name": "a", "mode": "100644", "hash": HASH, "type": "blob"}
    tree = calls.read_tree("a", HASH).read(result([entry, {**entry, "name": "b"}]))
    assert tree is not None
    assert [found.name for found in tree] == ["a", "b"]
    assert calls.log("a", ref=None, path=None, limit=1, offset=0).read(result([])) == ()
