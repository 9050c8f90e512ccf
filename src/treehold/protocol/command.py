"""Protocol v2's envelope: a command, capabilities, and the command's arguments (gitprotocol-v2, "Command Request").

::

    command=fetch  agent=git/2.39.5  object-format=sha1  0001  thin-pack  want ...  done  0000

An HTTP body holds one command. The arguments are kept as lines; each command's own file reads them.
"""

from dataclasses import dataclass
from typing import Final

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.protocol.capabilities import CAPABILITIES_MAX, NO_CAPABILITIES, Capabilities, require_sha1
from treehold.protocol.pktline import (
    DELIM_PKT,
    FLUSH_PKT,
    NEED_MORE,
    Marker,
    NeedMore,
    Packet,
    PktDecoder,
    chomp,
    encode,
)

_COMMAND: Final = b"command="


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """One v2 request. ``command`` is empty when the client sent only a flush: it asks for nothing more."""

    command: bytes
    capabilities: Capabilities = NO_CAPABILITIES
    arguments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandLimits:
    """How large a request may grow: enough for as many wants and haves as a fetch may hold."""

    lines: int = 600_000
    line_bytes: int = 32 << 20


class CommandDecoder:
    """Reads one v2 request fed in pieces; raises MalformedMessage and LimitExceeded while it is fed."""

    def __init__(self, limits: CommandLimits = CommandLimits()) -> None:
        self._limits = limits
        self._packets = PktDecoder()
        self._command: bytes | None = None
        self._capabilities: list[bytes] = []
        self._arguments: list[bytes] = []
        self._lines = 0
        self._line_bytes = 0
        self._was_fed = False
        self._in_arguments = False
        self._is_open = True
        self._has_trailing = False
        self._result: CommandRequest | NeedMore = NEED_MORE

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next piece of the body."""
        self._was_fed = self._was_fed or len(data) > 0
        self._packets.feed(data)
        while self._is_open and (packet := self._packets.next()) is not NEED_MORE:
            self._take(packet)
        if not self._is_open:
            self._has_trailing = bool(self._packets.take_rest()) or self._has_trailing

    def result(self) -> CommandRequest | NeedMore:
        """The request, as soon as its flush has come."""
        return self._result

    def finish(self) -> CommandRequest:
        """The request at the end of the body; raises MalformedMessage when it is cut short or more follows it."""
        if not self._was_fed:
            return CommandRequest(b"")
        if self._result is NEED_MORE:
            raise MalformedMessage("the request ends before its flush")
        if self._has_trailing:
            raise MalformedMessage("something follows the end of the request")
        return self._result

    def _take(self, packet: Packet) -> None:
        if packet is Marker.DELIM and not self._in_arguments:
            self._in_arguments = True
        elif isinstance(packet, Marker):
            self._end(packet)
        elif self._in_arguments:
            self._arguments.append(self._counted(packet))
        else:
            self._take_envelope_line(self._counted(packet))

    def _take_envelope_line(self, line: bytes) -> None:
        if not line.startswith(_COMMAND):
            self._capabilities.append(line)
            if len(self._capabilities) > CAPABILITIES_MAX:
                raise LimitExceeded(f"more than {CAPABILITIES_MAX} capabilities")
        elif self._command is None:
            self._command = line.removeprefix(_COMMAND)
        else:
            raise MalformedMessage("more than one command in a request")

    def _counted(self, packet: bytes) -> bytes:
        self._lines += 1
        self._line_bytes += len(packet)
        if self._lines > self._limits.lines:
            raise LimitExceeded(f"more than {self._limits.lines} lines in one request")
        if self._line_bytes > self._limits.line_bytes:
            raise LimitExceeded(f"more than {self._limits.line_bytes} bytes of lines in one request")
        return chomp(packet)

    def _end(self, marker: Marker) -> None:
        if marker is not Marker.FLUSH:
            raise MalformedMessage(f"a {marker.name.lower()} packet where the request should end")
        if not self._command and (self._lines or self._in_arguments):
            raise MalformedMessage("a request without a command")
        capabilities = Capabilities(tuple(self._capabilities))
        require_sha1(capabilities)
        self._is_open = False
        self._result = CommandRequest(self._command or b"", capabilities, tuple(self._arguments))


def encode_command(request: CommandRequest) -> bytes:
    """The request as a client sends it: with a delim only where arguments follow, a bare flush for no command."""
    if not request.command:
        return FLUSH_PKT
    lines = [encode(_COMMAND + request.command + b"\n")]
    lines += [encode(entry + b"\n") for entry in request.capabilities.entries]
    if request.arguments:
        lines.append(DELIM_PKT)
        lines += [encode(argument + b"\n") for argument in request.arguments]
    return b"".join([*lines, FLUSH_PKT])
