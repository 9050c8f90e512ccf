"""What a verb prints: a table for a person at a terminal, tabs for a pipe, one JSON document for a program."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import IO, Any

from treehold.cli.clean_text import one_line
from treehold.cli.failures import OutputClosed

Record = Mapping[str, Any]


class Screen:
    """Results go to stdout; what is only said to people goes to stderr, and only when they look."""

    def __init__(self, *, as_json: bool, is_plain: bool) -> None:
        self.as_json = as_json
        self.is_plain = is_plain

    @property
    def has_reader(self) -> bool:
        """Whether a person looks at stderr, and a bar can move there."""
        return sys.stderr.isatty()

    def show(self, record: Record) -> None:
        """One thing, a line for each field that is not empty."""
        with _writing() as out:
            if self.as_json:
                _write_json(out, record)
            else:
                width = max(map(len, record)) + 2 if out.isatty() else 0
                for name, value in record.items():
                    if value is not None:
                        gap = " " * (width - len(name)) if width else "\t"
                        out.write(f"{name}{gap}{_cell(value)}\n")

    def show_secret(self, secret: str, record: Record) -> None:
        """A secret alone, so that a script can take it as it is, or all of the record in JSON."""
        with _writing() as out:
            if self.as_json:
                _write_json(out, record)
            else:
                out.write(secret + "\n")

    def show_rows(self, columns: tuple[str, ...], rows: Iterable[Record]) -> None:
        """Many things: as JSON with all their fields, else those columns alone."""
        with _writing() as out:
            if self.as_json:
                _write_json_rows(out, rows)
            elif out.isatty():
                self._write_table(out, columns, rows)
            else:
                for row in rows:
                    out.write("\t".join(_cell(row[name]) for name in columns) + "\n")

    def show_bytes(self, pieces: Iterable[bytes]) -> None:
        """Bytes as they are."""
        with _writing() as out:
            for piece in pieces:
                out.buffer.write(piece)  # type: ignore[attr-defined]
            out.buffer.flush()  # type: ignore[attr-defined]

    def done(self, said: str, record: Record) -> None:
        """Tell that it is done: people on stderr, programs on stdout."""
        if self.as_json:
            self.show(record)
        else:
            self.say(said)

    def say(self, text: str) -> None:
        """Something that is no result."""
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.write(one_line(text) + "\n")
            sys.stderr.flush()

    def _write_table(self, out: IO[str], columns: tuple[str, ...], rows: Iterable[Record]) -> None:
        from rich.console import Console  # noqa: PLC0415 - slow to load, and only people need it
        from rich.table import Table  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        console = Console(file=out, color_system=None if self.is_plain else "auto", highlight=False)
        table = Table(box=None, pad_edge=False, header_style="bold" if not self.is_plain else None)
        for name in columns:
            table.add_column(name.replace("_", " ").upper(), overflow="fold", no_wrap=name == columns[0])
        for row in rows:
            table.add_row(*(Text(_cell(row[name])) for name in columns))  # Text: a name is no markup
        console.print(table)


def record_of(value: object, *without: str) -> dict[str, Any]:
    """The fields of one of the binding's values, but for its inner ones and those named."""
    assert is_dataclass(value)
    names = [known.name for known in fields(value) if not known.name.startswith("_") and known.name not in without]
    return {name: getattr(value, name) for name in names}


@contextlib.contextmanager
def _writing() -> Iterator[IO[str]]:
    out = sys.stdout
    try:
        yield out
        out.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def _write_json(out: IO[str], value: object) -> None:
    out.write(json.dumps(value, default=_jsonable, indent=2) + "\n")


def _write_json_rows(out: IO[str], rows: Iterable[Record]) -> None:
    """A list as it comes: nothing is written before the first row is there, and all of a million is never held."""
    before = "["
    for row in rows:
        out.write(before + "\n" + json.dumps(row, default=_jsonable))
        before = ","
    out.write("[]\n" if before == "[" else "\n]\n")


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert is_dataclass(value)
    return record_of(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, tuple | list):
        return one_line(" ".join(map(_cell, value)))
    return one_line(str(value))
