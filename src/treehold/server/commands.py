"""The operator's verbs: ``treehold serve`` and ``treehold admin``, which work on the data folder itself."""

import asyncio
import os
import signal
import sys
from typing import Annotated

import typer
import uvicorn

from treehold.auth import secrets
from treehold.errors import TreeholdError
from treehold.ids import TokenId
from treehold.server import startup
from treehold.server.backends import clock
from treehold.server.care_commands import maintenance
from treehold.server.command_line import DataDir, failure, run_deed, settings_with, when
from treehold.server.http_protocol import BoundedHttpProtocol
from treehold.server.settings import Settings, hand_down

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Versioned file trees that speak Git.",
    pretty_exceptions_enable=False,
)
admin = typer.Typer(no_args_is_help=True, help="The operator's side: works on the data folder itself.")
tokens = typer.Typer(no_args_is_help=True, help="API tokens, which programs show to the REST API.")
admin.add_typer(tokens, name="token")
admin.add_typer(maintenance, name="maintenance")
app.add_typer(admin, name="admin")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: 127.0.0.1)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: 8787)")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes. (default: 1)")] = None,
) -> None:
    """Serve repos over REST and Git. Every option is also a setting TREEHOLD_… in the environment."""
    settings = settings_with(host=host, port=port, data_dir=data_dir, workers=workers)
    try:
        startup.require_git(settings)
        with startup.serving(settings):
            token = asyncio.run(startup.first_token(settings))
            typer.echo(startup.greeting(settings, token))
            hand_down(settings)
            _run(settings)
    except TreeholdError as error:
        raise failure(error) from None


@tokens.command("create")
def create_token(permission: Annotated[str, typer.Option(help="read or edit")], data_dir: DataDir = None) -> None:
    """Make an API token and print it, this once."""
    if permission not in ("read", "edit"):
        raise typer.BadParameter("must be read or edit", param_hint="--permission")
    settings = settings_with(data_dir=data_dir)
    secret = secrets.new_api_secret(os.urandom)

    async def create() -> str:
        async with startup.opened_catalog(settings) as catalog:
            row = await startup.keep_api_token(catalog, settings, secret, "edit" if permission == "edit" else "read")
            return row.id

    token_id = run_deed(create())
    typer.echo(secret)
    typer.echo(f"id {token_id}, {permission} permission, account {settings.account_id}; shown this once", err=True)


@tokens.command("list")
def list_tokens(data_dir: DataDir = None) -> None:
    """List API tokens; their secrets are kept nowhere."""
    settings = settings_with(data_dir=data_dir)

    async def listed() -> str:
        async with startup.opened_catalog(settings) as catalog:
            rows = await catalog.list_api_tokens()
        return "\n".join(
            f"{row.id}  {row.permission}  {row.account}  {when(row.created_at)}"
            f"  {'revoked ' + when(row.revoked_at) if row.revoked_at else 'active'}"
            for row in rows
        )

    typer.echo(run_deed(listed()))


@tokens.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(help="Its id, as listed")], data_dir: DataDir = None) -> None:
    """Revoke an API token at once."""
    settings = settings_with(data_dir=data_dir)

    async def revoke() -> str:
        async with startup.opened_catalog(settings) as catalog:
            await catalog.revoke_api_token(TokenId(token_id), clock())
            return token_id

    typer.echo(f"revoked {run_deed(revoke())}")


def _run(settings: Settings) -> None:
    # uvicorn drains on SIGTERM and then raises the signal again: having drained is a good end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "treehold.server.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=BoundedHttpProtocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
