"""The application that a worker process serves: Git paths to the Git door, the rest to REST."""

import asyncio
import multiprocessing
import os
import signal
import threading

import structlog
from fastapi import FastAPI

from treehold.api.app import create_api
from treehold.catalog.base import RepoRow
from treehold.engine.context import Engine
from treehold.errors import TreeholdError
from treehold.git_http.app import GitDoor, parse_path
from treehold.git_http.body import Receive, Scope, Send
from treehold.git_http.responses import send_text, send_whole
from treehold.server.backends import build_engine
from treehold.server.http_protocol import bound_heads
from treehold.server.jobs import BackgroundCare
from treehold.server.logs import configure_logs
from treehold.server.settings import Settings
from treehold.server.startup import require_git
from treehold.telemetry import meters

log = structlog.get_logger(__name__)


class Treehold:
    """The ASGI application. Its engine lives from the lifespan's start-up to its shut-down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._git: GitDoor | None = None
        self._api: FastAPI | None = None
        self._care: BackgroundCare | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the lifespan's two."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/healthz":
            await send_text(send, 200, "alive")
        elif path == "/readyz":
            await self._tell_ready(send)
        elif path == "/metrics":
            body = await asyncio.to_thread(meters.exposition, self._settings.metrics_dir)
            await send_whole(send, 200, body, [(b"content-type", meters.CONTENT_TYPE.encode("ascii"))])
        elif self._git is None or self._api is None:
            await send_text(send, 503, "starting or stopping")
        elif path.startswith("/git/") or parse_path(path) is not None:
            await self._git(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    async def _tell_ready(self, send: Send) -> None:
        try:
            if self._engine is not None:
                await self._engine.catalog.list_api_tokens()
                await send_text(send, 200, "ready")
                return
        except TreeholdError as error:
            log.error("not_ready", error=repr(error))
        await send_text(send, 503, "not ready")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._start()
        except TreeholdError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        engine, api = self._engine, self._api
        self._engine = self._git = self._api = None
        if self._care is not None:
            await self._care.stop()
        if api is not None:
            await api.state.imports.stop()
        if engine is not None:
            await engine.node.indexes.close()
            await engine.catalog.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> None:
        configure_logs(self._settings.log_format)
        self._engine = build_engine(self._settings, git=require_git(self._settings))
        self._git = GitDoor(self._engine, account_domain=self._settings.account_domain)
        self._api = create_api(
            self._engine, remote_for=self._remote, workspace_namespace=self._settings.workspace_namespace
        )
        self._care = BackgroundCare(self._engine, seconds=self._settings.maintenance_seconds)
        self._care.start()
        self._api.state.imports.start()
        _end_with_parent()

    def _remote(self, row: RepoRow) -> str:
        return f"{self._settings.git_url(row.account)}/{row.namespace}/{row.name}.git"


def create_app() -> Treehold:
    """What uvicorn calls in each worker process."""
    settings = Settings()
    bound_heads(bytes_max=settings.head_bytes_max, seconds=settings.head_seconds)
    return Treehold(settings)


def _end_with_parent() -> None:
    """Stop a worker whose supervisor was killed: it would hold the port and nobody would know it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
