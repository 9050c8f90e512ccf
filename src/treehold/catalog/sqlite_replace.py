"""One pack in the place of others: the statements, over a connection whose transaction the caller holds.

Where all the replaced packs lie over the snapshot, their rows give way to one row, and nothing else is written: so
the usual roll-up of what was pushed lately costs the same however long the history is. Otherwise the repo gets a new
snapshot. The old one, and every pack in it, stays with the forks that share it.
"""

from collections.abc import Sequence
from sqlite3 import Connection

from treehold.catalog.base import PackReplacement, PackRow
from treehold.catalog.snapshot_cache import Snapshot
from treehold.catalog.sqlite_state import find_live, keep_pack, list_pack, load_history, move_to, overlay_packs
from treehold.errors import Conflict, InvalidInput
from treehold.ids import PackId


def replace_packs(connection: Connection, replacement: PackReplacement) -> int:
    """Put a pack in the place of others and answer the new generation; raises NotFound, Conflict, InvalidInput."""
    expected = replacement.expected_generation
    repo, present, snapshot, overlay = find_live(connection, replacement.repo, expected)
    if expected is None and replacement.is_repack:
        raise InvalidInput("a repack holds what the refs reach at a generation, and must say which")
    run = None if replacement.is_repack else _replace_rows(connection, replacement, repo)
    rows = len(run) - (replacement.pack is not None) if run else 0
    if run is None:
        run = _replace_snapshot(connection, replacement, repo, load=(snapshot, overlay), generation=present + 1)
    _move_repo(connection, replacement, repo, run, rows)
    return present + 1


def _replace_rows(connection: Connection, replacement: PackReplacement, repo: int) -> Sequence[PackRow] | None:
    """Replace packs that all lie over the snapshot; answer them, or None if some do not."""
    run = _run(tuple(PackRow(*record) for record in overlay_packs(connection, repo)), replacement.replaced)[0]
    if not run:
        return None
    connection.execute(
        "DELETE FROM repo_packs WHERE repo = ? AND generation BETWEEN ? AND ?",
        (repo, run[0].generation, run[-1].generation),
    )
    if replacement.pack is not None:
        list_pack(connection, repo, keep_pack(connection, replacement.pack, repo), *_span(run))
    return run


def _replace_snapshot(
    connection: Connection,
    replacement: PackReplacement,
    repo: int,
    *,
    load: tuple[int | None, int],
    generation: int,
) -> Sequence[PackRow]:
    """Replace packs wherever they are, in a new snapshot, and answer them; raises Conflict, InvalidInput."""
    present = load_history(connection, repo, *load).decode()
    run, begin = _run(present.packs, replacement.replaced)
    if not run:
        if replacement.expected_generation is None:
            raise Conflict("the packs have been replaced meanwhile")
        raise InvalidInput("the replaced packs do not stand one after the other in the repo's list")
    instead: tuple[PackRow, ...] = ()
    if (pack := replacement.pack) is not None:
        number = keep_pack(connection, pack, repo)
        last, first = (generation, 0) if replacement.is_repack else _span(run)
        instead = (PackRow(number, last, pack.objects, pack.size_bytes, pack.key, first),)
    packs = (*present.packs[:begin], *instead, *present.packs[begin + len(run) :])
    move_to(connection, repo, load[0], Snapshot(present.refs, packs))
    return run


def _run(packs: Sequence[PackRow], wanted: Sequence[PackId]) -> tuple[Sequence[PackRow], int]:
    """The wanted packs and where they begin, if they stand in the list as they are wanted; else none."""
    ids = [pack.id for pack in packs]
    if not wanted or wanted[0] not in ids:
        return (), 0
    begin = ids.index(wanted[0])
    end = begin + len(wanted)
    return (packs[begin:end], begin) if ids[begin:end] == list(wanted) else ((), 0)


def _span(run: Sequence[PackRow]) -> tuple[int, int]:
    """The last and the first generation of a roll-up of the packs."""
    return max(pack.generation for pack in run), min(pack.first_generation for pack in run)


def _move_repo(
    connection: Connection, replacement: PackReplacement, repo: int, run: Sequence[PackRow], rows: int
) -> None:
    """Move the repo's own row on; ``rows`` fewer lie over its snapshot."""
    pack = replacement.pack
    size_bytes, objects, packs = (pack.size_bytes, pack.objects, 1) if pack else (0, 0, 0)
    connection.execute(
        """
        UPDATE repos SET generation = generation + 1, exact = coalesce(?, exact), overlay = overlay - ?,
            size_bytes = size_bytes + ?, object_count = object_count + ?,
            pack_count = max(0, pack_count - ?) + ?, origin = iif(?, 0, origin), packs_replaced_at = ?
        WHERE key = ?
        """,
        (
            *(replacement.exact, rows, size_bytes - sum(replaced.size_bytes for replaced in run)),
            objects - sum(replaced.objects for replaced in run),
            *(len(run), packs, replacement.is_repack, replacement.now, repo),
        ),
    )
