"""Files that hold secrets: written whole or not at all, for their owner alone, and never read when others could."""

import os
import stat
import tempfile
from pathlib import Path

from treehold.cli.failures import Refused, Status

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def read_private(path: Path) -> bytes | None:
    """What a file holds; None if there is none. Raises Refused when it is another user's, or others may read it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid():
                raise Refused(f"{path} belongs to another user and is not read", hint=f"type: sudo chown $USER {path}")
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise Refused(f"others may read {path}, which holds a token", hint=f"type: chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in a folder of that kind; raises Refused."""
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # The folders above it are made with the usual rights, and a folder that was there keeps its own.
        for folder in (path.parent, path.parent.parent):
            folder.chmod(FOLDER_MODE)
        _replace(path, content)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}", status=Status.FAILED) from None


def remove_private(path: Path) -> bool:
    """Remove a file; False if there was none. Raises Refused."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Refused(f"cannot remove {path}: {error.strerror}") from None
    return True


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
