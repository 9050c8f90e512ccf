"""The report on a push: whether the pack was taken, and what became of each ref (gitprotocol-pack, "Report Status")."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from treehold.errors import MalformedMessage
from treehold.protocol.error_line import one_line
from treehold.protocol.pktline import FLUSH_PKT, Marker, chomp, decode_all, encode

REASON_BYTES_MAX: Final = 500
NAME_BYTES_MAX: Final = 32_768
"""A name longer than any that is taken is cut here, so that the line that refuses it fits in a packet."""

_UNPACK: Final = b"unpack "


@dataclass(frozen=True, slots=True)
class RefResult:
    """What became of one ref: ``error`` is the reason why it did not change, None if it did."""

    name: bytes
    error: str | None = None


def encode_report(unpack: str, results: Iterable[RefResult], *, version: Literal[1, 2] = 2) -> bytes:
    """The report as packets and a flush, for the caller to put on band 1. ``unpack`` is ``"ok"`` or what went wrong.

    Version 2 differs only in option lines for refs that a hook has redirected, and nothing redirects refs here.
    """
    assert version in (1, 2)
    lines = [encode(_UNPACK + _reason(unpack) + b"\n")]
    lines += [encode(_result_line(result)) for result in results]
    return b"".join([*lines, FLUSH_PKT])


def decode_report(report: bytes) -> tuple[str, tuple[RefResult, ...]]:
    """Read a report of either version as its ``unpack`` text and its results; raises MalformedMessage."""
    packets = decode_all(report)
    if packets[-1:] != [Marker.FLUSH]:
        raise MalformedMessage("the report does not end with a flush")
    lines = []
    for packet in packets[:-1]:
        if isinstance(packet, Marker):
            raise MalformedMessage("a mark inside a report")
        lines.append(chomp(packet))
    if not lines or not lines[0].startswith(_UNPACK):
        raise MalformedMessage("the report does not begin with unpack")
    results = tuple(_decode_result(line) for line in lines[1:] if not line.startswith(b"option "))
    return _text(lines[0].removeprefix(_UNPACK)), results


def _result_line(result: RefResult) -> bytes:
    name = result.name[:NAME_BYTES_MAX]
    return b"ok %b\n" % name if result.error is None else b"ng %b %b\n" % (name, _reason(result.error))


def _decode_result(line: bytes) -> RefResult:
    status, _, rest = line.partition(b" ")
    if status == b"ok":
        return RefResult(rest)
    name, blank, reason = rest.partition(b" ")
    if status != b"ng" or not blank:
        raise MalformedMessage(f"not a ref's result: {line[:120]!r}")
    return RefResult(name, _text(reason))


def _reason(text: str) -> bytes:
    return one_line(text, bytes_max=REASON_BYTES_MAX)


def _text(line: bytes) -> str:
    return line.decode(errors="replace")
