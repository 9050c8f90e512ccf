"""The door for Git clients: which path is which repo and service, who is let in, and what failures look like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final
from urllib.parse import parse_qsl

import structlog

from treehold.auth.policy import Service
from treehold.engine import gate
from treehold.engine.advertise import (
    RECEIVE_PACK_CAPABILITIES,
    UPLOAD_PACK_CAPABILITIES,
    V2_CAPABILITIES,
    advertised_refs,
)
from treehold.engine.context import Engine
from treehold.engine.gate import GitGuest
from treehold.engine.shallow import advertised_ends
from treehold.errors import PermissionDenied, RateLimited, RequestError, TreeholdError, Unauthenticated, Unavailable
from treehold.git_http import receive_pack, upload_pack
from treehold.git_http.body import (
    ClientGone,
    ClientTooSlow,
    Message,
    PacedReceive,
    Receive,
    Scope,
    Send,
    body_pieces,
    while_connected,
    whole_body,
)
from treehold.git_http.receive_pack import PushBody
from treehold.git_http.responses import send_refusal, send_text, send_whole
from treehold.ids import AccountId
from treehold.protocol.advertisement import encode_v0, encode_v2
from treehold.telemetry import meters

log = structlog.get_logger(__name__)

# Three names before the service are account, namespace and repo; only behind /git, for REST has such paths too. Paths
# of the dumb protocol are not known here: nothing answers them, and names in the workspace API may hold the like.
_PATH: Final = re.compile(
    r"(?:/git(?:/(?P<account>[^/]+))?)?/(?P<namespace>[^/]+)/(?P<repo>[^/]+?)(?P<suffix>\.git)?"
    r"/(?P<what>info/refs|git-upload-pack|git-receive-pack)"
)
_SERVICES: Final[Mapping[str, Service]] = {
    "git-upload-pack": "git-upload-pack",
    "git-receive-pack": "git-receive-pack",
}
_VERSIONS: Final = {b"version=1": 1, b"version=2": 2}
_V2_BODY: Final = encode_v2(V2_CAPABILITIES, service=b"git-upload-pack")


@dataclass(frozen=True, slots=True)
class GitPath:
    """A path taken apart. ``what`` is ``info/refs`` or a service; ``account`` is None where the path names none."""

    namespace: str
    repo: str
    what: str
    account: AccountId | None = None


def parse_path(path: str) -> GitPath | None:
    """The repo and the service that a path names, in any of its forms; None when it is no Git path."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    account = None if found["account"] is None else AccountId(found["account"])
    return GitPath(found["namespace"], found["repo"], found["what"], account)


def account_at(host: bytes, domain: str | None) -> AccountId | None:
    """The account that a Host header names as the one label before the domain; None when it names none."""
    if domain is None:
        return None
    name, dot, rest = host.decode("latin-1").lower().partition(":")[0].partition(".")
    return AccountId(name) if dot and name and rest == domain.lower() else None


class GitDoor:
    """An ASGI application for Git paths."""

    def __init__(self, engine: Engine, *, account_domain: str | None = None) -> None:
        self._engine = engine
        self._account_domain = account_domain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = parse_path(scope["path"])
        if path is None:
            await send_text(send, 404, "Not found: only smart HTTP is served")
            return
        started = _StartWatcher(send)
        since = perf_counter()
        try:
            await self._answer(path, scope, receive, started)
        except ClientGone:
            pass
        except ClientTooSlow:
            await send_text(started, 408, "The request came too slowly", [(b"connection", b"close")])
        except TreeholdError as error:
            await self._fail(path, error, started)
        finally:
            meters.git_requests.labels(path.what, started.outcome).observe(perf_counter() - since)

    async def _answer(self, path: GitPath, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        service = _service(path, scope)
        if service is None:
            await send_text(send, 404, "Not found: the dumb HTTP protocol is not served")
            return
        guest = await gate.admit_git(
            self._engine,
            headers.get(b"authorization"),
            account=self._account(path, headers.get(b"host", b"")),
            namespace=path.namespace,
            repo_name=path.repo,
            service=service,
        )
        version = _version(headers.get(b"git-protocol", b""))
        method = "GET" if path.what == "info/refs" else "POST"
        if scope["method"] != method:
            await send_text(send, 405, f"Use {method}", [(b"allow", method.encode("ascii"))])
        elif method == "GET":
            await self._advertise(guest, service, version, send)
        elif headers.get(b"content-type", b"") != f"application/x-{service}-request".encode("ascii"):
            await send_text(send, 415, f"The content type must be application/x-{service}-request")
        else:
            await self._serve(guest, service, (version, headers), receive, send)

    def _account(self, path: GitPath, host: bytes) -> AccountId:
        """The account whose repo is meant, by the path, by the host, or else the default one."""
        return path.account or account_at(host, self._account_domain) or self._engine.default_account

    async def _advertise(self, guest: GitGuest, service: Service, version: int, send: Send) -> None:
        if service == "git-upload-pack" and version == 2:
            body = _V2_BODY
        else:
            state = await self._engine.catalog.repo_state(guest.repo.id, seen=guest.repo)
            offered = UPLOAD_PACK_CAPABILITIES if service == "git-upload-pack" else RECEIVE_PACK_CAPABILITIES
            service_name = service.encode("ascii")
            refs, ends = advertised_refs(state), await advertised_ends(self._engine, state)
            body = encode_v0(refs, offered, service=service_name, version_1=version == 1, shallow=ends)
        await send_whole(send, 200, body, [(b"content-type", f"application/x-{service}-advertisement".encode("ascii"))])

    async def _serve(
        self, guest: GitGuest, service: Service, spoken: tuple[int, Mapping[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        version, headers = spoken
        encoding = headers.get(b"content-encoding", b"")
        limits = self._engine.limits
        paced = PacedReceive(
            receive, idle_seconds=limits.body_idle_seconds, bytes_per_second_min=limits.body_bytes_per_second_min
        )
        if service == "git-receive-pack":
            told = 0 if encoding else int(headers.get(b"content-length", 0))
            pushed = PushBody(body_pieces(paced, encoding=encoding), told)
            await receive_pack.answer(self._engine, guest, pushed, receive, send)
            return
        body = await whole_body(paced, encoding=encoding, bytes_max=limits.request_bytes_max)
        answer = upload_pack.answer_v2 if version == 2 else upload_pack.answer_v0
        await while_connected(receive, answer(self._engine, guest.repo, body, send))

    async def _fail(self, path: GitPath, error: TreeholdError, send: "_StartWatcher") -> None:
        if not isinstance(error, RequestError | Unavailable):  # who is too busy says so to the client
            log.error("git_request_failed", namespace=path.namespace, repo=path.repo, what=path.what, error=repr(error))
        if send.has_started:
            raise error
        if isinstance(error, Unauthenticated | PermissionDenied | RateLimited) or path.what != "git-upload-pack":
            await send_refusal(send, error)
        elif isinstance(error, RequestError):
            await send_whole(send, 200, upload_pack.refusal_line(error), upload_pack.RESULT)
        else:
            await send_refusal(send, error)


class _StartWatcher:
    """Passes messages on and remembers whether an answer has begun, and with which status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False
        self._status = 0

    @property
    def outcome(self) -> str:
        """The class of the status that was sent, such as ``2xx``."""
        return f"{self._status // 100}xx" if self._status else "none"

    async def __call__(self, message: Message) -> None:
        self.has_started = True
        self._status = message.get("status", self._status)
        await self._send(message)


def _service(path: GitPath, scope: Scope) -> Service | None:
    """The service a request is for: named by the path, or by the query of ``info/refs``."""
    if path.what != "info/refs":
        return _SERVICES[path.what]
    query = scope["query_string"].decode("latin-1")
    if query.startswith("service=") and query[8:] in _SERVICES:
        return _SERVICES[query[8:]]
    return next((_SERVICES.get(value) for name, value in parse_qsl(query) if name == "service"), None)


def _version(git_protocol: bytes) -> int:
    """The highest protocol version that a Git-Protocol header offers; 0 without one."""
    return max(_VERSIONS.get(word, 0) for word in git_protocol.split(b":"))
