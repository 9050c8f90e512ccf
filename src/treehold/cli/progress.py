"""Bars for people who wait. They are drawn on stderr, and only where that is a terminal which can move a cursor."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from treehold.cli.screen import Screen

T = TypeVar("T")


@contextlib.contextmanager
def waiting(screen: Screen, label: str) -> Iterator[None]:
    """A bar that moves while nobody knows how much is left. However it ends, the terminal is as before."""
    with _bar(screen, label, None):
        yield


def counted(screen: Screen, label: str, rows: Iterable[T], total: Callable[[], int | None]) -> Iterator[T]:
    """The rows as they come, and a bar that counts them; ``total`` is asked when it is known."""
    with _bar(screen, label, total) as step:
        for row in rows:
            yield row
            step()


@contextlib.contextmanager
def _bar(screen: Screen, label: str, total: Callable[[], int | None] | None) -> Iterator[Callable[[], None]]:
    if not screen.has_reader or screen.is_plain:
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to load, and only people need it
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(label, total=None)

    def step() -> None:
        progress.update(task, advance=1, total=total() if total else None)

    try:
        progress.start()  # inside: Ctrl-C may come when the cursor has just been hidden
        yield step
    finally:
        progress.stop()
