"""The advertisement: what a server has and can do, the body of ``GET info/refs`` (gitprotocol-http, -pack, -v2).

v0 and v1 list every ref, with the capabilities after a NUL on the first line. v2 lists capabilities alone, one a line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from treehold.errors import MalformedMessage
from treehold.ids import ZERO_OID, ObjectId, hex_oid, parse_oid
from treehold.protocol.capabilities import Capabilities, encode_capabilities, parse_capabilities
from treehold.protocol.pktline import FLUSH_PKT, Marker, Packet, chomp, decode_all, encode

UPLOAD_PACK: Final = b"git-upload-pack"
RECEIVE_PACK: Final = b"git-receive-pack"

_SERVICE: Final = b"# service="
_PEELED: Final = b"^{}"
_NO_REFS: Final = b"capabilities^{}"


@dataclass(frozen=True, slots=True)
class AdvertisedRef:
    """A ref as clients are told of it: ``peeled`` for annotated tags, ``symref_target`` for ``HEAD``."""

    name: bytes
    oid: ObjectId
    peeled: ObjectId | None = None
    symref_target: bytes | None = None


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A decoded advertisement. ``service`` is None where the server left the line out; v2 has no ``refs``."""

    service: bytes | None
    version: int
    capabilities: Capabilities
    refs: tuple[AdvertisedRef, ...] = ()
    shallow: tuple[ObjectId, ...] = ()


def encode_v0(
    refs: Sequence[AdvertisedRef],
    capabilities: Sequence[bytes],
    *,
    service: bytes,
    version_1: bool,
    shallow: Sequence[ObjectId] = (),
) -> bytes:
    """The whole body for v0 or v1: refs in the order given, which should be HEAD and then by name.

    To upload-pack's capabilities ``symref=`` is added for each ref that has a target, unless it is there already; its
    refs are followed by what they peel to. receive-pack is told of neither, nor of HEAD, which cannot be pushed to.
    ``shallow`` are the commits at which the repo itself is cut off.
    """
    is_fetch = service == UPLOAD_PACK
    shown = refs if is_fetch else [ref for ref in refs if ref.name != b"HEAD"]
    offered = _with_symrefs(refs, capabilities) if is_fetch else capabilities
    lines = [encode(_SERVICE + service + b"\n"), FLUSH_PKT]
    if version_1:
        lines.append(encode(b"version 1\n"))
    lines += _ref_lines(shown, encode_capabilities(offered), with_peeled=is_fetch)
    lines += [encode(b"shallow %b\n" % hex_oid(oid)) for oid in shallow]
    return b"".join([*lines, FLUSH_PKT])


def encode_v2(capabilities: Sequence[bytes], *, service: bytes | None) -> bytes:
    """The whole body for v2, one capability a line.

    ``service`` puts the line that HTTP's document asks for and large hosts send in front; with None it is left out, as
    git's own http-backend does. Clients take both.
    """
    lines = [] if service is None else [encode(_SERVICE + service + b"\n"), FLUSH_PKT]
    lines.append(encode(b"version 2\n"))
    lines += [encode(capability + b"\n") for capability in capabilities]
    return b"".join([*lines, FLUSH_PKT])


def decode_advertisement(body: bytes) -> Advertisement:
    """Read the body of any version; raises MalformedMessage."""
    packets = decode_all(body)
    service = None
    if len(packets) > 1 and isinstance(packets[0], bytes) and packets[0].startswith(_SERVICE):
        service = chomp(packets[0]).removeprefix(_SERVICE)
        if packets[1] is not Marker.FLUSH:
            raise MalformedMessage("no flush after the service line")
        packets = packets[2:]
    lines = _lines_before_flush(packets)
    if lines[:1] == [b"version 2"]:
        return Advertisement(service, 2, Capabilities(tuple(lines[1:])))
    version = 1 if lines[:1] == [b"version 1"] else 0
    return _decode_refs(service, version, lines[version:])


def _with_symrefs(refs: Sequence[AdvertisedRef], capabilities: Sequence[bytes]) -> list[bytes]:
    symrefs = [b"symref=%b:%b" % (ref.name, ref.symref_target) for ref in refs if ref.symref_target is not None]
    return [*capabilities, *(symref for symref in symrefs if symref not in capabilities)]


def _ref_lines(refs: Sequence[AdvertisedRef], capabilities: bytes, *, with_peeled: bool) -> Iterator[bytes]:
    if not refs:
        yield encode(b"%b %b\0%b\n" % (hex_oid(ZERO_OID), _NO_REFS, capabilities))
    tail = b"\0" + capabilities
    for ref in refs:
        yield encode(b"%b %b%b\n" % (hex_oid(ref.oid), ref.name, tail))
        tail = b""
        if with_peeled and ref.peeled is not None:
            yield encode(b"%b %b%b\n" % (hex_oid(ref.peeled), ref.name, _PEELED))


def _lines_before_flush(packets: list[Packet]) -> list[bytes]:
    if not packets or packets[-1] is not Marker.FLUSH:
        raise MalformedMessage("the advertisement does not end with a flush")
    lines = []
    for packet in packets[:-1]:
        if isinstance(packet, Marker):
            raise MalformedMessage(f"a {packet.name.lower()} packet inside an advertisement")
        lines.append(chomp(packet))
    return lines


def _decode_refs(service: bytes | None, version: int, lines: list[bytes]) -> Advertisement:
    first, _, words = lines[0].partition(b"\0") if lines else (b"", b"", b"")
    capabilities = parse_capabilities(words)
    symrefs = dict(value.partition(b":")[::2] for value in capabilities.values(b"symref"))
    refs: list[AdvertisedRef] = []
    shallow = []
    for line in [first, *lines[1:]] if lines else []:
        oid_hex, _, name = line.partition(b" ")
        if oid_hex == b"shallow":
            shallow.append(parse_oid(name))
        elif name.endswith(_PEELED) and refs and refs[-1].name + _PEELED == name:
            refs[-1] = replace(refs[-1], peeled=parse_oid(oid_hex))
        elif not name:
            raise MalformedMessage(f"a ref without a name: {line[:60]!r}")
        elif name != _NO_REFS:
            refs.append(AdvertisedRef(name, parse_oid(oid_hex), symref_target=symrefs.get(name)))
    return Advertisement(service, version, capabilities, tuple(refs), tuple(shallow))
