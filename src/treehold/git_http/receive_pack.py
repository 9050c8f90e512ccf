"""Push: read the commands and the pack, have the engine carry it out, report."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import structlog

from treehold.engine import push
from treehold.engine.context import Engine
from treehold.engine.gate import GitGuest
from treehold.engine.push import PushReport
from treehold.engine.room import Room, find_room
from treehold.engine.spool import PackSpool, spool
from treehold.errors import RequestError, ServerError, Unavailable
from treehold.git_http.body import Receive, Send, while_connected
from treehold.git_http.responses import NO_CACHE, send_whole
from treehold.protocol import sideband
from treehold.protocol.pktline import FLUSH_PKT, NEED_MORE
from treehold.protocol.receive_pack import PushLimits, PushRequest, PushRequestDecoder
from treehold.protocol.report_status import encode_report
from treehold.telemetry import meters

log = structlog.get_logger(__name__)

RESULT: Final = [(b"content-type", b"application/x-git-receive-pack-result")]


@dataclass(frozen=True, slots=True)
class PushBody:
    """The body of a push: its pieces as they come, and its length if that was told before; else 0."""

    pieces: AsyncGenerator[bytes]
    announced_bytes: int = 0


async def answer(engine: Engine, guest: GitGuest, body: PushBody, receive: Receive, send: Send) -> None:
    """One push; ``receive`` tells when the client goes, once the body has come.

    What is wrong with the push is reported the way the client asked for, with status 200: git shows nobody the text of
    another status here, and people should read which limit they have reached. ServerError is raised while no answer
    has begun.
    """
    decoder = PushRequestDecoder(PushLimits(commands=engine.limits.push_commands_max))
    room = await find_room(engine, guest.repo.account, repo_bytes=guest.repo.size_bytes)
    with spool(engine) as pack:
        try:
            request = await _read(body, decoder, pack, room)
        except RequestError as error:
            head = decoder.result()
            # without commands nobody knows yet how the client reads reports: a fatal message works for most
            told = _fatal(str(error)) if head is NEED_MORE else _encode(head, push.refused(head, str(error)))
            await send_whole(send, 200, told, RESULT)
            return
        if not request.commands:
            await send_whole(send, 200, b"", RESULT)
            return
        await while_connected(receive, _carry_out(engine, guest, request, pack, send))


async def _carry_out(engine: Engine, guest: GitGuest, request: PushRequest, pack: PackSpool, send: Send) -> None:
    line = _OpenLine(send, pack, seconds=engine.limits.keep_alive_seconds if request.side_band else 0)
    try:
        report = await push.receive_push(engine, guest, request, pack)
    except ServerError as error:
        meters.pushes.labels("failed").inc()
        if not await line.end():
            raise
        log.error("push_failed_midway", namespace=guest.repo.namespace, repo=guest.repo.name, error=repr(error))
        told = _fatal(str(error) if isinstance(error, Unavailable) else "the server failed to take the push in")
    else:
        meters.pushes.labels("refused" if report.failure else "taken").inc()
        told = _encode(request, report)
        if not await line.end():
            await send_whole(send, 200, told, RESULT)
            return
    finally:
        line.stop()
    await send({"type": "http.response.body", "body": told})


class _OpenLine:
    """Begins the answer and keeps it alive while C Git works: a proxy takes a line that is still for a dead one.

    Not before C Git works: until then a failure can be told by a status. ``seconds`` 0 is never.
    """

    def __init__(self, send: Send, pack: PackSpool, *, seconds: float) -> None:
        self._send = send
        self._pack = pack
        self._seconds = seconds
        self._has_begun = False
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._set_timer()

    async def end(self) -> bool:
        """Send nothing more; whether the answer has begun."""
        self.stop()
        if self._sending is not None:
            await self._sending
        return self._has_begun

    def stop(self) -> None:
        """Begin to send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._seconds:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._wake)

    def _wake(self) -> None:
        self._set_timer()
        if self._pack.is_at_work and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send_sign())

    async def _send_sign(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*NO_CACHE, *RESULT]})
        await self._send({"type": "http.response.body", "body": sideband.KEEP_ALIVE, "more_body": True})


async def _read(body: PushBody, decoder: PushRequestDecoder, pack: PackSpool, room: Room) -> PushRequest:
    head_bytes = 0
    async for piece in body.pieces:
        rest = piece
        if decoder.result() is NEED_MORE:
            decoder.feed(piece)
            head_bytes += len(piece)
            if decoder.result() is NEED_MORE:
                continue
            rest = decoder.take_rest()
            head_bytes -= len(rest)
            room.check(body.announced_bytes - head_bytes)
        room.check(pack.size_bytes + len(rest))
        pack.write(rest)
    return decoder.finish()


def _encode(request: PushRequest, report: PushReport) -> bytes:
    if request.report_status:
        lines = encode_report(report.unpack, report.results, version=request.report_status)
        if not request.side_band:
            return lines
        return sideband.frame_bytes(sideband.BAND_DATA, lines, packet_bytes=request.side_band) + FLUSH_PKT
    if not request.side_band:
        return b""
    return _fatal(report.failure) if report.failure else FLUSH_PKT  # no report, but no silence either


def _fatal(message: str) -> bytes:
    return sideband.frame_bytes(sideband.BAND_ERROR, message.encode() + b"\n") + FLUSH_PKT
