"""The first answer again: a request that comes twice under one key is carried out once.

The first to come makes a claim on the key, which is durable before the deed is begun, and the answer is put in its
place after the deed. A process that dies between the two leaves a claim that is no longer renewed; the same request may
take it over then, and finds the deed done or not: a repo's name is taken, and a token is made once more, of which the
first was told to nobody.

An answer may hold a token, and of tokens only digests are kept anywhere. So it is sealed (AES-256-GCM), and what was
asked, which may hold a password, is kept as a keyed digest. Both keys are derived (HKDF, RFC 5869) from the API token
that was shown and the request's own key, of which nothing but digests is kept: who has the database can open nothing.
Once an API token is rotated its old answers are closed for good, and their keys are spent.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from treehold.catalog.answers import FirstAnswer, KeyedRequest
from treehold.engine.context import Engine
from treehold.errors import CorruptStore, InvalidInput, TreeholdError
from treehold.ids import Milliseconds, TokenId

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CLAIM_BYTES: Final = 16
_PURPOSE: Final = b"treehold first answer 1"


@dataclass(frozen=True)
class Question:
    """A request under a key: by which API token, and all of it that must be the same when it comes again."""

    token: TokenId
    secret: bytes = field(repr=False)
    key: str
    asked: bytes = field(repr=False)

    @cached_property
    def keyed(self) -> KeyedRequest:
        """As the catalog knows it."""
        request = hmac.digest(self._derived[_KEY_BYTES:], self.asked, "sha256")
        return KeyedRequest(self.token, hashlib.sha256(self.key.encode()).digest(), request)

    def seal(self, answer: bytes, nonce: bytes) -> bytes:
        """What is kept of an answer: the nonce, then the sealed bytes. ``nonce`` is 12 bytes that are used once."""
        return nonce + self._cipher.encrypt(nonce, answer, self._bound)

    def open(self, sealed: bytes) -> bytes:
        """The answer that was sealed; raises CorruptStore."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound)
        except (InvalidTag, ValueError) as error:
            raise CorruptStore("a first answer cannot be opened") from error

    @cached_property
    def _derived(self) -> bytes:
        """The key of the seal, then the key of the digest."""
        return HKDF(SHA256(), length=2 * _KEY_BYTES, salt=self.key.encode(), info=_PURPOSE).derive(self.secret)

    @property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._derived[:_KEY_BYTES])

    @property
    def _bound(self) -> bytes:
        """What the seal holds together with the answer, so that rows cannot be swapped."""
        return self.keyed.request + self.token.encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status, and the rest of it as whoever asks here writes it down."""

    status: int
    content: bytes
    is_repeated: bool = False


async def answer_once(engine: Engine, question: Question, deed: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """Do the deed and keep its answer, or give the answer that was kept; None while the first is under way.

    A deed that raises leaves the key free. Raises InvalidInput when something else was asked under the key, and what
    the deed raises.
    """
    claim = engine.entropy(_CLAIM_BYTES)
    now = engine.clock()
    found = await engine.catalog.claim_answer(
        question.keyed,
        claim,
        now=now,
        forgotten_before=Milliseconds(now - engine.limits.idempotency_seconds * 1000),
        abandoned_before=Milliseconds(now - engine.limits.lease_seconds * 1000),
    )
    if found is not None:
        return _repeated(question, found)
    engine.failpoint("first-answer.claimed")
    async with _holding(engine, question, claim):
        answer = await deed()
    engine.failpoint("first-answer.done")
    sealed = question.seal(answer.content, engine.entropy(_NONCE_BYTES))
    await engine.catalog.keep_answer(question.keyed, claim, status=answer.status, answer=sealed, now=engine.clock())
    return answer


def _repeated(question: Question, found: FirstAnswer) -> Answer | None:
    """The answer that was kept, if it was to the same question; None if there is none yet."""
    if not hmac.compare_digest(found.request, question.keyed.request):
        raise InvalidInput(
            "Idempotency-Key: this key was used for another request, or before the API token was rotated; use a new one"
        )
    if found.status is None or found.answer is None:
        return None
    return Answer(found.status, question.open(found.answer), is_repeated=True)


@contextlib.asynccontextmanager
async def _holding(engine: Engine, question: Question, claim: bytes) -> AsyncIterator[None]:
    """Keep others from the key; if there is no answer at the end, give it back.

    Not if the deed was cancelled, for then nobody knows whether it was done.
    """
    renewing = asyncio.create_task(_renew(engine, question, claim))
    try:
        yield
    except Exception:
        with contextlib.suppress(TreeholdError):  # a claim that nobody renews is given up by itself
            await engine.catalog.release_claim(question.keyed, claim)
        raise
    finally:
        renewing.cancel()


async def _renew(engine: Engine, question: Question, claim: bytes) -> None:
    """Renew the claim again and again. If that fails the same request may be carried out beside this one."""
    while True:
        await asyncio.sleep(max(1, engine.limits.lease_seconds) / 3)
        with contextlib.suppress(TreeholdError):
            await engine.catalog.renew_claim(question.keyed, claim, engine.clock())
