"""docs/clients.md, as a run of the tests found it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

DEEDS = ("clone", "push", "fetch", "shallow clone", "tags", "notes", "delete a branch", "force push")
_HEAD = """# Clients

Written by `make test-clients`, which runs each of these against a live server: every cell is a test.

"""
_WORDS = {"passed": "yes", "failed": "**no**"}


@dataclass
class Table:
    """Which client did what; a cell is ``passed``, ``failed``, or why it was not tried."""

    versions: dict[str, str | None] = field(default_factory=dict)
    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, client: str, version: str | None, deed: str, came: str) -> None:
        """Note what came of one test."""
        self.versions[client] = version
        self.cells[client, deed] = came

    def is_whole(self, clients: Iterable[str]) -> bool:
        """Whether every cell was come to."""
        return all((client, deed) in self.cells for client in clients for deed in DEEDS)

    def markdown(self, clients: Iterable[str], others: Iterable[tuple[str, str, str]]) -> str:
        """The page: Git clients by deeds, then other programs as (name, version, what the tests do with it)."""
        reasons: list[str] = []
        rows = [["Git client", "Version", *DEEDS], ["---"] * (len(DEEDS) + 2)]
        for client in clients:
            words = [self._word(client, deed, reasons) for deed in DEEDS]
            rows.append([client, self.versions[client] or "not installed", *words])
        notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
        programs = [["Program", "Version", "Shown"], ["---"] * 3, *map(list, others)]
        parts = ["\n".join(map(_row, rows)), "\n".join(notes), "\n".join(map(_row, programs))]
        return _HEAD + "\n\n".join(part for part in parts if part) + "\n"

    def _word(self, client: str, deed: str, reasons: list[str]) -> str:
        came = self.cells[client, deed]
        if came in _WORDS or self.versions[client] is None:
            return _WORDS.get(came, "-")
        reason = f"{client}: {came}"
        if reason not in reasons:
            reasons.append(reason)
        return f"no ({reasons.index(reason) + 1})"

    def write(self, path: Path, clients: Iterable[str], others: Iterable[tuple[str, str, str]]) -> None:
        """Write the page."""
        path.write_text(self.markdown(clients, others))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
