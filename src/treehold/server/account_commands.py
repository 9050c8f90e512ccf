"""``treehold admin account`` and ``treehold admin token``: who may come in over REST."""

import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

import typer

from treehold.catalog.accounts import AccountCatalog, ApiTokenRow, Permission
from treehold.engine import accounts
from treehold.engine.accounts import ApiTokenWish, MintedApiToken
from treehold.ids import AccountId, TokenId
from treehold.server import startup
from treehold.server.backends import clock
from treehold.server.command_line import DataDir, run_deed, settings_with, when
from treehold.server.settings import Settings

T = TypeVar("T")

account = typer.Typer(no_args_is_help=True, help="Accounts, which share a server and see nothing of each other.")
token = typer.Typer(no_args_is_help=True, help="API tokens, which programs show to the REST API.")

TokenIdArgument = Annotated[str, typer.Argument(help="Its id, as listed")]
Ttl = Annotated[int | None, typer.Option(help="Seconds until it ends. (default: until it is revoked)")]


@account.command("create")
def create_account(name: Annotated[str, typer.Argument(help="Its name")], data_dir: DataDir = None) -> None:
    """Make an account."""
    made = _with_catalog(
        settings_with(data_dir=data_dir), lambda catalog: accounts.create_account(catalog, name, clock())
    )
    typer.echo(f"created {made.id}")


@account.command("list")
def list_accounts(data_dir: DataDir = None) -> None:
    """List the accounts by name."""
    rows = _with_catalog(settings_with(data_dir=data_dir), lambda catalog: catalog.list_accounts())
    typer.echo("\n".join(f"{row.id}  {when(row.created_at)}" for row in rows))


@token.command("create")
def create_token(
    permission: Annotated[str, typer.Option(help="read or edit")],
    account: Annotated[str | None, typer.Option(help="Whose it is. (default: the default account)")] = None,
    label: Annotated[str, typer.Option(help="A few words to know it by")] = "",
    ttl: Ttl = None,
    data_dir: DataDir = None,
) -> None:
    """Make an API token and print it, this once."""
    if permission not in ("read", "edit"):
        raise typer.BadParameter("must be read or edit", param_hint="--permission")
    settings = settings_with(data_dir=data_dir)
    owner = AccountId(account or settings.account_id)
    wish = ApiTokenWish(owner, cast("Permission", permission), label, ttl)

    async def create(catalog: AccountCatalog) -> MintedApiToken:
        if owner != settings.account_id:
            await accounts.require_account(catalog, owner)
        return await accounts.create_api_token(catalog, wish, entropy=os.urandom, now=clock())

    _show_once(_with_catalog(settings, create))


@token.command("rotate")
def rotate_token(token_id: TokenIdArgument, ttl: Ttl = None, data_dir: DataDir = None) -> None:
    """Give an API token a new secret and print it, this once; the old one is dead at once."""
    _show_once(
        _with_catalog(
            settings_with(data_dir=data_dir),
            lambda catalog: accounts.rotate_api_token(
                catalog, TokenId(token_id), ttl_seconds=ttl, entropy=os.urandom, now=clock()
            ),
        )
    )


@token.command("list")
def list_tokens(
    account: Annotated[str | None, typer.Option(help="Only those of that account")] = None, data_dir: DataDir = None
) -> None:
    """List API tokens; their secrets are kept nowhere."""
    owner = None if account is None else AccountId(account)
    rows = _with_catalog(settings_with(data_dir=data_dir), lambda catalog: catalog.list_api_tokens(owner))
    typer.echo("\n".join(_line(row) for row in rows))


@token.command("revoke")
def revoke_token(token_id: TokenIdArgument, data_dir: DataDir = None) -> None:
    """Revoke an API token at once."""
    _with_catalog(
        settings_with(data_dir=data_dir), lambda catalog: catalog.revoke_api_token(TokenId(token_id), clock())
    )
    typer.echo(f"revoked {token_id}")


def _with_catalog(settings: Settings, deed: Callable[[AccountCatalog], Awaitable[T]]) -> T:
    """What the deed answers, done with the catalog of the data folder; ends the command when it fails."""

    async def do() -> T:
        async with startup.opened_catalog(settings) as catalog:
            return await deed(catalog)

    return run_deed(do())


def _show_once(minted: MintedApiToken) -> None:
    """The secret for a pipe, the rest for a person."""
    row = minted.row
    typer.echo(minted.secret)
    end = "" if row.expires_at is None else f", until {when(row.expires_at)}"
    typer.echo(f"id {row.id}, {row.permission} permission, account {row.account}{end}; shown this once", err=True)


def _line(row: ApiTokenRow) -> str:
    """A token in one line, its times after it."""
    times = (
        ("created", row.created_at),
        ("rotated", row.rotated_at),
        ("used", row.last_used_at),
        ("expires", row.expires_at),
        ("revoked", row.revoked_at),
    )
    told = (f"{word} {when(time)}" for word, time in times if time is not None)
    return "  ".join((row.id, row.permission, row.account, accounts.api_token_state(row, clock()), *told, row.label))
