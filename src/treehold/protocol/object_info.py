"""v2's ``object-info``: the sizes of objects without the objects (gitprotocol-v2, "object-info")."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ObjectId, hex_oid, parse_oid
from treehold.protocol.pktline import FLUSH_PKT, Marker, chomp, decode_all, encode

OIDS_MAX: Final = 65_536
"""Objects asked about in one request: a mounted folder asks a directory at a time."""

_OID: Final = b"oid "
_SIZE: Final = b"size"


@dataclass(frozen=True, slots=True)
class ObjectInfoRequest:
    """The objects asked about, and whether their sizes are wanted: the only attribute there is so far."""

    oids: tuple[ObjectId, ...] = ()
    size: bool = False


def decode_arguments(arguments: Iterable[bytes], *, oids_max: int = OIDS_MAX) -> ObjectInfoRequest:
    """Read the command's arguments; raises MalformedMessage, LimitExceeded."""
    oids: list[ObjectId] = []
    has_size = False
    for argument in arguments:
        if argument == _SIZE:
            has_size = True
        elif argument.startswith(_OID):
            oids.append(parse_oid(argument.removeprefix(_OID)))
        else:
            raise MalformedMessage(f"object-info: unexpected line: {argument[:60]!r}")
        if len(oids) > oids_max:
            raise LimitExceeded(f"more than {oids_max} objects in one object-info request")
    return ObjectInfoRequest(tuple(oids), has_size)


def encode_arguments(request: ObjectInfoRequest) -> tuple[bytes, ...]:
    """The request as arguments of its command."""
    return (*((_SIZE,) if request.size else ()), *(_OID + hex_oid(oid) for oid in request.oids))


def encode_response(request: ObjectInfoRequest, sizes: Mapping[ObjectId, int]) -> bytes:
    """The whole answer, sizes in bytes; an object that ``sizes`` lacks is told with an empty one, as git does."""
    if not request.oids:
        return FLUSH_PKT
    lines = [encode(_SIZE)] if request.size else []
    for oid in request.oids:
        size = b" %b" % (b"%d" % sizes[oid] if oid in sizes else b"") if request.size else b""
        lines.append(encode(hex_oid(oid) + size))
    return b"".join([*lines, FLUSH_PKT])


def decode_response(body: bytes) -> dict[ObjectId, int | None]:
    """Read an answer: each object told of, with its size if that is known; raises MalformedMessage."""
    packets = decode_all(body)
    if packets[-1:] != [Marker.FLUSH]:
        raise MalformedMessage("the answer does not end with a flush")
    answer: dict[ObjectId, int | None] = {}
    for packet in packets[:-1]:
        if isinstance(packet, Marker):
            raise MalformedMessage("a mark inside an object-info answer")
        line = chomp(packet)
        if line != _SIZE:
            oid_hex, _, size = line.partition(b" ")
            answer[parse_oid(oid_hex)] = _parse_size(size)
    return answer


def _parse_size(digits: bytes) -> int | None:
    if not digits:
        return None
    if not digits.isdigit() or len(digits) > 20:
        raise MalformedMessage(f"not an object's size: {digits[:40]!r}")
    return int(digits)
