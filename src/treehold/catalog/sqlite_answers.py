"""First answers: the statements, over a connection whose transaction the caller holds.

While a request is under way its row has no status, and its claim lies where the answer will.
"""

from sqlite3 import Connection

from treehold.catalog.answers import FirstAnswer, KeyedRequest
from treehold.catalog.sqlite_care import ROWS_A_PURGE
from treehold.catalog.sqlite_state import one
from treehold.ids import Milliseconds


def claim_answer(
    connection: Connection,
    asked: KeyedRequest,
    claim: bytes,
    times: tuple[Milliseconds, Milliseconds, Milliseconds],
) -> FirstAnswer | None:
    """Take the key and answer None, or answer what is there under it.

    ``times`` are now, before when things are forgotten, and before when claims are abandoned.
    """
    now, forgotten_before, abandoned_before = times
    row = one(
        connection,
        "SELECT request, status, answer, created_at FROM first_answers WHERE token = ? AND digest = ?",
        (asked.token, asked.digest),
    )
    if row is not None:
        request, status, answer, created_at = row
        is_abandoned = status is None and request == asked.request and created_at < abandoned_before
        if created_at >= forgotten_before and not is_abandoned:
            return FirstAnswer(request, status, answer if status is not None else None)
    connection.execute(
        "INSERT OR REPLACE INTO first_answers(token, digest, request, answer, created_at) VALUES (?, ?, ?, ?, ?)",
        (asked.token, asked.digest, asked.request, claim, now),
    )
    return None


def renew_claim(connection: Connection, asked: KeyedRequest, claim: bytes, now: Milliseconds) -> None:
    """Note that the claim's request is still under way."""
    connection.execute(
        "UPDATE first_answers SET created_at = ? WHERE token = ? AND digest = ? AND status IS NULL AND answer = ?",
        (now, asked.token, asked.digest, claim),
    )


def keep_answer(
    connection: Connection, asked: KeyedRequest, claim: bytes, status: int, answer: bytes, now: Milliseconds
) -> None:
    """Put the answer in the claim's place."""
    connection.execute(
        """
        UPDATE first_answers SET status = ?, answer = ?, created_at = ?
        WHERE token = ? AND digest = ? AND status IS NULL AND answer = ?
        """,
        (status, answer, now, asked.token, asked.digest, claim),
    )


def release_claim(connection: Connection, asked: KeyedRequest, claim: bytes) -> None:
    """Delete the claim's row."""
    connection.execute(
        "DELETE FROM first_answers WHERE token = ? AND digest = ? AND status IS NULL AND answer = ?",
        (asked.token, asked.digest, claim),
    )


def purge_some(connection: Connection, before: Milliseconds) -> int:
    """Delete some of what is older than that; 0 when there is no more."""
    return connection.execute(
        """
        DELETE FROM first_answers WHERE (token, digest) IN
            (SELECT token, digest FROM first_answers WHERE created_at < ? LIMIT ?)
        """,
        (before, ROWS_A_PURGE),
    ).rowcount
