"""Clone and fetch: protocol v0, v1 and v2 over the same engine."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog
from prometheus_client import Counter

from treehold.catalog.base import RepoRow
from treehold.engine import fetch
from treehold.engine.advertise import advertised_refs, head_target
from treehold.engine.context import Engine
from treehold.engine.fetch import Negotiation
from treehold.engine.plans import Concatenated
from treehold.engine.view import RepoView, open_view
from treehold.errors import CorruptStore, MalformedMessage, RequestError, TreeholdError
from treehold.git_http.body import Send
from treehold.git_http.responses import NO_CACHE, send_whole
from treehold.protocol import fetch as fetch_v2
from treehold.protocol import ls_refs, object_info, sideband, upload_pack
from treehold.protocol.command import CommandDecoder, CommandRequest
from treehold.protocol.error_line import encode_error
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.pktline import FLUSH_PKT
from treehold.telemetry import meters

RESULT: Final = [(b"content-type", b"application/x-git-upload-pack-result")]
_BEGINNING_BYTES: Final = 32 << 10
"""What is collected of a pack before its answer begins. Each piece sent costs 10 µs, and a small pack has four."""

log = structlog.get_logger(__name__)


async def answer_v0(engine: Engine, repo: RepoRow, body: bytes, send: Send) -> None:
    """One POST of protocol v0 or v1: a round of negotiation, or the pack."""
    decoder = upload_pack.UploadRequestDecoder()
    decoder.feed(body)
    request = decoder.finish()
    if not request.wants:
        await send_whole(send, 200, b"", RESULT)
        return
    await _again_if_damaged(engine, lambda: _answer_upload_request(engine, repo, request, send))


async def _answer_upload_request(engine: Engine, repo: RepoRow, request: FetchRequest, send: Send) -> None:
    view = await open_view(engine, repo.id, seen=repo)
    settled = await fetch.negotiate(engine, view, request)
    head = b""
    if request.changes_depth:
        head = upload_pack.encode_shallow_update(settled.shallow.shallow, settled.shallow.unshallow)
    lines, pack_follows = upload_pack.acknowledge(request, settled.common, ready=settled.ready)
    if pack_follows:
        await _send_pack(engine, view, settled, head + lines, send)
    else:
        await send_whole(send, 200, head + lines, RESULT)


async def answer_v2(engine: Engine, repo: RepoRow, body: bytes, send: Send) -> None:
    """One POST of protocol v2: one command; raises MalformedMessage for one that is not offered."""
    decoder = CommandDecoder()
    decoder.feed(body)
    command = decoder.finish()
    if not command.command:
        await send_whole(send, 200, b"", RESULT)
        return
    answer = _COMMANDS.get(command.command)
    if answer is None:
        raise MalformedMessage(f"unknown command: {command.command[:60]!r}")
    await _again_if_damaged(engine, lambda: answer(engine, repo, command, send))


async def _again_if_damaged(engine: Engine, answer: Callable[[], Awaitable[None]]) -> None:
    """Answer, and once more if something in this node's caches is found damaged: it is dropped then, and nothing sent.

    Damage that is found after an answer began ends that one, see :func:`_send_rest`.
    """
    try:
        await answer()
    except CorruptStore as error:
        log.warning("fetch_begun_again", error=repr(error))
        await engine.node.answers.drop_all()  # they may have been computed from what is damaged
        await answer()


async def _ls_refs(engine: Engine, repo: RepoRow, command: CommandRequest, send: Send) -> None:
    request = ls_refs.decode_arguments(command.arguments)
    state = await engine.catalog.repo_state(repo.id, seen=repo)  # no view: whoever asks for refs needs no pack opened
    target = head_target(state.repo.default_branch, state.refs)
    unborn = target if target not in state.refs else None
    await send_whole(send, 200, ls_refs.encode_response(advertised_refs(state), request, unborn_head=unborn), RESULT)


async def _object_info(engine: Engine, repo: RepoRow, command: CommandRequest, send: Send) -> None:
    request = object_info.decode_arguments(command.arguments)
    view = await open_view(engine, repo.id, seen=repo)
    sizes = await asyncio.to_thread(lambda: {oid: view.stored.size(oid) for oid in request.oids if oid in view})
    await send_whole(send, 200, object_info.encode_response(request, sizes), RESULT)


async def _fetch(engine: Engine, repo: RepoRow, command: CommandRequest, send: Send) -> None:
    request = fetch_v2.decode_arguments(command.arguments)
    if not (request.wants or request.want_refs or request.wait_for_done):
        await send_whole(send, 200, FLUSH_PKT, RESULT)
        return
    view = await open_view(engine, repo.id, seen=repo)
    settled = await fetch.negotiate(engine, view, request)
    acknowledgments = b""
    if request.haves and not request.done:
        ready = settled.ready and not request.wait_for_done
        acknowledgments = fetch_v2.encode_acknowledgments(settled.common, ready=ready, last=not ready)
        if not ready:
            await send_whole(send, 200, _banded(request, acknowledgments), RESULT)
            return
    head = [acknowledgments]
    if request.changes_depth or request.shallow or view.shallow:
        head.append(fetch_v2.encode_shallow_info(settled.shallow.shallow, settled.shallow.unshallow))
    if settled.wanted_refs:
        head.append(fetch_v2.encode_wanted_refs(settled.wanted_refs))
    head.append(fetch_v2.PACKFILE_SECTION)
    await _send_pack(engine, view, settled, _banded(request, b"".join(head)), send)


def _banded(request: FetchRequest, sections: bytes) -> bytes:
    return sideband.wrap_packets(sections) if request.sideband_all else sections


@dataclass(frozen=True, slots=True)
class _Framing:
    """How a pack's bytes go to this client: in side-band packets of so many bytes, or bare (0)."""

    packet_bytes: int

    def data(self, piece: bytes | memoryview) -> bytes:
        if not self.packet_bytes:
            return bytes(piece)
        return sideband.frame_bytes(sideband.BAND_DATA, piece, packet_bytes=self.packet_bytes)

    def framed_bytes(self, size: int) -> int:
        """How long a piece of that size becomes."""
        if not self.packet_bytes:
            return size
        return size + sideband.HEADER_BYTES * -(-size // (self.packet_bytes - sideband.HEADER_BYTES))

    def failure(self, message: str) -> bytes:
        """The end of an answer that cannot be finished; a bare pack can only be cut short, which the client notices."""
        if not self.packet_bytes:
            return b""
        return sideband.frame_bytes(sideband.BAND_ERROR, message.encode() + b"\n", packet_bytes=self.packet_bytes)

    def end(self) -> bytes:
        return FLUSH_PKT if self.packet_bytes else b""


async def _send_pack(engine: Engine, view: RepoView, settled: Negotiation, head: bytes, send: Send) -> None:
    """Stream the answer. Its beginning is made before it is sent, so that what fails at once is still told by a status
    and a small pack goes out in one piece."""
    plan = await fetch.choose_plan(engine, view, settled)
    framing = _Framing(settled.request.side_band)
    headers = [*RESULT, (b"x-treehold-plan", plan.name.encode("ascii"))]
    async with contextlib.aclosing(plan.pieces(engine)) as pieces:
        beginning, count = await _beginning(pieces)
        meters.fetches.labels(plan.name).inc()
        sent = meters.fetched_bytes.labels(plan.name)
        sent.inc(len(beginning))
        body = head + framing.data(beginning)
        if count is None:
            await send_whole(send, 200, body + framing.end(), headers)
            return
        if isinstance(plan, Concatenated):
            rest_bytes = sum(map(framing.framed_bytes, islice(plan.piece_sizes(), count, None)))
            headers.append((b"content-length", b"%d" % (len(body) + rest_bytes + len(framing.end()))))
        await send({"type": "http.response.start", "status": 200, "headers": [*NO_CACHE, *headers]})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        end = await _send_rest(pieces, framing, send, sent)
    await send({"type": "http.response.body", "body": end})


async def _beginning(pieces: AsyncGenerator[bytes | memoryview]) -> tuple[bytes, int | None]:
    """The first of the pack, and how many pieces that were; None if it is all of it."""
    beginning = bytearray()
    count = 0
    async for piece in pieces:
        beginning += piece
        count += 1
        if len(beginning) >= _BEGINNING_BYTES:
            return bytes(beginning), count
    return bytes(beginning), None


async def _send_rest(pieces: AsyncGenerator[bytes | memoryview], framing: _Framing, send: Send, sent: Counter) -> bytes:
    """Send what is left of the pack; answers the bytes that end the answer."""
    try:
        async for piece in pieces:
            sent.inc(len(piece))
            await send({"type": "http.response.body", "body": framing.data(piece), "more_body": True})
    except RequestError as error:
        return framing.failure(str(error))
    except TreeholdError as error:
        log.error("fetch_failed_midway", error=repr(error))
        return framing.failure("the server failed to make the pack")
    return framing.end()


def refusal_line(error: RequestError) -> bytes:
    """A refusal that git clients show as ``remote error:``."""
    return encode_error(str(error))


_Answer = Callable[[Engine, RepoRow, CommandRequest, Send], Awaitable[None]]
_COMMANDS: Final[dict[bytes, _Answer]] = {b"ls-refs": _ls_refs, b"fetch": _fetch, b"object-info": _object_info}
