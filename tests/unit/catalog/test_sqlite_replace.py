"""Tests of treehold.catalog.sqlite_replace."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import MAIN, at, new_pack, new_repo, new_token, set_ref
from treehold.catalog.base import NewPack, PackReplacement, PackRow, PushCommit, RepoRow
from treehold.catalog.sqlite_history import commit_push, find_history
from treehold.catalog.sqlite_replace import replace_packs
from treehold.catalog.sqlite_repos import create_repo, fork_repo
from treehold.catalog.sqlite_state import FOLD_ROWS_MIN, number
from treehold.errors import Conflict, InvalidInput, NotFound
from treehold.ids import PackId, RepoId


@pytest.fixture
def repo(connection: Connection) -> RepoRow:
    """A repo with five packs, of generations 1 to 5, all over its (missing) snapshot."""
    made = create_repo(connection, new_repo("repo"), new_token())
    for generation in range(5):
        push = PushCommit(made.id, generation, (set_ref(MAIN, "a"),), new_pack(str(generation)), True, None, at(1))
        commit_push(connection, push)
    return made


def _packs(connection: Connection, repo: RepoRow) -> tuple[PackRow, ...]:
    return find_history(connection, repo.id)[1].decode().packs


def _replace(
    connection: Connection,
    repo: RepoRow,
    packs: tuple[PackRow, ...],
    pack: NewPack | None = None,
    *,
    is_repack: bool = False,
) -> int:
    present = number(connection, "SELECT generation FROM repos WHERE id = ?", (repo.id,))
    ids = tuple(row.id for row in packs)
    return replace_packs(connection, PackReplacement(repo.id, present, ids, pack, None, is_repack, at(9)))


def _layout(connection: Connection) -> tuple[int, int, int, int]:
    """Snapshots, rows of packs over them, the overlay as counted, and packs as counted."""
    return (
        number(connection, "SELECT count(*) FROM snapshots", ()),
        number(connection, "SELECT count(*) FROM repo_packs", ()),
        *connection.execute("SELECT overlay, pack_count FROM repos ORDER BY key LIMIT 1").fetchone(),
    )


def test_packs_over_the_snapshot_are_replaced_there(connection: Connection, repo: RepoRow) -> None:
    """A roll-up of packs in the overlay writes one row and no snapshot."""
    assert _layout(connection) == (0, 5, 10, 5)
    _replace(connection, repo, _packs(connection, repo)[1:4], new_pack("roll"))
    assert _layout(connection) == (0, 3, 8, 3)
    _replace(connection, repo, _packs(connection, repo)[:1])
    assert _layout(connection) == (0, 2, 7, 2)


def test_packs_in_the_snapshot_make_a_new_one(connection: Connection, repo: RepoRow) -> None:
    """A roll-up that reaches into the snapshot folds, and the old snapshot goes when nobody else starts from it."""
    fork_repo(connection, repo.id, new_repo("fork"), new_token(), None)
    commit_push(connection, PushCommit(repo.id, 5, (), new_pack("5"), True, None, at(1)))
    assert _layout(connection) == (1, 1, 1, 6)
    _replace(connection, repo, _packs(connection, repo)[4:], new_pack("roll"))
    assert _layout(connection) == (2, 0, 0, 5)
    _replace(connection, repo, _packs(connection, repo)[:2], new_pack("roll"))
    assert _layout(connection) == (2, 0, 0, 4)


def test_a_repack_makes_a_snapshot(connection: Connection, repo: RepoRow) -> None:
    """Its generation is out of the list's order, which only a snapshot can keep."""
    _replace(connection, repo, _packs(connection, repo)[:2], new_pack("re"), is_repack=True)
    assert _layout(connection) == (1, 0, 0, 4)
    assert [pack.generation for pack in _packs(connection, repo)] == [6, 3, 4, 5]


def test_the_overlay_folds_on_after_a_roll_up(connection: Connection, repo: RepoRow) -> None:
    """Pushes after a roll-up in the overlay fold as ever, and keep its span."""
    _replace(connection, repo, _packs(connection, repo), new_pack("roll"))
    for generation in range(6, 6 + FOLD_ROWS_MIN):
        commit_push(connection, PushCommit(repo.id, generation, (), new_pack("x"), True, None, at(1)))
    assert _layout(connection)[0] == 1
    packs = _packs(connection, repo)
    assert (packs[0].first_generation, packs[0].generation, len(packs)) == (1, 5, 1 + FOLD_ROWS_MIN)


def test_refusals_name_their_reason(connection: Connection, repo: RepoRow) -> None:
    """NotFound, Conflict and InvalidInput each say what is wrong."""
    ids = tuple(pack.id for pack in _packs(connection, repo))
    for replacement, error, words in (
        (PackReplacement(RepoId("nobody"), 5, ids, None, None, False, at(9)), NotFound, "no such repo"),
        (PackReplacement(repo.id, 4, ids, None, None, False, at(9)), Conflict, "generation 5, not 4"),
        (PackReplacement(repo.id, None, (PackId(99),), None, None, False, at(9)), Conflict, "replaced meanwhile"),
        (PackReplacement(repo.id, 5, ids[::2], None, None, False, at(9)), InvalidInput, "one after the other"),
        (PackReplacement(repo.id, 5, (*ids, PackId(99)), None, None, False, at(9)), InvalidInput, "one after"),
        (PackReplacement(repo.id, 5, (), None, None, False, at(9)), InvalidInput, "one after the other"),
        (PackReplacement(repo.id, None, ids, None, None, True, at(9)), InvalidInput, "must say which"),
    ):
        with pytest.raises(error, match=words):
            replace_packs(connection, replacement)
    assert _layout(connection) == (0, 5, 10, 5)
