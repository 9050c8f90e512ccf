"""Objects in one pack of C Git's making: self-contained, and with delta chains of the usual length."""

import asyncio
from pathlib import Path
from typing import Final

from treehold.engine.context import Engine
from treehold.engine.native import GitPlace
from treehold.errors import StorageError
from treehold.packs.git_index import from_git_index
from treehold.packs.index import PackIndex

_DEPTH: Final = 50
"""git's own default: what is pushed later still finds room for its deltas below the bound."""
_NAME: Final = "anew"


async def pack_anew(engine: Engine, place: GitPlace, *options: str, stdin: bytes) -> tuple[Path, PackIndex]:
    """Have ``git pack-objects`` pack what it is told; answers the pack, a file that goes with the place, and its index.

    Raises NativeGitError, Unavailable, StorageError.
    """
    depth = min(_DEPTH, engine.limits.delta_depth_max)
    arguments = ["pack-objects", "-q", *options, "--delta-base-offset", f"--depth={depth}", str(place.git_dir / _NAME)]
    await engine.node.native.output(place, arguments, stdin=stdin)
    return await asyncio.to_thread(_find, place.git_dir)


def _find(folder: Path) -> tuple[Path, PackIndex]:
    """The one pack in that folder and its index."""
    try:
        (made,) = folder.glob(f"{_NAME}-*.pack")
        return made, from_git_index(made.with_suffix(".idx").read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot find what git packed: {error}") from error
