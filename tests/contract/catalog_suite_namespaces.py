"""What every catalog backend must do: namespaces."""

from dataclasses import replace

import pytest

from tests.contract.catalog_samples import ACCOUNT, NAMESPACE, at, make_repo, new_repo, new_token
from treehold.catalog.accounts import Cursor, NamespacePage, NamespaceQuery, NamespaceRow
from treehold.catalog.base import Catalog, RepoQuery
from treehold.errors import AlreadyExists, InvalidInput, NotFound
from treehold.ids import AccountId

OTHER = AccountId("rival")
QUERY = NamespaceQuery(ACCOUNT, 3)


async def _make(catalog: Catalog, *names: str, account: AccountId = ACCOUNT) -> None:
    for name in names:
        await catalog.create_namespace(account, name, jurisdiction="unrestricted", now=at(0))


async def _pages(catalog: Catalog) -> list[NamespacePage]:
    """All pages of a listing, by cursor."""
    pages = [await catalog.list_namespaces(QUERY)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(await catalog.list_namespaces(replace(QUERY, cursor=cursor)))
    return pages


def _names(*pages: NamespacePage) -> list[str]:
    return [row.name for page in pages for row in page.rows]


class NamespaceSuite:
    """Namespaces."""

    async def test_a_created_namespace_is_as_asked(self, catalog: Catalog) -> None:
        """A new namespace has its jurisdiction and no repos, and is found so."""
        made = await catalog.create_namespace(ACCOUNT, "build", jurisdiction="eu", now=at(3))
        assert made == NamespaceRow(ACCOUNT, "build", "eu", 0, at(3), at(3))
        assert await catalog.find_namespace(ACCOUNT, "build") == made

    async def test_a_name_is_taken_once_in_an_account(self, catalog: Catalog) -> None:
        """The same name in any case is AlreadyExists, one that came with a repo too, and free in another account."""
        await make_repo(catalog)
        await _make(catalog, "build")
        for taken in ("build", "BUILD", NAMESPACE):
            with pytest.raises(AlreadyExists):
                await _make(catalog, taken)
        await _make(catalog, "build", account=OTHER)

    async def test_an_absent_namespace_is_not_found(self, catalog: Catalog) -> None:
        """Another account's namespace is as absent as one that nobody has."""
        await _make(catalog, "build", account=OTHER)
        with pytest.raises(NotFound):
            await catalog.find_namespace(ACCOUNT, "build")
        with pytest.raises(NotFound):
            await catalog.delete_namespace(ACCOUNT, "build")
        assert (await catalog.find_namespace(OTHER, "build")).name == "build"

    async def test_repos_come_and_go(self, catalog: Catalog) -> None:
        """A first repo brings its namespace; the count follows the live repos, and the time of change too."""
        await make_repo(catalog, "one", now=1)
        await make_repo(catalog, "two", now=2)
        assert await catalog.find_namespace(ACCOUNT, NAMESPACE) == NamespaceRow(
            ACCOUNT, NAMESPACE, "unrestricted", 2, at(1), at(2)
        )
        await catalog.delete_repo(ACCOUNT, NAMESPACE, "one", at(5))
        left = await catalog.find_namespace(ACCOUNT, NAMESPACE)
        assert (left.repo_count, left.updated_at) == (1, at(5))

    async def test_a_made_namespace_takes_repos(self, catalog: Catalog) -> None:
        """A repo goes into the namespace that is there, which keeps its jurisdiction."""
        await catalog.create_namespace(ACCOUNT, NAMESPACE, jurisdiction="us", now=at(0))
        await make_repo(catalog, now=4)
        found = await catalog.find_namespace(ACCOUNT, NAMESPACE)
        assert (found.jurisdiction, found.repo_count, found.created_at) == ("us", 1, at(0))

    async def test_pages_by_cursor_and_by_offset_are_the_whole_list(self, catalog: Catalog) -> None:
        """Both ways give an account's namespaces by name, a cursor exactly when more follow, and their number."""
        await _make(catalog, "ox", "ant", "bee", "cat", "dog", "eel", "fox")
        await _make(catalog, "not-ours", account=OTHER)
        pages = await _pages(catalog)
        assert _names(*pages) == ["ant", "bee", "cat", "dog", "eel", "fox", "ox"]
        assert [len(page.rows) for page in pages] == [3, 3, 1]
        by_offset = [await catalog.list_namespaces(replace(QUERY, offset=offset)) for offset in (0, 3, 6, 5_000)]
        assert [page.rows for page in by_offset[:3]] == [page.rows for page in pages]
        assert by_offset[3] == NamespacePage((), 7, None)
        assert {page.total for page in pages} == {7}
        assert await catalog.list_namespaces(replace(QUERY, account=AccountId("nobody"))) == NamespacePage((), 0, None)

    async def test_a_cursor_survives_changes(self, catalog: Catalog) -> None:
        """Namespaces that come or go before a cursor neither repeat nor skip a row, be it the cursor's own."""
        await _make(catalog, "bee", "cat", "dog", "eel", "fox")
        first = await catalog.list_namespaces(QUERY)
        await catalog.delete_namespace(ACCOUNT, "dog")
        await _make(catalog, "ant", "emu")
        rest = await catalog.list_namespaces(replace(QUERY, cursor=first.cursor, offset=2))
        assert _names(rest) == ["eel", "emu", "fox"]
        assert rest.total == 6

    async def test_a_foreign_cursor_is_invalid(self, catalog: Catalog) -> None:
        """What is no cursor of this list is InvalidInput that points at it."""
        for name in ("one", "two"):
            await make_repo(catalog, name)
        foreign = (await catalog.list_repos(RepoQuery(ACCOUNT, NAMESPACE, 1))).cursor
        for cursor in (Cursor("x"), foreign):
            with pytest.raises(InvalidInput) as refused:
                await catalog.list_namespaces(replace(QUERY, cursor=cursor))
            assert refused.value.pointer == "/cursor"

    async def test_only_an_empty_namespace_is_deleted(self, catalog: Catalog) -> None:
        """While a live repo is in it, deleting is AlreadyExists; with deleted ones alone it goes."""
        repo = await make_repo(catalog)
        with pytest.raises(AlreadyExists):
            await catalog.delete_namespace(ACCOUNT, NAMESPACE)
        assert await catalog.repo_row(repo.id) == repo
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
        await catalog.delete_namespace(ACCOUNT, NAMESPACE)
        with pytest.raises(NotFound):
            await catalog.find_namespace(ACCOUNT, NAMESPACE)
        assert (await catalog.list_namespaces(QUERY)).total == 0

    async def test_a_namespace_made_anew_knows_nothing_of_the_old_one(self, catalog: Catalog) -> None:
        """The deleted repos of a deleted namespace turn up in no other, whatever its name and account."""
        repo = await make_repo(catalog)
        await catalog.delete_repo(ACCOUNT, NAMESPACE, repo.name, at(1))
        await catalog.delete_namespace(ACCOUNT, NAMESPACE)
        for account in (OTHER, ACCOUNT):
            await _make(catalog, NAMESPACE, account=account)
            assert (await catalog.find_namespace(account, NAMESPACE)).repo_count == 0
            with pytest.raises(NotFound):
                await catalog.delete_repo(account, NAMESPACE, repo.name, at(2))
        await catalog.create_repo(new_repo(repo.name), new_token())
        assert (await catalog.purge(at(9_999))).repos == 1
