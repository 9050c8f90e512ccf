"""``treehold token``: make, list and revoke the tokens that git shows to a repo."""

import sys
from collections.abc import Iterator
from itertools import count
from typing import Annotated, Literal

import typer

from treehold.cli.failures import Refused, Status, not_there
from treehold.cli.options import ROWS, All, Limit, RepoArgument, some
from treehold.cli.screen import record_of
from treehold.cli.session import Session
from treehold.client import Repo, TokenInfo
from treehold.client.git import secret_digest
from treehold.client.rows import TokenState

token = typer.Typer(help="Repo tokens, which git shows. API tokens are made with `treehold admin token`.")

COLUMNS = ("id", "scope", "state", "created_at", "expires_at")
_PAGE_ROWS = 100
_STDIN = "-"


@token.command()
def create(
    ctx: typer.Context,
    name: RepoArgument,
    *,
    scope: Annotated[Literal["read", "write"], typer.Option(help="What it allows.")] = "write",
    ttl: Annotated[int, typer.Option(min=60, max=31_536_000, help="Seconds until it ends.")] = 86_400,
) -> None:
    """Make a token of a repo and print it, this once."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        made = artifacts.get(name).create_token(scope, ttl)
    session.screen.show_secret(made.plaintext, record_of(made))
    if not session.screen.as_json:
        session.screen.say(f"id {made.id}, {made.scope}, until {made.expires_at:%Y-%m-%d %H:%M:%SZ}; shown this once")


@token.command("list")
def list_tokens(
    ctx: typer.Context,
    name: RepoArgument,
    *,
    state: Annotated[
        Literal["active", "expired", "revoked", "all"], typer.Option(help="Only those in this state.")
    ] = "active",
    limit: Limit = ROWS,
    is_all: All = False,
) -> None:
    """List a repo's tokens, the newest first; their secrets are kept nowhere."""
    session = Session.of(ctx)
    with session.artifacts() as artifacts:
        found = _tokens(artifacts.get(name), None if state == "all" else state)
        rows = some(found, limit=limit, is_all=is_all)
        session.screen.show_rows(COLUMNS, (record_of(row) for row in rows))


@token.command()
def revoke(
    ctx: typer.Context,
    name: RepoArgument,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, as listed; - reads a token from stdin.")],
) -> None:
    """Revoke a repo token at once."""
    session = Session.of(ctx)
    if secret_digest(token_id):
        raise Refused(
            "a token on a command line can be read by every user of this machine",
            hint="give its id, or - and the token on stdin",
            status=Status.USAGE,
        )
    meant = sys.stdin.readline().strip() if token_id == _STDIN else token_id
    with session.artifacts() as artifacts:
        is_found = artifacts.get(name).revoke_token(meant)
    secret = meant.partition("?")[0]
    session.tokens.drop(lambda kept: meant == kept.id or secret == kept.secret)
    if not is_found:
        hint = f"`treehold token list {name}` shows which there are"
        raise not_there("there is no such token", hint=hint)
    session.screen.done("revoked", {"revoked": True})


def _tokens(handle: Repo, state: TokenState | None) -> Iterator[TokenInfo]:
    for page in count(1):
        found = handle.list_tokens(state=state, page=page, per_page=_PAGE_ROWS).tokens
        yield from found
        if len(found) < _PAGE_ROWS:
            return
