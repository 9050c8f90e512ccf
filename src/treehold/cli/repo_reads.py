"""``treehold repo log``, ``cat`` and ``ls``: look into a repo without a clone."""

import base64
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from treehold.cli.failures import Refused, not_there
from treehold.cli.options import ROWS, All, Limit, Ref, RepoArgument, some
from treehold.cli.screen import record_of
from treehold.cli.session import Session
from treehold.client import Commit, NotFound, Repo, TreeEntry

COMMIT_COLUMNS = ("hash", "date", "author", "subject")
ENTRY_COLUMNS = ("mode", "type", "hash", "name")
_LOG_ROWS = 1000
"""How many commits are asked for at once: the most that a server lists."""


def log(
    ctx: typer.Context,
    name: RepoArgument,
    *,
    ref: Ref = None,
    path: Annotated[str | None, typer.Option(help="Only commits that change this file or folder.")] = None,
    limit: Limit = ROWS,
    is_all: All = False,
) -> None:
    """List commits along the first parents, the newest first."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        handle = artifacts.get(name)
        size = _LOG_ROWS if is_all else min(limit, _LOG_ROWS)
        commits = some(_commits(handle, ref, path, size), limit=limit, is_all=is_all)
        session.screen.show_rows(COMMIT_COLUMNS, (_row(commit, as_json=session.screen.as_json) for commit in commits))


def cat(
    ctx: typer.Context,
    name: RepoArgument,
    path: Annotated[str, typer.Argument(help="A file's path in the repo.")],
    *,
    ref: Ref = None,
) -> None:
    """Print a file as it is."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        handle = artifacts.get(name)
        try:
            if session.screen.as_json:
                session.screen.show(_document(path, b"".join(handle.stream_file(path, ref=ref))))
            else:
                session.screen.show_bytes(handle.stream_file(path, ref=ref))
        except NotFound:
            raise _no_path(name, path) from None


def ls(
    ctx: typer.Context,
    name: RepoArgument,
    path: Annotated[str, typer.Argument(help="A folder or file in the repo. (default: its root)")] = "",
    *,
    ref: Ref = None,
) -> None:
    """List what a folder of a repo holds."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        entries = _entries(artifacts.get(name), path, ref)
        session.screen.show_rows(ENTRY_COLUMNS, (record_of(entry) for entry in entries))


def _commits(handle: Repo, ref: str | None, path: str | None, size: int) -> Iterator[Commit]:
    offset = 0
    while True:
        found = handle.log(ref=ref, path=path, limit=size, offset=offset)
        yield from found
        offset += len(found)
        if len(found) < size:
            return


def _row(commit: Commit, *, as_json: bool) -> dict[str, Any]:
    if as_json:
        return record_of(commit)
    return {
        "hash": commit.hash,
        "date": commit.committed_at,
        "author": commit.author.name,
        "subject": commit.message.partition("\n")[0],
    }


def _document(path: str, content: bytes) -> dict[str, Any]:
    """A file as JSON can hold it: as text where it is text."""
    try:
        told = {"encoding": "utf-8", "content": content.decode()}
    except UnicodeDecodeError:
        told = {"encoding": "base64", "content": base64.b64encode(content).decode()}
    return {"path": path, "size_bytes": len(content), **told}


def _entries(handle: Repo, path: str, ref: str | None) -> tuple[TreeEntry, ...]:
    """What is at a path, found from the ref's commit downwards; raises Refused."""
    commits = handle.log(ref=ref, limit=1)
    steps = [step for step in path.split("/") if step not in {"", "."}]
    if not commits:
        if ref is None and not steps:
            return ()  # nothing was pushed yet
        raise _no_path(handle.name, path if ref is None else f"{ref}:{path}")
    entries = handle.read_tree(commits[0].tree_hash) or ()
    for number, step in enumerate(steps):
        # REST shows names that are no UTF-8 with U+FFFD, and so is the path that was typed looked for
        shown = step.encode(errors="surrogateescape").decode(errors="replace")
        found = next((entry for entry in entries if entry.name == shown), None)
        if found is None:
            raise _no_path(handle.name, path)
        if found.type != "tree":
            if number < len(steps) - 1:
                raise _no_path(handle.name, path)
            return (found,)
        entries = handle.read_tree(found.hash) or ()
    return entries


def _no_path(name: str, path: str) -> Refused:
    return not_there(f"there is no {path!r} in {name}", hint=f"`treehold repo ls {name}` shows what is there")
