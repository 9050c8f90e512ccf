"""Searching names: an index of their trigrams, whose answer is only where to look.

SQLite's full-text index holds for each three characters the keys of the repos with them in their names. To write it
with every new repo would cost 90 to 210 µs, as much again as the rest of a creation; with a thousand repos at once it
costs 2 to 8 µs each. So repos with keys above the mark are not in it yet, and a search looks at each of those. Deleted
repos stay in it until they are purged. Whoever searches must therefore compare the names of what is found.
"""

from sqlite3 import Connection
from typing import Final

NAMES_AT_ONCE: Final = 1_000
"""Repos indexed together: some 5 ms, for which other writes wait; a search looks at as many names in 0.3 ms."""
_TRIGRAM: Final = 3
_TRIGRAMS_ASKED: Final = 4
"""Of a long search the last ones: names of one kind tend to begin alike, and each common one costs a long list."""


def index_names(connection: Connection, upto: int) -> None:
    """Enter the names of all repos above the mark, and move it to the highest key, ``upto``."""
    connection.execute(
        """
        INSERT INTO repo_names(rowid, name)
        SELECT key, name FROM repos WHERE key > (SELECT upto FROM repo_names_mark) ORDER BY key
        """
    )
    connection.execute("UPDATE repo_names_mark SET upto = ?", (upto,))


def find_candidates(connection: Connection, search: str, limit: int) -> list[int] | None:
    """Keys of repos among which are all whose names hold the search, in any account.

    None when the index cannot tell: for a search shorter than a trigram, or one that more than ``limit`` may match.
    """
    if len(search) < _TRIGRAM:
        return None
    trigrams = dict.fromkeys(search[at : at + _TRIGRAM] for at in range(len(search) - _TRIGRAM + 1))
    asked = [trigram.replace('"', '""') for trigram in trigrams][-_TRIGRAMS_ASKED:]
    found = connection.execute(
        "SELECT rowid FROM repo_names WHERE repo_names MATCH ? LIMIT ?",
        (" AND ".join(f'"{trigram}"' for trigram in asked), limit + 1),
    ).fetchall()
    if len(found) > limit:
        return None
    found += connection.execute(
        "SELECT key FROM repos WHERE key > (SELECT upto FROM repo_names_mark) AND deleted_at IS NULL"
    ).fetchall()
    return [key for (key,) in found]
