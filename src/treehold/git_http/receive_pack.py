"""Push: read the commands and the pack, have the engine carry it out, report."""

from typing import Final

from treehold.engine import push
from treehold.engine.context import Engine
from treehold.engine.gate import GitGuest
from treehold.engine.push import PushReport
from treehold.engine.spool import PackSpool, spool
from treehold.errors import RequestError
from treehold.git_http.body import Receive, Send, body_pieces
from treehold.git_http.responses import send_whole
from treehold.protocol import sideband
from treehold.protocol.pktline import FLUSH_PKT, NEED_MORE
from treehold.protocol.receive_pack import PushLimits, PushRequest, PushRequestDecoder
from treehold.protocol.report_status import encode_report

RESULT: Final = [(b"content-type", b"application/x-git-receive-pack-result")]


async def answer(engine: Engine, guest: GitGuest, receive: Receive, send: Send, *, encoding: bytes) -> None:
    """One push. What is wrong with it is reported the way the client asked for; ServerError is raised."""
    decoder = PushRequestDecoder(PushLimits(commands=engine.limits.push_commands_max))
    with spool(engine) as pack:
        request = PushRequest()
        try:
            request = await _read(receive, decoder, pack, encoding=encoding)
            report = await push.receive_push(engine, guest, request, pack) if request.commands else None
        except RequestError as error:
            head = decoder.result()
            if head is NEED_MORE:
                # nobody knows yet how the client reads reports: a fatal message works for all that have side-band
                await send_whole(send, 200, _fatal(str(error)), RESULT)
                return
            request, report = head, push.refused(head, str(error))
    await send_whole(send, 200, _encode(request, report) if report else b"", RESULT)


async def _read(receive: Receive, decoder: PushRequestDecoder, pack: PackSpool, *, encoding: bytes) -> PushRequest:
    async for piece in body_pieces(receive, encoding=encoding):
        if decoder.result() is not NEED_MORE:
            pack.write(piece)
            continue
        decoder.feed(piece)
        if decoder.result() is not NEED_MORE and (rest := decoder.take_rest()):
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
