"""Fetches made by hand: one request, and all that is answered to it."""

from dataclasses import dataclass

from tests.wire.raw_git import RawGit
from treehold.ids import ObjectId
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol import fetch, object_info, upload_pack
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch_request import FetchRequest
from treehold.protocol.pktline import Marker, chomp, decode_all
from treehold.protocol.sideband import SIDE_BAND_64K_BYTES, split

__all__ = ["SIDE_BAND_64K_BYTES", "FetchAnswer", "ask", "sizes"]


@dataclass(frozen=True)
class FetchAnswer:
    """An answer taken apart: the plan by which the pack was made, the lines before it, the pack, or an error."""

    status: int
    plan: str | None
    lines: tuple[bytes, ...]
    pack: bytes
    error: str

    def oids(self) -> set[ObjectId]:
        """The objects in the pack, which must stand by itself."""
        return {found.oid for found in resolve_pack(scan_pack(self.pack), external_base=no_base)}

    def acknowledged(self) -> set[ObjectId]:
        """The haves that the server said it has."""
        words = (line.split() for line in self.lines if line.startswith(b"ACK "))
        return {ObjectId(bytes.fromhex(found[1].decode())) for found in words}


def ask(raw: RawGit, request: FetchRequest, *, version: int = 2) -> FetchAnswer:
    """One POST of a fetch, by protocol version 0, 1 or 2; v0 requests must have a side-band."""
    if version == 2:
        body = encode_command(CommandRequest(b"fetch", arguments=fetch.encode_arguments(request)))
    else:
        body = upload_pack.encode_request(request)
    answer = raw.post("git-upload-pack", body, git_protocol=f"version={version}")
    if answer.status_code != 200:
        return FetchAnswer(answer.status_code, None, (), b"", answer.text)
    lines: list[bytes] = []
    bands = {1: b"", 2: b"", 3: b""}
    for packet in decode_all(answer.content):
        if isinstance(packet, Marker):
            continue
        if packet[:1] in (b"\1", b"\2", b"\3"):
            band, data = split(packet)
            bands[band] += data
        else:
            lines.append(chomp(packet))
    refusals = [line[4:].decode() for line in lines if line.startswith(b"ERR ")]
    plan = answer.headers.get("x-treehold-plan")
    return FetchAnswer(200, plan, tuple(lines), bands[1], bands[3].decode() or "".join(refusals))


def sizes(raw: RawGit, *oids: ObjectId) -> dict[ObjectId, int | None]:
    """What v2's object-info tells of these objects."""
    request = object_info.ObjectInfoRequest(oids, size=True)
    body = encode_command(CommandRequest(b"object-info", arguments=object_info.encode_arguments(request)))
    answer = raw.post("git-upload-pack", body, git_protocol="version=2")
    return object_info.decode_response(answer.content)
