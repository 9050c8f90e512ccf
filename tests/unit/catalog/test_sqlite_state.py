"""Tests of treehold.catalog.sqlite_state."""

from sqlite3 import Connection

import pytest

from tests.contract.catalog_samples import new_pack, new_repo, new_token, oid_of, set_ref, stored_pack
from treehold.catalog.base import NewPack, PackRow, PushCommit, Ref
from treehold.catalog.snapshot_cache import EMPTY, Snapshot, SnapshotCache
from treehold.catalog.sqlite_history import commit_push
from treehold.catalog.sqlite_repos import create_repo, delete_repo, fork_repo
from treehold.catalog.sqlite_state import (
    FOLD_ROWS_MIN,
    StoredSnapshot,
    fold,
    load_history,
    number,
    one,
    peeled_before,
    release_snapshot,
    save_snapshot,
)
from treehold.errors import CorruptStore
from treehold.ids import AccountId, Milliseconds, PackId, RefName, RepoId

MAIN = RefName(b"refs/heads/main")
TAG = RefName(b"refs/tags/v1")


def _repo(connection: Connection, name: str = "repo") -> RepoId:
    return create_repo(connection, new_repo(name), new_token()).id


def _push(connection: Connection, repo: RepoId, name: bytes, text: str, pack: NewPack | None = None) -> None:
    generation = number(connection, "SELECT generation FROM repos WHERE id = ?", (repo,))
    push = PushCommit(repo, generation, (set_ref(name, text, peeled="p" + text),), pack, True, None, Milliseconds(1))
    commit_push(connection, push)


def _stored(connection: Connection, repo: RepoId) -> tuple[int, int | None, int]:
    """Key, snapshot and overlay of a repo."""
    row = one(connection, "SELECT key, snapshot, overlay FROM repos WHERE id = ?", (repo,))
    assert row is not None
    return row[0], row[1], row[2]


def _count(connection: Connection, table: str) -> int:
    return number(connection, f"SELECT count(*) FROM {table}", ())


def test_one_row_or_none(connection: Connection) -> None:
    """``one`` answers the first row of a query, or None."""
    assert one(connection, "VALUES (1), (2)", ()) == (1,)
    assert one(connection, "SELECT 1 WHERE FALSE", ()) is None


def test_a_snapshot_reads_as_it_was_saved(connection: Connection) -> None:
    """Refs, peeled values and packs come back from a snapshot alone."""
    refs = {MAIN: Ref(oid_of("a")), TAG: Ref(oid_of("t"), oid_of("a"))}
    packs = PackRow(PackId(3), 1, 5, 400, None, 1), PackRow(PackId(9), 2, 50, 4000, "k", 2)
    history = load_history(connection, 1, save_snapshot(connection, Snapshot(refs, packs)), 0)
    assert (history.decode(), history.rows) == (Snapshot(refs, packs), 0)
    assert isinstance(history.base, StoredSnapshot)
    assert history.base.size_bytes > 150


def test_nothing_is_stored_of_an_empty_repo(connection: Connection) -> None:
    """A repo that was never pushed to has neither snapshot nor overlay."""
    repo = _repo(connection)
    key, snapshot, overlay = _stored(connection, repo)
    assert (snapshot, overlay) == (None, 0)
    history = load_history(connection, key, snapshot, overlay)
    assert (history.base, history.decode(), history.rows) == (EMPTY, EMPTY, 0)


def test_a_known_snapshot_is_not_read(connection: Connection) -> None:
    """What a cache holds is taken from there; what it lacks is read."""
    known = SnapshotCache(1 << 20)
    snapshot = save_snapshot(connection, Snapshot({MAIN: Ref(oid_of("a"))}, ()))
    assert isinstance(load_history(connection, 1, snapshot, 0, known).base, StoredSnapshot)
    kept = Snapshot({MAIN: Ref(oid_of("kept"))}, ())
    known.keep(snapshot, kept, 0)
    assert load_history(connection, 1, snapshot, 0, known).base is kept


def test_what_is_laid_over_a_snapshot_leaves_it_alone(connection: Connection) -> None:
    """A known snapshot is shared, so a repo's refs are in a dict of their own."""
    repo = _repo(connection)
    _push(connection, repo, MAIN, "b")
    base = Snapshot({MAIN: Ref(oid_of("a"))}, ())
    refs, _ = load_history(connection, *_stored(connection, repo)).lay_over(base)
    refs.clear()
    assert base.refs == {MAIN: Ref(oid_of("a"))}


def test_the_overlay_wins(connection: Connection) -> None:
    """Overlay rows replace, add to and take from the snapshot."""
    repo = _repo(connection)
    snapshot = save_snapshot(connection, Snapshot({MAIN: Ref(oid_of("a")), TAG: Ref(oid_of("t"))}, ()))
    connection.execute("UPDATE repos SET snapshot = ?, overlay = 3 WHERE id = ?", (snapshot, repo))
    rows = [(1, MAIN, oid_of("b"), None), (1, TAG, None, None), (1, b"refs/heads/c", oid_of("c"), oid_of("d"))]
    connection.executemany("INSERT INTO refs VALUES (?, ?, ?, ?)", rows)
    refs = load_history(connection, *_stored(connection, repo)).decode().refs
    assert refs == {MAIN: Ref(oid_of("b")), RefName(b"refs/heads/c"): Ref(oid_of("c"), oid_of("d"))}


def test_a_damaged_snapshot_is_corrupt(connection: Connection) -> None:
    """A blob that does not decode is CorruptStore."""
    snapshot = save_snapshot(connection, Snapshot({MAIN: Ref(oid_of("a"))}, ()))
    connection.execute("UPDATE snapshots SET refs = x'00'")
    with pytest.raises(CorruptStore):
        load_history(connection, 1, snapshot, 0).decode()


def test_folding_changes_no_answer(connection: Connection) -> None:
    """After a fold the overlay is gone and refs and packs are the same."""
    repo = _repo(connection)
    _push(connection, repo, MAIN, "a", new_pack())
    _push(connection, repo, TAG, "t", stored_pack("k"))
    before = load_history(connection, *_stored(connection, repo))
    key, snapshot, overlay = _stored(connection, repo)
    assert (snapshot, overlay) == (None, 4)
    folded = fold(connection, key, snapshot, overlay)
    assert _stored(connection, repo) == (key, folded, 0)
    assert (_count(connection, "refs"), _count(connection, "repo_packs")) == (0, 0)
    after = load_history(connection, *_stored(connection, repo))
    assert after.decode() == before.decode()
    assert (before.rows, after.rows) == (4, 0)
    assert fold(connection, key, folded, 0) == folded


def test_a_push_folds_when_the_overlay_has_grown(connection: Connection) -> None:
    """The first fold comes at FOLD_ROWS_MIN rows, the next ones when the overlay is as large as the snapshot."""
    repo = _repo(connection)
    folds = []
    for count in range(400):
        _push(connection, repo, b"refs/heads/%d" % count, str(count), new_pack())
        if _stored(connection, repo)[2] == 0:
            folds.append(count + 1)
    half = FOLD_ROWS_MIN // 2  # each push lays two rows
    assert folds == [half, 2 * half, 4 * half, 8 * half]
    assert _count(connection, "snapshots") == 1
    assert len(load_history(connection, *_stored(connection, repo)).decode().packs) == 400


def test_a_fork_folds_its_parent_and_shares_the_snapshot(connection: Connection) -> None:
    """Parent and forks point at one snapshot, and nothing else is written for a fork."""
    parent = _repo(connection, "parent")
    _push(connection, parent, MAIN, "a", new_pack())
    forks = [fork_repo(connection, parent, new_repo(f"f{n}"), new_token(), None).id for n in range(3)]
    assert len({_stored(connection, repo)[1] for repo in (parent, *forks)}) == 1
    assert (_count(connection, "snapshots"), _count(connection, "refs")) == (1, 0)


def test_a_snapshot_lives_as_long_as_somebody_needs_it(connection: Connection) -> None:
    """It goes with the last repo that starts from it, and a newer one replaces it for one repo only."""
    parent = _repo(connection, "parent")
    _push(connection, parent, MAIN, "a", new_pack())
    fork = fork_repo(connection, parent, new_repo("fork"), new_token(), None).id
    _push(connection, parent, MAIN, "b", new_pack())
    fold(connection, *_stored(connection, parent))
    assert _count(connection, "snapshots") == 2
    for name, left in (("fork", 1), ("parent", 0)):
        delete_repo(connection, AccountId("acme"), "agents", name, Milliseconds(5))
        assert _count(connection, "snapshots") == left
    assert _stored(connection, fork)[1:] == (None, 0)
    assert _count(connection, "packs") == 2


def test_releasing_no_snapshot_is_nothing(connection: Connection) -> None:
    """A repo without a snapshot has nothing to release."""
    kept = save_snapshot(connection, EMPTY)
    release_snapshot(connection, None)
    assert number(connection, "SELECT key FROM snapshots", ()) == kept


def test_keys_of_packs_and_snapshots_never_come_back(connection: Connection) -> None:
    """The key of what was taken away is not given to what comes next."""
    first = save_snapshot(connection, EMPTY)
    release_snapshot(connection, first)
    assert save_snapshot(connection, EMPTY) > first
    repo = _repo(connection)
    _push(connection, repo, MAIN, "a", new_pack())
    last = number(connection, "SELECT max(id) FROM packs", ())
    connection.execute("DELETE FROM packs")
    _push(connection, repo, MAIN, "b", new_pack())
    assert number(connection, "SELECT max(id) FROM packs", ()) > last


def test_what_refs_peeled_to_is_known_from_overlay_and_snapshot(connection: Connection) -> None:
    """The overlay is asked first, then the snapshot; refs that are no annotated tags are left out."""
    repo = _repo(connection)
    refs = {MAIN: Ref(oid_of("a")), TAG: Ref(oid_of("t"), oid_of("a"))}
    snapshot = save_snapshot(connection, Snapshot(refs, ()))
    plain = save_snapshot(connection, Snapshot({MAIN: Ref(oid_of("a"))}, ()))
    key = _stored(connection, repo)[0]
    names = [MAIN, TAG, RefName(b"refs/tags/none")]
    assert peeled_before(connection, key, snapshot, names) == {TAG: oid_of("a")}
    assert peeled_before(connection, key, plain, names) == {}
    assert peeled_before(connection, key, None, names) == {}
    rows = [(key, TAG, oid_of("t2"), oid_of("b")), (key, MAIN, oid_of("c"), None)]
    connection.executemany("INSERT INTO refs VALUES (?, ?, ?, ?)", rows)
    assert peeled_before(connection, key, snapshot, names) == {TAG: oid_of("b")}
    connection.execute("UPDATE refs SET oid = NULL, peeled = NULL WHERE name = ?", (TAG,))
    assert peeled_before(connection, key, snapshot, names) == {}
