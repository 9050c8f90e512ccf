"""What every catalog backend must do: lists of repos."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.contract.catalog_samples import ACCOUNT, MAIN, NAMESPACE, at, make_repo, new_repo, new_token, push, set_ref
from treehold.catalog.accounts import Cursor
from treehold.catalog.base import Catalog, Direction, RepoPage, RepoQuery, RepoRow, RepoSort
from treehold.errors import InvalidInput
from treehold.ids import AccountId

SORTS: tuple[RepoSort, ...] = ("created_at", "updated_at", "last_push_at", "name")
DIRECTIONS: tuple[Direction, ...] = ("asc", "desc")
QUERY = RepoQuery(ACCOUNT, NAMESPACE, 3)


async def _some_repos(catalog: Catalog) -> list[RepoRow]:
    """Ten repos with equal times among them, half of them never pushed to."""
    rows = []
    for number, name in enumerate(("ox", "ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis")):
        row = await make_repo(catalog, name, now=number // 3)
        if number % 2:
            await push(catalog, row, 0, set_ref(MAIN, name), now=100 + number // 4)
        rows.append(await catalog.repo_row(row.id))
    return rows


def _in_order(rows: list[RepoRow], query: RepoQuery) -> list[RepoRow]:
    """The order which the contract asks for."""

    def place(row: RepoRow) -> tuple[int | str, str]:
        value = {
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "last_push_at": -1 if row.last_push_at is None else row.last_push_at,
            "name": row.name,
        }[query.sort]
        return value, row.id

    return sorted(rows, key=place, reverse=query.direction == "desc")


async def _pages(catalog: Catalog, query: RepoQuery) -> list[RepoPage]:
    """All pages of a listing, by cursor."""
    pages = [await catalog.list_repos(query)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(await catalog.list_repos(replace(query, cursor=cursor)))
    return pages


def _names(pages: list[RepoPage]) -> list[str]:
    return [row.name for page in pages for row in page.rows]


class ListingSuite:
    """Listing."""

    @pytest.mark.parametrize("direction", DIRECTIONS)
    @pytest.mark.parametrize("sort", SORTS)
    async def test_pages_by_cursor_are_the_whole_list_in_order(
        self, catalog: Catalog, sort: RepoSort, direction: Direction
    ) -> None:
        """Pages by cursor, equal times broken by id and never-pushed rows as oldest, join to the sorted list."""
        rows = await _some_repos(catalog)
        query = replace(QUERY, sort=sort, direction=direction)
        pages = await _pages(catalog, query)
        assert [row for page in pages for row in page.rows] == _in_order(rows, query)
        assert [len(page.rows) for page in pages] == [3, 3, 3, 1]
        assert {page.total for page in pages} == {10}

    @pytest.mark.parametrize("direction", DIRECTIONS)
    @pytest.mark.parametrize("sort", SORTS)
    async def test_pages_by_offset_are_the_same_list(
        self, catalog: Catalog, sort: RepoSort, direction: Direction
    ) -> None:
        """Pages by offset join to the same list as pages by cursor, and say when more follow."""
        rows = await _some_repos(catalog)
        query = replace(QUERY, sort=sort, direction=direction)
        pages = [await catalog.list_repos(replace(query, offset=offset)) for offset in (0, 3, 6, 9, 12)]
        assert [row for page in pages for row in page.rows] == _in_order(rows, query)
        assert [page.cursor is not None for page in pages] == [True, True, True, False, False]

    @pytest.mark.parametrize("direction", DIRECTIONS)
    @pytest.mark.parametrize("sort", SORTS)
    async def test_a_cursor_is_stable_while_rows_come_and_go(
        self, catalog: Catalog, sort: RepoSort, direction: Direction
    ) -> None:
        """Inserted and deleted rows, the cursor's own among them, neither repeat nor hide any other row."""
        rows = await _some_repos(catalog)
        query = replace(QUERY, sort=sort, direction=direction)
        order = _in_order(rows, query)
        first = await catalog.list_repos(query)
        for gone in (order[0], order[2], order[5]):  # before, at and behind the cursor
            await catalog.delete_repo(ACCOUNT, NAMESPACE, gone.name, at(500))
        for number, name in enumerate(("aaa", "zzz", "ccc")):
            await make_repo(catalog, name, now=number)
        rest = await _pages(catalog, replace(query, cursor=first.cursor))
        old = [name for name in _names([first, *rest]) if name not in {"aaa", "zzz", "ccc"}]
        assert old == [row.name for row in order if row is not order[5]]

    async def test_a_page_that_ends_the_list_has_no_cursor(self, catalog: Catalog) -> None:
        """The cursor is set exactly when more rows follow."""
        await _some_repos(catalog)
        assert (await catalog.list_repos(replace(QUERY, limit=10))).cursor is None
        nine = await catalog.list_repos(replace(QUERY, limit=9))
        assert nine.cursor is not None
        assert len((await catalog.list_repos(replace(QUERY, cursor=nine.cursor))).rows) == 1

    async def test_a_cursor_of_another_listing_is_refused(self, catalog: Catalog) -> None:
        """A cursor made for another sort or direction is InvalidInput at /cursor."""
        await _some_repos(catalog)
        for sort, direction in ((s, d) for s in SORTS for d in DIRECTIONS):
            cursor = (await catalog.list_repos(replace(QUERY, sort=sort, direction=direction))).cursor
            for other_sort, other_direction in ((s, d) for s in SORTS for d in DIRECTIONS):
                query = replace(QUERY, sort=other_sort, direction=other_direction, cursor=cursor)
                if (sort, direction) == (other_sort, other_direction):
                    await catalog.list_repos(query)
                    continue
                with pytest.raises(InvalidInput) as caught:
                    await catalog.list_repos(query)
                assert caught.value.pointer == "/cursor"

    @pytest.mark.parametrize("text", ["", "x", "????", "é", "bnVsbA", "A" * 5000, "\x00", "W10"])
    async def test_a_text_that_is_no_cursor_is_refused(self, catalog: Catalog, text: str) -> None:
        """What this catalog did not make is InvalidInput at /cursor, in an unknown namespace too."""
        await make_repo(catalog)
        for namespace in (NAMESPACE, "unknown"):
            with pytest.raises(InvalidInput) as caught:
                await catalog.list_repos(replace(QUERY, namespace=namespace, cursor=Cursor(text)))
            assert caught.value.pointer == "/cursor"

    async def test_an_unknown_namespace_is_an_empty_page(self, catalog: Catalog) -> None:
        """Neither an unknown namespace nor an unknown account is an error."""
        await make_repo(catalog)
        for query in (replace(QUERY, namespace="unknown"), replace(QUERY, account=AccountId("unknown"))):
            assert await catalog.list_repos(query) == RepoPage((), 0, None)

    async def test_only_the_namespace_asked_for_is_listed(self, catalog: Catalog) -> None:
        """Repos of other namespaces and accounts are neither listed nor counted."""
        mine = await make_repo(catalog)
        await catalog.create_repo(new_repo("b", namespace="other"), new_token())
        await catalog.create_repo(new_repo("c", account=AccountId("other")), new_token())
        assert await catalog.list_repos(QUERY) == RepoPage((mine,), 1, None)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("b", ["a_b", "a-b", "AB-x"]),
            ("a_b", ["a_b"]),
            ("_", ["a_b"]),
            ("%", []),
            ("\\", []),
            ("'", []),
            ("", ["a_b", "a-b", "AB-x"]),
            ("AB", ["AB-x"]),
            ("ab", ["AB-x"]),
            ("A-B", ["a-b"]),
            ("a-b-", []),
        ],
    )
    async def test_a_search_is_a_plain_part_of_the_name(self, catalog: Catalog, search: str, found: list[str]) -> None:
        """Any part of a name matches, whatever its case; % and _ and quotes stand for themselves."""
        for number, name in enumerate(("a_b", "a-b", "AB-x")):
            await make_repo(catalog, name, now=number)
        page = await catalog.list_repos(replace(QUERY, search=search, direction="asc"))
        assert ([row.name for row in page.rows], page.total) == (found, len(found))

    async def test_a_search_is_paged_and_counted(self, catalog: Catalog) -> None:
        """Total, limit, cursor and offset count the matching rows only."""
        for number in range(8):
            await make_repo(catalog, f"{'even' if number % 2 == 0 else 'odd'}-{number}", now=number)
        query = replace(QUERY, search="even", direction="asc")
        pages = await _pages(catalog, query)
        assert _names(pages) == ["even-0", "even-2", "even-4", "even-6"]
        assert [page.total for page in pages] == [4, 4]
        assert _names([await catalog.list_repos(replace(query, offset=3))]) == ["even-6"]

    async def test_a_push_moves_a_repo_to_the_front(self, catalog: Catalog) -> None:
        """A push moves updated_at and last_push_at, and so the order of lists."""
        rows = [await make_repo(catalog, f"repo-{number}", now=number) for number in range(3)]
        await push(catalog, rows[0], 0, set_ref(MAIN, "a"), now=50)
        for sort in ("updated_at", "last_push_at"):
            page = await catalog.list_repos(replace(QUERY, sort=sort))
            assert page.rows[0].name == "repo-0"
            assert (page.rows[0].updated_at, page.rows[0].last_push_at) == (at(50), at(50))

    async def test_deep_pages_are_in_order_too(self, catalog: Catalog) -> None:
        """A list of a few thousand is the same by cursor and by a large offset."""
        await catalog.create_repo(new_repo("first"), new_token())
        for number in range(120):
            await make_repo(catalog, f"deep-{number:04d}", now=number % 5)
        pages = await _pages(catalog, replace(QUERY, limit=50, direction="asc"))
        rows = [row for page in pages for row in page.rows]
        assert len(rows) == 121
        assert all((a.created_at, a.id) < (b.created_at, b.id) for a, b in pairwise(rows))
        late = await catalog.list_repos(replace(QUERY, limit=50, direction="asc", offset=100))
        assert list(late.rows) == rows[100:]
        beyond = await catalog.list_repos(replace(QUERY, offset=5000))
        assert (beyond.rows, beyond.total, beyond.cursor) == ((), 121, None)
