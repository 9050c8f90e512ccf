"""Repos by name and by id: the statements, over a connection whose transaction the caller holds.

Names of namespaces and repos are one name whatever the case of their ASCII letters, in every comparison.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Final

from treehold.catalog.base import KEEP, NewRepo, NewToken, RepoChanges, RepoRow, RepoStatus
from treehold.catalog.snapshot_cache import Snapshot
from treehold.catalog.sqlite_boundaries import release_boundary
from treehold.catalog.sqlite_names import NAMES_AT_ONCE, index_names
from treehold.catalog.sqlite_namespaces import enter_namespace
from treehold.catalog.sqlite_schema import NEVER
from treehold.catalog.sqlite_state import (
    Record,
    clear_overlay,
    fold,
    insert,
    load_history,
    one,
    release_snapshot,
    save_snapshot,
)
from treehold.catalog.sqlite_tokens import add_token
from treehold.errors import AlreadyExists, NotFound
from treehold.ids import AccountId, Milliseconds, RefName, RepoId

BOUNDARY_AT: Final = 5
ROW_AT: Final = 6
"""Where the columns of RepoRow begin in a row of ``live_repos``. Before them: the keys of repo and snapshot, the size
of the overlay, the key of the namespace, the last push as it is sorted, and the key of the boundary."""
_READ_ONLY: Final = 6
_EXACT: Final = 9
_STATUSES: Final[dict[RepoStatus, int]] = {"ready": 0, "importing": 1}


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a new repo starts from."""

    snapshot: int | None = None
    generation: int = 0
    exact: bool = True
    size_bytes: int = 0
    object_count: int = 0
    boundary: int | None = None
    is_fork: bool = False


def repo_row_of(record: Record) -> RepoRow:
    """The RepoRow in a row of ``live_repos``."""
    values = list(record[ROW_AT:])
    values[_READ_ONLY] = values[_READ_ONLY] != 0  # SQLite has no booleans
    values[_EXACT] = values[_EXACT] != 0
    return RepoRow(*values)


def repo_record(connection: Connection, repo: RepoId) -> Record:
    """The row of ``live_repos`` of that id; raises NotFound."""
    record = one(connection, "SELECT * FROM live_repos WHERE id = ?", (repo,))
    if record is None:
        raise NotFound(f"no such repo: {repo}")
    return record


def _record_named(connection: Connection, account: AccountId, namespace: str, name: str) -> Record | None:
    """The row of ``live_repos`` of that name, or None."""
    sql = "SELECT * FROM live_repos WHERE account = ? AND namespace = ? AND name = ?"
    return one(connection, sql, (account, namespace, name))


def find_repo(connection: Connection, account: AccountId, namespace: str, name: str) -> RepoRow:
    """The live repo of that name; raises NotFound."""
    record = _record_named(connection, account, namespace, name)
    if record is None:
        raise NotFound(f"no such repo: {name}")
    return repo_row_of(record)


def create_repo(connection: Connection, repo: NewRepo, token: NewToken) -> RepoRow:
    """Make an empty repo with its first token; raises AlreadyExists."""
    return _insert_repo(connection, repo, token, _Origin())


def fork_repo(
    connection: Connection, parent: RepoId, repo: NewRepo, token: NewToken, only: AbstractSet[RefName] | None
) -> RepoRow:
    """Make a repo that starts from the parent's refs and packs; raises NotFound, AlreadyExists."""
    record = repo_record(connection, parent)
    key, snapshot, overlay = record[:3]
    row = repo_row_of(record)
    exact = row.exact
    if only is None:
        snapshot = fold(connection, key, snapshot, overlay)
    else:
        present = load_history(connection, key, snapshot, overlay).decode()
        chosen = {name: ref for name, ref in present.refs.items() if name in only}
        snapshot = save_snapshot(connection, Snapshot(chosen, present.packs))
        exact = exact and len(chosen) == len(present.refs)
    kept = _Origin(snapshot, row.generation, exact, row.size_bytes, row.object_count, record[BOUNDARY_AT], is_fork=True)
    return _insert_repo(connection, repo, token, kept)


def _insert_repo(connection: Connection, repo: NewRepo, token: NewToken, origin: _Origin) -> RepoRow:
    """Write the row of a new repo and its first token; raises AlreadyExists."""
    if _record_named(connection, repo.account, repo.namespace, repo.name) is not None:
        raise AlreadyExists(f"repo already exists: {repo.name}")
    namespace = enter_namespace(connection, repo.account, repo.namespace, repo.now)
    key = insert(
        connection,
        """
        INSERT INTO repos(id, namespace, name, description, default_branch, read_only, source, generation, anchor,
            origin, exact, size_bytes, object_count, is_fork, created_at, updated_at, last_push_at, snapshot, boundary,
            status, overlay)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
        """,
        (
            *(repo.id, namespace, repo.name, repo.description, repo.default_branch, repo.read_only, _source(repo)),
            *(origin.generation, origin.generation, origin.generation, origin.exact),
            *(origin.size_bytes, origin.object_count, origin.is_fork),
            *(repo.now, repo.now, NEVER, origin.snapshot, origin.boundary, _STATUSES[repo.status]),
        ),
    )
    add_token(connection, key, token)
    if key % NAMES_AT_ONCE == 0:
        index_names(connection, key)
    return repo_row_of(repo_record(connection, repo.id))


def _source(repo: NewRepo) -> str | None:
    """A repo's source as its row keeps it: what begins with a slash lies in the repo's own namespace."""
    own = f"artifacts:{repo.namespace}"
    return repo.source.removeprefix(own) if repo.source and repo.source.startswith(own + "/") else repo.source


def update_repo(connection: Connection, repo: RepoId, changes: RepoChanges, now: Milliseconds) -> RepoRow:
    """Change a live repo's row and answer it; raises NotFound."""
    keeps = changes.description is KEEP
    status = None if changes.status is None else _STATUSES[changes.status]
    moves = not keeps or changes.default_branch is not None or changes.read_only is not None
    connection.execute(
        """
        UPDATE repos SET description = iif(?, description, ?), default_branch = coalesce(?, default_branch),
            read_only = coalesce(?, read_only), status = coalesce(?, status), updated_at = iif(?, ?, updated_at)
        WHERE id = ? AND deleted_at IS NULL
        """,
        (
            *(keeps, None if keeps else changes.description, changes.default_branch),
            *(changes.read_only, status, moves, now, repo),
        ),
    )
    return repo_row_of(repo_record(connection, repo))


def list_importing(connection: Connection) -> Sequence[RepoRow]:
    """All live repos whose import is not done, oldest first."""
    records = connection.execute(
        """
        SELECT * FROM live_repos WHERE key IN (SELECT key FROM repos WHERE status = 1 AND deleted_at IS NULL)
        ORDER BY key
        """
    ).fetchall()
    return [repo_row_of(record) for record in records]


def delete_repo(
    connection: Connection,
    account: AccountId,
    namespace: str,
    name: str,
    now: Milliseconds,
    *,
    only: RepoId | None = None,
) -> RepoId:
    """Take a repo away and answer its id, or that of the last one that bore the name; raises NotFound.

    Its refs, pack list and tokens go with it; its row and its ref log stay, and so do the packs, which forks may share.
    """
    record = _record_named(connection, account, namespace, name)
    if record is None:
        return _last_deleted(connection, account, namespace, name)
    row = repo_row_of(record)
    if only not in (None, row.id):
        return row.id
    key, snapshot, _, namespace_key = record[:4]
    connection.execute(
        "UPDATE repos SET deleted_at = ?, snapshot = NULL, boundary = NULL, overlay = 0, pack_count = 0 WHERE key = ?",
        (now, key),
    )
    clear_overlay(connection, key)
    release_snapshot(connection, snapshot)
    release_boundary(connection, record[BOUNDARY_AT])
    connection.execute("DELETE FROM tokens WHERE repo = ?", (key,))
    connection.execute(
        "UPDATE namespaces SET repo_count = repo_count - 1, updated_at = ? WHERE key = ?",
        (now, namespace_key),
    )
    return row.id


def _last_deleted(connection: Connection, account: AccountId, namespace: str, name: str) -> RepoId:
    """The last repo that bore the name; raises NotFound. Keys rise, and only one at a time bears a name."""
    row = one(
        connection,
        """
        SELECT repos.id FROM namespaces JOIN repos ON repos.namespace = namespaces.key
        WHERE namespaces.account = ? AND namespaces.name = ? AND repos.name = ? AND repos.deleted_at IS NOT NULL
        ORDER BY repos.key DESC LIMIT 1
        """,
        (account, namespace, name),
    )
    if row is None:
        raise NotFound(f"no such repo: {name}")
    return RepoId(row[0])
