"""Whose token it is."""

import pytest

from tests.unit.client.odd_server import TOKEN, OddServer, failure, success
from treehold.client import AuthenticationError, UnexpectedAnswer
from treehold.client.identity import Identity, identify

ROW = {"id": "x", "account": {"id": "local", "name": "local"}, "roles": ["Artifacts Edit"]}


def test_identify() -> None:
    """The account and what is allowed there are read from the token's membership."""
    with OddServer([success([ROW], info={})]) as odd:
        assert identify(odd.url, TOKEN) == Identity("local", ("Artifacts Edit",))
    assert odd.seen[0].target == "/client/v4/memberships"
    assert odd.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_that_belongs_to_nobody() -> None:
    """A refusal is raised, and so is an answer without an account."""
    with OddServer([failure(401, 10000)]) as odd, pytest.raises(AuthenticationError):
        identify(odd.url, TOKEN)
    with OddServer([success([], info={})]) as odd, pytest.raises(UnexpectedAnswer):
        identify(odd.url, TOKEN)
