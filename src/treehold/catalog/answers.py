"""What the catalog keeps of requests that may come twice: under whose key, what was asked, and the first answer to it.

Whoever asks under a key first makes a claim, and has the key for as long as the claim is renewed. Of any number that
ask at once, in however many processes, one gets the claim. What is kept here says nothing to a reader of the database:
names and answers are digests and sealed bytes, and the secrets that open them are nowhere.
"""

from dataclasses import dataclass
from typing import Protocol

from treehold.ids import Milliseconds, TokenId


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key: the API token that asked, the key's digest, and what of the request must be the same."""

    token: TokenId
    digest: bytes
    request: bytes


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What is known of the first request under a key. ``status`` and ``answer`` are None while it is under way."""

    request: bytes
    status: int | None
    answer: bytes | None


class AnswerCatalog(Protocol):
    """First answers, by the key under which they were asked for."""

    async def claim_answer(
        self,
        asked: KeyedRequest,
        claim: bytes,
        *,
        now: Milliseconds,
        forgotten_before: Milliseconds,
        abandoned_before: Milliseconds,
    ) -> FirstAnswer | None:
        """Take the key with that claim and answer None, or answer what is there under the key.

        It can be taken when nothing is there or that was put there before ``forgotten_before``; and from the same
        request under way, when its claim was made or renewed last before ``abandoned_before``.
        """
        ...

    async def renew_claim(self, asked: KeyedRequest, claim: bytes, now: Milliseconds) -> None:
        """Say that the request is still under way, if the claim has the key."""
        ...

    async def keep_answer(
        self, asked: KeyedRequest, claim: bytes, *, status: int, answer: bytes, now: Milliseconds
    ) -> None:
        """Put the answer in the claim's place, if the claim still has the key."""
        ...

    async def release_claim(self, asked: KeyedRequest, claim: bytes) -> None:
        """Give the key back without an answer, if the claim has it."""
        ...

    async def purge_answers(self, before: Milliseconds) -> int:
        """Delete what was put there earlier than that, in small transactions, and answer how much it was."""
        ...
