"""Tests of treehold.engine.gate: notes of use. Who is let in is shown at the doors."""

import asyncio
from typing import cast

from treehold.catalog.accounts import AccountCatalog, ApiTokenRow
from treehold.engine.gate import USE_NOTED_MILLISECONDS, UseNotes
from treehold.errors import CatalogError
from treehold.ids import AccountId, Milliseconds, TokenId

TOKEN = ApiTokenRow(TokenId("a"), AccountId("acme"), "edit", Milliseconds(0), None)


class Notebook:
    """A catalog that writes down uses when it is let, or fails."""

    def __init__(self) -> None:
        self.noted: list[tuple[TokenId, Milliseconds]] = []
        self.may_write = asyncio.Event()
        self.fails = False

    async def note_api_token_use(self, token: TokenId, now: Milliseconds) -> None:
        await self.may_write.wait()
        if self.fails:
            raise CatalogError("no")
        self.noted.append((token, now))


async def test_a_note_is_written_once_and_not_waited_for() -> None:
    """However many requests come while a note is being written, one is, and none of them waits."""
    book = Notebook()
    uses = UseNotes(cast("AccountCatalog", book))
    for time in (5, 6, 7):
        uses.note(TOKEN, Milliseconds(time))
    assert book.noted == []
    book.may_write.set()
    await uses.settled()
    assert book.noted == [("a", 5)]


async def test_a_use_soon_after_a_noted_one_is_not_noted() -> None:
    """Within the hour of the last note there is none, after it there is."""
    book = Notebook()
    book.may_write.set()
    uses = UseNotes(cast("AccountCatalog", book))
    used = ApiTokenRow(TOKEN.id, TOKEN.account, "edit", Milliseconds(0), None, last_used_at=Milliseconds(100))
    for time in (99, 100, 100 + USE_NOTED_MILLISECONDS - 1):
        uses.note(used, Milliseconds(time))
        await uses.settled()
    assert book.noted == []
    uses.note(used, Milliseconds(100 + USE_NOTED_MILLISECONDS))
    await uses.settled()
    assert len(book.noted) == 1


async def test_a_note_that_cannot_be_written_is_tried_again() -> None:
    """A failing catalog fails no request, and the next one makes the note."""
    book = Notebook()
    book.may_write.set()
    uses = UseNotes(cast("AccountCatalog", book))
    for book.fails in (True, False):
        uses.note(TOKEN, Milliseconds(1))
        await uses.settled()
    assert len(book.noted) == 1
