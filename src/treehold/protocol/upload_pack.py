"""Fetching by v0 and v1 over HTTP: one POST body, and the lines that answer it (gitprotocol-pack, -http).

::

    want <oid> <capabilities>   want <oid> ...   shallow ...   deepen ...   filter ...   0000
    have <oid> ...   0000 or done

HTTP keeps no state, so every body begins with the wants anew and repeats the haves that were acknowledged. A body ends
one round: at the flush after its haves, at ``done``, or right after the wants, when a client that changes its depth
first asks for the shallow lines alone. What follows the end of a round is not looked at, as with git.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from treehold.errors import MalformedMessage
from treehold.ids import ObjectId, hex_oid
from treehold.protocol.capabilities import parse_capabilities, require_sha1
from treehold.protocol.fetch import shallow_lines
from treehold.protocol.fetch_request import (
    DEFAULT_LIMITS,
    AckMode,
    FetchDraft,
    FetchLimits,
    FetchRequest,
    encode_shared_lines,
)
from treehold.protocol.pktline import FLUSH_PKT, NEED_MORE, Marker, Packet, PktDecoder, chomp, encode
from treehold.protocol.sideband import SIDE_BAND_64K_BYTES, SIDE_BAND_BYTES

_WORDS: Final = frozenset(
    (b"thin-pack", b"ofs-delta", b"include-tag", b"no-progress", b"no-done", b"deepen-relative", b"filter")
)

_STATUSES: Final = {
    AckMode.NONE: (b"", b""),
    AckMode.MULTI: (b" continue", b" continue"),
    AckMode.DETAILED: (b" common", b" ready"),
}
"""What follows the id of a common have, and of one that is unknown when nothing more is needed."""


class UploadRequestDecoder:
    """Reads one POST body fed in pieces; raises MalformedMessage and LimitExceeded while it is fed."""

    def __init__(self, limits: FetchLimits = DEFAULT_LIMITS) -> None:
        self._packets = PktDecoder()
        self._draft = FetchDraft(limits)
        self._take: Callable[[Packet], None] = self._take_want_packet
        self._side_band = 0
        self._ack_mode = AckMode.NONE
        self._was_fed = False
        self._has_wants = False
        self._has_flushed = False
        self._has_negotiated = False
        self._has_ended = False

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next piece of the body."""
        self._was_fed = self._was_fed or len(data) > 0
        if self._has_ended:
            return
        self._packets.feed(data)
        while not self._has_ended and (packet := self._packets.next()) is not NEED_MORE:
            self._take(packet)

    def finish(self) -> FetchRequest:
        """The request at the end of the body; raises MalformedMessage when it is cut short.

        A body that is empty or a lone flush wants nothing.
        """
        if self._was_fed and not self._has_ended and (self._packets.buffered or not self._may_end_here()):
            raise MalformedMessage("the request ends before its flush")
        return self._draft.build(
            side_band=self._side_band, ack_mode=self._ack_mode, has_negotiated=self._has_negotiated
        )

    def _may_end_here(self) -> bool:
        return self._has_flushed and not self._has_negotiated

    def _take_want_packet(self, packet: Packet) -> None:
        if isinstance(packet, Marker):
            _require_flush(packet)
            self._has_flushed = True
            self._has_ended = not self._has_wants
            self._take = self._take_have_packet
        else:
            self._take_want_line(chomp(packet))

    def _take_want_line(self, line: bytes) -> None:
        keyword, _, value = line.partition(b" ")
        if keyword == b"want":
            oid_hex, _, capabilities = value.partition(b" ")
            self._has_wants = True
            self._draft.take(b"want " + oid_hex)
            if capabilities:
                self._take_capabilities(capabilities)
        elif keyword == b"filter" and b"filter" not in self._draft.words:
            raise MalformedMessage("a filter without the filter capability")
        elif keyword == b"have" or not self._draft.take(line):
            raise MalformedMessage(f"expected a want, not {line[:60]!r}")

    def _take_capabilities(self, text: bytes) -> None:
        capabilities = parse_capabilities(text)
        require_sha1(capabilities)
        words = set(capabilities.entries)
        self._draft.words |= words & _WORDS
        if b"side-band-64k" in words:
            self._side_band = SIDE_BAND_64K_BYTES
        elif b"side-band" in words and not self._side_band:
            self._side_band = SIDE_BAND_BYTES
        if AckMode.DETAILED.value in words:
            self._ack_mode = AckMode.DETAILED
        elif AckMode.MULTI.value in words and self._ack_mode is AckMode.NONE:
            self._ack_mode = AckMode.MULTI

    def _take_have_packet(self, packet: Packet) -> None:
        self._has_negotiated = True
        if isinstance(packet, Marker):
            _require_flush(packet)
            self._has_ended = True
            return
        line = chomp(packet)
        if line == b"done":
            self._draft.words.add(b"done")
            self._has_ended = True
        elif not line.startswith(b"have "):
            raise MalformedMessage(f"expected a have, not {line[:60]!r}")
        else:
            self._draft.take(line)


def encode_request(request: FetchRequest) -> bytes:
    """The request as a client's POST body; the haves are closed by ``done`` or by a flush."""
    if not request.wants:
        return FLUSH_PKT
    first, *others = request.wants
    lines = [b"want " + b" ".join([hex_oid(first), *_capabilities(request)]) + b"\n"]
    lines += [b"want %b\n" % hex_oid(oid) for oid in others]
    lines += [line + b"\n" for line in encode_shared_lines(request)]
    haves = [b"have %b\n" % hex_oid(oid) for oid in request.haves]
    end = encode(b"done\n") if request.done else FLUSH_PKT if request.has_negotiated else b""
    return b"".join([*map(encode, lines), FLUSH_PKT, *map(encode, haves), end])


def encode_shallow_update(shallow: Iterable[ObjectId], unshallow: Iterable[ObjectId]) -> bytes:
    """What a request that changes the depth is told before any acknowledgment, closed by a flush."""
    return b"".join([*shallow_lines(shallow, unshallow), FLUSH_PKT])


def acknowledge(request: FetchRequest, common: Collection[ObjectId], *, ready: bool) -> tuple[bytes, bool]:
    """The lines that answer a round's haves, and whether the pack follows them in this same answer.

    ``common`` are the haves that the repo has. ``ready`` says that with them every want's history is met, so that the
    client need not go on; it counts only if anything is common. The lines are git's: a have that the repo lacks is
    acknowledged too once it is ready, because the client then stops walking down from there. Git judges that at each
    have; here it is judged once for the round, and taken to have been so since the first common one.
    """
    if not request.has_negotiated:
        return b"", False
    known = frozenset(common)
    common_haves = [have for have in request.haves if have in known]
    is_ready = ready and bool(common_haves)
    lines, was_told = _have_lines(request, known, is_ready=is_ready)
    if request.done:
        return b"".join([*lines, *_done_lines(request, common_haves)]), True
    if request.ack_mode is AckMode.DETAILED and is_ready and len(common_haves) == len(request.haves):
        lines.append(_ack(common_haves[-1], b" ready"))
        was_told = True
    if request.ack_mode is not AckMode.NONE or not common_haves:
        lines.append(encode(b"NAK\n"))
    pack_follows = request.no_done and was_told
    if pack_follows:
        lines.append(_ack(common_haves[-1]))
    return b"".join(lines), pack_follows


def _have_lines(request: FetchRequest, known: frozenset[ObjectId], *, is_ready: bool) -> tuple[list[bytes], bool]:
    """A line for each have that deserves one, and whether any said ``ready``."""
    common_status, ready_status = _STATUSES[request.ack_mode]
    lines: list[bytes] = []
    was_told = False
    for have in request.haves:
        if have in known:
            lines.append(_ack(have, common_status))
        elif is_ready and lines:
            lines.append(_ack(have, ready_status))
            was_told = request.ack_mode is AckMode.DETAILED
    return (lines[:1], False) if request.ack_mode is AckMode.NONE else (lines, was_told)


def _done_lines(request: FetchRequest, common_haves: Sequence[ObjectId]) -> list[bytes]:
    if not common_haves:
        return [encode(b"NAK\n")]
    return [] if request.ack_mode is AckMode.NONE else [_ack(common_haves[-1])]


def _ack(oid: ObjectId, status: bytes = b"") -> bytes:
    return encode(b"ACK %b%b\n" % (hex_oid(oid), status))


def _capabilities(request: FetchRequest) -> list[bytes]:
    flags = (
        (b"multi_ack_detailed", request.ack_mode is AckMode.DETAILED),
        (b"multi_ack", request.ack_mode is AckMode.MULTI),
        (b"no-done", request.no_done),
        (b"side-band-64k", request.side_band == SIDE_BAND_64K_BYTES),
        (b"side-band", request.side_band == SIDE_BAND_BYTES),
        (b"deepen-relative", request.deepen_relative),
        (b"thin-pack", request.thin_pack),
        (b"no-progress", request.no_progress),
        (b"include-tag", request.include_tag),
        (b"ofs-delta", request.ofs_delta),
        (b"filter", request.filter is not None),
    )
    return [word for word, is_set in flags if is_set]


def _require_flush(marker: Marker) -> None:
    if marker is not Marker.FLUSH:
        raise MalformedMessage(f"a {marker.name.lower()} packet in a request of protocol v0")
