"""Removing a folder that some thread may still be writing to."""

import contextlib
import shutil
from pathlib import Path


def remove_folder(folder: Path) -> None:
    """Remove a folder and what is in it, if it is there; what cannot be removed stays.

    It gets another name first. When a task is cancelled its thread works on, and finds the folder by its path no more:
    else a file that it made meanwhile would keep the folder.
    """
    aside = folder.with_name(f".old-{folder.name}")
    with contextlib.suppress(OSError):  # it was given another name by its user, or never made
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
