"""How the client's values are read out of JSON."""

import copy
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.client.odd_server import REPO
from treehold.client import rows
from treehold.client.errors import UnexpectedAnswer
from treehold.client.rows import Row

TOKEN = "art_v1_" + "0" * 40 + "?expires=1800000000"
COMMIT: Mapping[str, Any] = {
    "hash": "1" * 40,
    "treeHash": "2" * 40,
    "message": "Change",
    "author": {"name": "A", "email": "a@x"},
    "committer": {"name": "B", "email": "b@x"},
    "parents": ["3" * 40],
    "authoredAt": 1_776_331_800,
    "committedAt": 10**18,
}


def test_repo() -> None:
    """Times are aware, and fields that we do not know are passed over."""
    found = rows.repo_info(Row({**REPO, "last_push_at": "2026-04-16T11:30:00+02:00", "new": 1}))
    assert found.created_at == datetime(2026, 4, 16, 9, 30, tzinfo=UTC)
    assert found.last_push_at == found.created_at
    assert found.last_push_at.tzinfo is UTC


def test_repo_of_an_older_server() -> None:
    """A server that tells neither status nor size has repos that are ready."""
    found = rows.repo_info(Row({name: value for name, value in REPO.items() if name not in {"status", "size_bytes"}}))
    assert (found.status, found.size_bytes) == ("ready", None)


@pytest.mark.parametrize("name", ["id", "name", "default_branch", "created_at", "read_only", "remote"])
@pytest.mark.parametrize("value", [None, 1, []])
def test_wrong_fields(name: str, value: object) -> None:
    """A field of the wrong kind ends as UnexpectedAnswer and not as a crash later."""
    with pytest.raises(UnexpectedAnswer):
        rows.repo_info(Row({**REPO, name: value}))


def test_times_that_are_none() -> None:
    """A time that cannot be read is no time."""
    with pytest.raises(UnexpectedAnswer):
        Row({"at": "yesterday"}).time("at")


def test_made_repos_hide_their_token() -> None:
    """The token of a repo just made is there and not shown, and so are those of forks and tokens."""
    made = {**REPO, "token": TOKEN, "objects": 3}
    token = {"id": "x", "plaintext": TOKEN, "scope": "read", "expires_at": "2026-04-16T09:30:00.000Z"}
    fork = rows.forked_repo(Row(made))
    assert fork.token == TOKEN
    assert fork.objects == 3
    assert rows.created_token(Row(token)).plaintext == TOKEN
    for value in (fork, rows.created_repo(Row(made)), rows.created_token(Row(token))):
        assert "art_v1" not in f"{value} {value!r}"


def test_made_repos_reach_git() -> None:
    """A repo just made has what git needs without another call."""
    made = rows.created_repo(Row({**REPO, "token": TOKEN}))
    assert made.git_env(onto={"A": "b"}).items() >= {"A": "b", "GIT_CONFIG_COUNT": "2"}.items()
    assert made.authenticated_remote().startswith("http://x:art_v1_000")


def test_commit() -> None:
    """A commit's fields are spelled as Python does, and a time of the far future is the last one there is."""
    found = rows.commit(Row(COMMIT))
    assert found.tree_hash == "2" * 40
    assert found.parents == ("3" * 40,)
    assert found.committer.name == "B"
    assert found.authored_at == datetime(2026, 4, 16, 9, 30, tzinfo=UTC)
    assert found.committed_at == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"parents": [1]}, {"author": None}, {"authoredAt": True}, {"authoredAt": 1.5}])
def test_wrong_commit(wrong: dict[str, object]) -> None:
    """A commit with a wrong field is no commit."""
    with pytest.raises(UnexpectedAnswer):
        rows.commit(Row({**COMMIT, **wrong}))


@pytest.mark.parametrize("fields", [None, [], "x", 1])
def test_rows_are_objects(fields: object) -> None:
    """What is no object has no fields."""
    with pytest.raises(UnexpectedAnswer):
        Row(fields)


def test_times_without_zone() -> None:
    """A time that names no zone is one of UTC."""
    assert Row({"at": "2026-04-16T09:30:00"}).time("at") == datetime(2026, 4, 16, 9, 30, tzinfo=UTC)


def test_values_are_values() -> None:
    """Values are equal by their fields, cannot be changed, and can be copied and sent to another process."""
    found = rows.commit(Row(COMMIT))
    assert copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(AttributeError):
        found.hash = "x"  # type: ignore[misc]
