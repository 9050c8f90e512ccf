"""The operator's verbs: ``treehold serve`` and ``treehold admin``, which work on the data folder itself."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from typer.core import TyperGroup

from treehold.errors import TreeholdError
from treehold.server import startup
from treehold.server.account_commands import account, token
from treehold.server.care_commands import maintenance
from treehold.server.command_line import DataDir, failure, settings_with
from treehold.server.http_protocol import BoundedHttpProtocol
from treehold.server.settings import Settings, hand_down

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Versioned file trees that speak Git.",
    pretty_exceptions_enable=False,
)
admin = typer.Typer(no_args_is_help=True, help="The operator's side: works on the data folder itself.")
admin.add_typer(account, name="account")
admin.add_typer(token, name="token")
admin.add_typer(maintenance, name="maintenance")
app.add_typer(admin, name="admin")


def command(verb: str) -> Any:
    """One of these verbs, for the command that joins all houses."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands[verb]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: 127.0.0.1)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: 8787)")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes. (default: 1)")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain in PEM, to serve HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's private key in PEM.")] = None,
) -> None:
    """Serve repos over REST and Git. Every option is also a setting TREEHOLD_… in the environment."""
    settings = settings_with(
        host=host, port=port, data_dir=data_dir, workers=workers, tls_cert=tls_cert, tls_key=tls_key
    )
    try:
        startup.require_git(settings)
        startup.require_tls(settings)
        with startup.serving(settings):
            secret = asyncio.run(startup.first_token(settings))
            typer.echo(startup.greeting(settings, secret))
            hand_down(settings)
            _run(settings)
    except TreeholdError as error:
        raise failure(error) from None


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
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
