"""Lists of very many repos: 20,000 in `make test`, a million in `make soak`."""

import os
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.many import fill, name_of
from tests.contract.catalog_samples import new_repo, new_token
from tests.live_server import API_TOKEN, NO_TLS, LiveServer
from treehold.catalog.base import Direction, RepoPage, RepoQuery, RepoRow, RepoSort
from treehold.catalog.sqlite import SqliteCatalog
from treehold.catalog.sqlite_connection import DEFAULT_LIMITS, connect
from treehold.ids import AccountId, Milliseconds

REPOS = int(os.environ.get("MANY_REPOS", "20000"))
ACCOUNT, NAMESPACE = AccountId("local"), "bench"
PAGE = 200
CHANGES = 100
"""How often a repo comes and another goes while a list is walked through."""
SORTS: tuple[RepoSort, ...] = ("created_at", "updated_at", "last_push_at", "name")
DIRECTIONS: tuple[Direction, ...] = ("asc", "desc")
_LATER = Milliseconds(4_000_000_000_000)
# As pushes would have left them: many equal times, in an order of their own, and every third repo never pushed to.
_MIX = """
    UPDATE repos SET created_at = created_at - created_at % 7, updated_at = created_at + key * 7919 % 100000 / 3,
        last_push_at = iif(key % 3 = 0, -1, created_at + key * 7919 % 100000 / 3)
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with that many repos, not to be changed."""
    folder = tmp_path_factory.mktemp("many")
    path = folder / "catalog.sqlite3"
    fill(path, REPOS)
    connection = connect(path, DEFAULT_LIMITS)
    connection.execute(_MIX)
    connection.close()
    return folder


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it for one test, gone at once: a million repos take some hundred megabytes."""
    folder = tmp_path / "data"
    shutil.copytree(filled, folder)
    folder.chmod(0o700)
    yield folder
    shutil.rmtree(folder)


@dataclass
class Crowd:
    """A catalog in which repos come and go, and which of them are there."""

    catalog: SqliteCatalog
    random: random.Random
    names: set[str] = field(default_factory=lambda: {name_of(number) for number in range(REPOS)})
    gone: set[str] = field(default_factory=set)
    come: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(REPOS))

    async def change(self) -> None:
        """One repo comes, one that was there goes, and one that came goes too now and then."""
        number = next(self.numbers)
        name = f"{self.random.choice(('a', 'repo', 'z'))}-{self.random.randrange(REPOS):08}-{number}"
        now = Milliseconds(self.random.choice((1, _LATER)) + number)
        row = new_repo(name, account=ACCOUNT, namespace=NAMESPACE)
        await self.catalog.create_repo(replace(row, now=now), new_token())
        self.come.add(name)
        await self._delete(name_of(self.random.randrange(REPOS)))
        if self.random.random() < 0.3:
            await self._delete(name)

    async def _delete(self, name: str) -> None:
        if name not in self.gone:
            await self.catalog.delete_repo(ACCOUNT, NAMESPACE, name, _LATER)
            self.gone.add(name)

    @property
    def total(self) -> int:
        """How many repos there are now."""
        return len(self.names) + len(self.come) - len(self.gone)


@pytest.fixture
async def crowd(data_dir: Path) -> AsyncIterator[Crowd]:
    """The filled catalog, and a dice that falls the same each time."""
    catalog = SqliteCatalog.open(data_dir / "catalog.sqlite3")
    yield Crowd(catalog, random.Random(7))
    await catalog.close()


async def _walk(crowd: Crowd, query: RepoQuery, between: Callable[[], Awaitable[None]]) -> list[RepoRow]:
    """All rows of a list, page by page, with something happening ``CHANGES`` times on the way."""
    rows: list[RepoRow] = []
    step = max(1, REPOS // PAGE // CHANGES)
    for number in count():
        page = await crowd.catalog.list_repos(query)
        _check_page(crowd, page)
        rows += page.rows
        if page.cursor is None:
            return rows
        query = replace(query, cursor=page.cursor)
        if number % step == 0:
            await between()
    raise AssertionError("a count has no end")


def _check_page(crowd: Crowd, page: RepoPage) -> None:
    assert page.total == crowd.total
    assert page.cursor is None or len(page.rows) == PAGE


def _place(row: RepoRow, sort: RepoSort) -> Any:
    value = getattr(row, sort)
    return -1 if value is None else value


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("sort", SORTS)
async def test_a_list_of_very_many_is_whole_while_repos_come_and_go(
    crowd: Crowd, sort: RepoSort, direction: Direction
) -> None:
    """By cursors, in every order, no repo is listed twice and none is missing that was there all the time."""
    query = RepoQuery(ACCOUNT, NAMESPACE, PAGE, sort=sort, direction=direction)
    rows = await _walk(crowd, query, crowd.change)
    names = [row.name for row in rows]
    assert len(names) == len(set(names))
    assert crowd.names - crowd.gone <= set(names)
    assert set(names) <= crowd.names | crowd.come
    places = [_place(row, sort) for row in rows]
    assert places == sorted(places, reverse=direction == "desc")


def test_very_many_repos_are_listed_over_the_wire(data_dir: Path) -> None:
    """Pages by cursor and by number are the same rows; totals are right, and the last page has no cursor."""
    with LiveServer(data_dir) as server, httpx.Client(verify=NO_TLS, timeout=60) as http:
        http.headers["authorization"] = f"Bearer {API_TOKEN}"

        def ask(**query: object) -> tuple[list[str], dict[str, Any]]:
            answer = http.get(f"{server.base}/namespaces/bench/repos", params={key: str(query[key]) for key in query})
            body = answer.raise_for_status().json()
            return [row["name"] for row in body["result"]], body["result_info"]

        last = -(-REPOS // PAGE)
        for sort, direction in ((sort, direction) for sort in SORTS for direction in DIRECTIONS):
            asked = {"sort": sort, "direction": direction}
            first, info = ask(**asked, limit=PAGE)
            assert {**info, "cursor": ""} == _info(1, cursor="")
            second, info = ask(**asked, limit=PAGE, cursor=info["cursor"])
            assert len({*first, *second}) == 2 * PAGE
            assert ask(**asked, page=2, per_page=PAGE)[0] == second
            assert ask(**asked, page=last, per_page=PAGE)[1] == _info(last)
            assert ask(**asked, page=last + 1, per_page=PAGE)[0] == []
        server.result("DELETE", f"/repos/{second[0]}", namespace="bench")
        assert ask(limit=1)[1]["total_count"] == REPOS - 1
        assert ask(search=first[0])[0] == [first[0]]


def _info(page: int, **more: str) -> dict[str, object]:
    pages = -(-REPOS // PAGE)
    shown = PAGE if page < pages else REPOS - PAGE * (pages - 1)
    return {"page": page, "per_page": PAGE, "total_pages": pages, "count": shown, "total_count": REPOS, **more}
