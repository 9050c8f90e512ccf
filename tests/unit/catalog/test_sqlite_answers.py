"""Tests of treehold.catalog.sqlite_answers; what the statements do together is in tests/contract."""

from sqlite3 import Connection

from tests.contract.catalog_samples import at, digest_of
from treehold.catalog.answers import FirstAnswer, KeyedRequest
from treehold.catalog.sqlite_answers import claim_answer, keep_answer, purge_some
from treehold.ids import TokenId

ASKED = KeyedRequest(TokenId("some token"), digest_of("key"), digest_of("request"))
TIMES = at(5), at(0), at(0)


def test_a_claim_is_told_to_nobody(connection: Connection) -> None:
    """It lies where the answer will, but whoever asks meanwhile does not get it for one."""
    assert claim_answer(connection, ASKED, b"claim", TIMES) is None
    assert claim_answer(connection, ASKED, b"other", TIMES) == FirstAnswer(ASKED.request, None, None)
    keep_answer(connection, ASKED, b"claim", 201, b"answer", at(6))
    assert claim_answer(connection, ASKED, b"other", TIMES) == FirstAnswer(ASKED.request, 201, b"answer")


def test_the_old_are_found_by_an_index(connection: Connection) -> None:
    """A purge reads no more rows than it deletes."""
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT token, digest FROM first_answers WHERE created_at < 1 LIMIT 1"
    ).fetchall()
    assert "first_answers_created" in str(plan)
    assert purge_some(connection, at(0)) == 0
