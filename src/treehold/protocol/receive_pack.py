"""The head of a push: ref commands, capabilities and push options, before the pack (gitprotocol-pack, "Pushing").

::

    shallow <oid> ...   <old> <new> <ref> NUL <capabilities>   <old> <new> <ref> ...   0000
    options ...   0000
    PACK...

A ref name that git would refuse, or one that comes twice, does not spoil the push: it is kept with its problem and
answered ``ng``. A line that is not of this form does.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from treehold.errors import InvalidRefName, LimitExceeded, MalformedMessage
from treehold.ids import ZERO_OID, ObjectId, RefName, hex_oid, parse_oid, parse_ref_name
from treehold.protocol.capabilities import (
    NO_CAPABILITIES,
    Capabilities,
    encode_capabilities,
    parse_capabilities,
    require_sha1,
)
from treehold.protocol.pktline import FLUSH_PKT, NEED_MORE, Marker, NeedMore, Packet, PktDecoder, chomp, encode
from treehold.protocol.sideband import SIDE_BAND_64K_BYTES

FUNNY_REFNAME: Final = "funny refname"
MULTIPLE_UPDATES: Final = "multiple updates for ref not allowed"


@dataclass(frozen=True, slots=True)
class RefCommand:
    """One ref's step from ``old`` to ``new``, ZERO_OID standing for "none".

    ``name`` is what the client sent; it is a ref name if ``problem``, the reason to answer ``ng`` with, is None.
    """

    name: bytes
    old: ObjectId
    new: ObjectId
    problem: str | None = None

    @property
    def ref(self) -> RefName:
        """The checked name; asking for it is a mistake while there is a problem."""
        assert self.problem is None
        return RefName(self.name)

    @property
    def is_create(self) -> bool:
        """Whether the ref is to come into being."""
        return self.old == ZERO_OID and self.new != ZERO_OID

    @property
    def is_delete(self) -> bool:
        """Whether the ref is to go."""
        return self.new == ZERO_OID


@dataclass(frozen=True, slots=True)
class PushRequest:
    """All of a push but its pack. ``shallow`` are commits at which the client's own history is cut off."""

    commands: tuple[RefCommand, ...] = ()
    capabilities: Capabilities = NO_CAPABILITIES
    shallow: tuple[ObjectId, ...] = ()
    push_options: tuple[bytes, ...] = ()

    @property
    def wants_pack(self) -> bool:
        """Whether a pack follows: only a push that deletes and does nothing else comes without."""
        return any(not command.is_delete for command in self.commands)

    @property
    def atomic(self) -> bool:
        """Whether all refs change or none."""
        return self.capabilities.has(b"atomic")

    @property
    def quiet(self) -> bool:
        """Whether the client wants no progress."""
        return self.capabilities.has(b"quiet")

    @property
    def report_status(self) -> Literal[0, 1, 2]:
        """Which form of report the client asked for; 0 for none."""
        if self.capabilities.has(b"report-status-v2"):
            return 2
        return 1 if self.capabilities.has(b"report-status") else 0

    @property
    def side_band(self) -> int:
        """The packet size of the answer's side-band, 0 for none."""
        return SIDE_BAND_64K_BYTES if self.capabilities.has(b"side-band-64k") else 0


@dataclass(frozen=True, slots=True)
class PushLimits:
    """How much the head of a push may hold. ``command_bytes`` counts the lines of all commands together.

    The first mirror of a large repo creates tens of thousands of refs in one push.
    """

    commands: int = 100_000
    command_bytes: int = 16 << 20
    shallow: int = 65_536
    push_options: int = 256
    push_option_bytes: int = 65_536


class PushRequestDecoder:
    """Reads the head of a push fed in pieces and stops where the pack begins.

    Raises MalformedMessage and LimitExceeded while it is fed. Once :meth:`result` answers, take what is left with
    :meth:`take_rest` and stop feeding: all that follows is the pack.
    """

    def __init__(self, limits: PushLimits = PushLimits()) -> None:
        self._limits = limits
        self._packets = PktDecoder()
        self._take: Callable[[Packet], None] = self._take_command_packet
        self._commands: list[RefCommand] = []
        self._command_bytes = 0
        self._capabilities: Capabilities | None = None
        self._shallow: list[ObjectId] = []
        self._push_options: list[bytes] = []
        self._push_option_bytes = 0
        self._was_fed = False
        self._result: PushRequest | NeedMore = NEED_MORE

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next piece of the body."""
        self._was_fed = self._was_fed or len(data) > 0
        self._packets.feed(data)
        while self._result is NEED_MORE and (packet := self._packets.next()) is not NEED_MORE:
            self._take(packet)

    def result(self) -> PushRequest | NeedMore:
        """The request, as soon as its last flush has come."""
        return self._result

    def take_rest(self) -> bytes:
        """What was fed beyond the head: the first bytes of the pack. Only once there is a result."""
        assert self._result is not NEED_MORE
        return self._packets.take_rest()

    def finish(self) -> PushRequest:
        """The request at the end of the body; raises MalformedMessage when it is cut short. An empty body is none."""
        if not self._was_fed:
            return PushRequest()
        if self._result is NEED_MORE:
            raise MalformedMessage("the push ends before its commands do")
        return self._result

    def _take_command_packet(self, packet: Packet) -> None:
        if not isinstance(packet, Marker):
            self._take_command_line(packet)
            return
        _require_flush(packet)
        if self._commands and self._capabilities is not None and self._capabilities.has(b"push-options"):
            self._take = self._take_option_packet
        else:
            self._end()

    def _take_command_line(self, packet: bytes) -> None:
        line, nul, words = packet.partition(b"\0")
        if nul:
            self._take_capabilities(words)
        else:
            line = chomp(line)
        if line.startswith(b"shallow "):
            self._shallow.append(parse_oid(line.removeprefix(b"shallow ")))
            _check_limit(len(self._shallow), self._limits.shallow, "shallow lines")
        elif line.startswith(b"push-cert"):
            raise MalformedMessage("signed pushes are not supported")
        else:
            self._commands.append(_parse_command(line))
            self._command_bytes += len(line)
            _check_limit(len(self._commands), self._limits.commands, "ref updates")
            _check_limit(self._command_bytes, self._limits.command_bytes, "bytes of ref updates")

    def _take_capabilities(self, words: bytes) -> None:
        if self._capabilities is not None:
            raise MalformedMessage("capabilities on more than one line of a push")
        self._capabilities = parse_capabilities(words)
        require_sha1(self._capabilities)

    def _take_option_packet(self, packet: Packet) -> None:
        if isinstance(packet, Marker):
            _require_flush(packet)
            self._end()
            return
        option = chomp(packet)
        self._push_options.append(option)
        self._push_option_bytes += len(option)
        _check_limit(len(self._push_options), self._limits.push_options, "push options")
        _check_limit(self._push_option_bytes, self._limits.push_option_bytes, "bytes of push options")

    def _end(self) -> None:
        self._result = PushRequest(
            commands=_mark_repeated(self._commands),
            capabilities=self._capabilities or NO_CAPABILITIES,
            shallow=tuple(self._shallow),
            push_options=tuple(self._push_options),
        )


def encode_request(request: PushRequest) -> bytes:
    """The head of a push as a client sends it."""
    lines = [encode(b"shallow " + hex_oid(oid)) for oid in request.shallow]
    tail = b"\0 " + encode_capabilities(request.capabilities.entries)
    for command in request.commands:
        lines.append(encode(b"%b %b %b%b" % (hex_oid(command.old), hex_oid(command.new), command.name, tail)))
        tail = b""
    lines.append(FLUSH_PKT)
    if request.commands and request.capabilities.has(b"push-options"):
        lines += [*map(encode, request.push_options), FLUSH_PKT]
    return b"".join(lines)


def _parse_command(line: bytes) -> RefCommand:
    fields = line.split(b" ", 2)
    if len(fields) != 3:
        raise MalformedMessage(f"expected old, new and ref, not {line[:120]!r}")
    old, new, name = fields
    return RefCommand(name, parse_oid(old), parse_oid(new), _name_problem(name))


def _name_problem(name: bytes) -> str | None:
    try:
        parse_ref_name(name)
    except InvalidRefName:
        return FUNNY_REFNAME
    return None


def _mark_repeated(commands: Sequence[RefCommand]) -> tuple[RefCommand, ...]:
    """Which of two updates of a ref is meant cannot be told, so none of them is done."""
    counts = Counter(command.name for command in commands)
    if len(counts) == len(commands):
        return tuple(commands)
    return tuple(
        replace(command, problem=MULTIPLE_UPDATES) if command.problem is None and counts[command.name] > 1 else command
        for command in commands
    )


def _check_limit(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise LimitExceeded(f"more than {limit} {what} in one push")


def _require_flush(marker: Marker) -> None:
    if marker is not Marker.FLUSH:
        raise MalformedMessage(f"a {marker.name.lower()} packet in a push")
