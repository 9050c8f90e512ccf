"""What every catalog backend must do: first answers, and claims on the keys that they are kept by."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.catalog_samples import at, digest_of
from treehold.catalog.answers import FirstAnswer, KeyedRequest
from treehold.catalog.base import Catalog
from treehold.ids import TokenId

ASKED = KeyedRequest(TokenId("some token"), digest_of("key"), digest_of("request"))
OTHER_REQUEST = replace(ASKED, request=digest_of("other request"))
NEW, STILL_UNDER_WAY = None, FirstAnswer(ASKED.request, None, None)


async def claim(
    catalog: Catalog, asked: KeyedRequest, name: bytes, now: int, *, kept: int = 1000
) -> FirstAnswer | None:
    """Claim a key at that time; answers are kept for some time, and claims are abandoned after ten."""
    return await catalog.claim_answer(
        asked, name, now=at(now), forgotten_before=at(now - kept), abandoned_before=at(now - 10)
    )


class AnswerSuite:
    """First answers."""

    async def test_a_first_answer_is_kept(self, catalog: Catalog, second: Catalog) -> None:
        """The first to ask gets the key, the others hear that it is under way, and later all get its answer."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        for asking in (catalog, second):
            assert await claim(asking, ASKED, b"two", 2) == STILL_UNDER_WAY
        await catalog.keep_answer(ASKED, b"one", status=201, answer=b"sealed", now=at(3))
        for asking in (catalog, second):
            assert await claim(asking, ASKED, b"two", 4) == FirstAnswer(ASKED.request, 201, b"sealed")

    async def test_keys_stand_apart(self, catalog: Catalog) -> None:
        """Another key, and the same key of another token, are free."""
        for asked in (ASKED, replace(ASKED, digest=digest_of("x")), replace(ASKED, token=TokenId("other"))):
            assert await claim(catalog, asked, b"one", 1) is NEW

    async def test_another_request_hears_what_the_key_is_for(self, catalog: Catalog) -> None:
        """It never gets the key, neither while the first is under way nor when that was abandoned."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        assert await claim(catalog, OTHER_REQUEST, b"two", 2) == STILL_UNDER_WAY
        assert await claim(catalog, OTHER_REQUEST, b"two", 900) == STILL_UNDER_WAY
        await catalog.keep_answer(ASKED, b"one", status=404, answer=b"none", now=at(901))
        assert await claim(catalog, OTHER_REQUEST, b"two", 902) == FirstAnswer(ASKED.request, 404, b"none")

    async def test_an_abandoned_claim_is_taken_over(self, catalog: Catalog) -> None:
        """Not before its time, counted anew from each renewal; whoever lost it has no say any more."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        await catalog.renew_claim(ASKED, b"one", at(6))
        assert await claim(catalog, ASKED, b"two", 16) == STILL_UNDER_WAY
        assert await claim(catalog, ASKED, b"two", 17) is NEW
        await catalog.renew_claim(ASKED, b"one", at(100))
        await catalog.keep_answer(ASKED, b"one", status=201, answer=b"too late", now=at(18))
        await catalog.release_claim(ASKED, b"one")
        assert await claim(catalog, ASKED, b"three", 27) == STILL_UNDER_WAY
        assert await claim(catalog, ASKED, b"three", 28) is NEW

    async def test_a_released_key_is_free(self, catalog: Catalog) -> None:
        """Whatever is asked next, and releasing it again does nothing to the next."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        await catalog.release_claim(ASKED, b"one")
        assert await claim(catalog, OTHER_REQUEST, b"two", 1) is NEW
        await catalog.release_claim(ASKED, b"one")
        assert await claim(catalog, OTHER_REQUEST, b"three", 2) == FirstAnswer(OTHER_REQUEST.request, None, None)

    async def test_an_answer_is_not_changed_any_more(self, catalog: Catalog) -> None:
        """Neither by the claim that it took the place of nor by one of the answer's own bytes."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        await catalog.keep_answer(ASKED, b"one", status=201, answer=b"sealed", now=at(2))
        for name in (b"one", b"sealed"):
            await catalog.renew_claim(ASKED, name, at(500))
            await catalog.keep_answer(ASKED, name, status=404, answer=b"other", now=at(500))
            await catalog.release_claim(ASKED, name)
        assert await claim(catalog, ASKED, b"two", 1002) == FirstAnswer(ASKED.request, 201, b"sealed")
        assert await claim(catalog, ASKED, b"two", 1003) is NEW

    @pytest.mark.parametrize("asked", [ASKED, OTHER_REQUEST])
    async def test_what_is_forgotten_leaves_the_key_free(self, catalog: Catalog, asked: KeyedRequest) -> None:
        """Be it answered or under way, and whatever is asked then."""
        assert await claim(catalog, ASKED, b"one", 1) is NEW
        assert await claim(catalog, asked, b"two", 6, kept=4) is NEW

    async def test_one_of_many_gets_the_key(self, catalog: Catalog, second: Catalog) -> None:
        """Of those that ask two instances at once exactly one gets it."""
        asking = [claim(one, ASKED, b"%d" % number, 1) for number in range(20) for one in (catalog, second)]
        assert (await asyncio.gather(*asking)).count(NEW) == 1

    async def test_purging_old_answers(self, catalog: Catalog) -> None:
        """What is older goes, however much it is, and what is not stays."""
        keys = [replace(ASKED, digest=digest_of(str(number))) for number in range(501)]
        for number, asked in enumerate(keys):
            await claim(catalog, asked, b"one", number)
        assert await catalog.purge_answers(at(500)) == 500
        assert await catalog.purge_answers(at(500)) == 0
        assert await claim(catalog, keys[500], b"two", 500) == STILL_UNDER_WAY
        assert await claim(catalog, keys[499], b"two", 500) is NEW
