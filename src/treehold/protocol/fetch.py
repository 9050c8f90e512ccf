"""v2's ``fetch``: its arguments, and the sections of its answer (gitprotocol-v2, "fetch").

The sections, each but the last closed by a delim, come in this order::

    acknowledgments   only if haves came without ``done``; the whole answer unless it says ``ready``
    shallow-info      if the request changes the depth or names shallow commits, or the repo itself is shallow
    wanted-refs       if it has ``want-ref``
    packfile-uris     never sent here
    packfile          side-band packets, then a flush

Git 2.39's own server sends wanted-refs before shallow-info, which its own client then refuses.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from treehold.errors import MalformedMessage
from treehold.ids import ObjectId, RefName, hex_oid
from treehold.protocol.fetch_request import (
    DEFAULT_LIMITS,
    AckMode,
    FetchDraft,
    FetchLimits,
    FetchRequest,
    encode_shared_lines,
)
from treehold.protocol.pktline import DELIM_PKT, FLUSH_PKT, encode
from treehold.protocol.sideband import SIDE_BAND_64K_BYTES

PACKFILE_SECTION: Final = encode(b"packfile\n")
"""The header of the last section."""

_WANT_REF: Final = b"want-ref "
_WORDS: Final = (
    b"thin-pack",
    b"no-progress",
    b"include-tag",
    b"ofs-delta",
    b"deepen-relative",
    b"sideband-all",
    b"wait-for-done",
    b"done",
)


def decode_arguments(arguments: Iterable[bytes], *, limits: FetchLimits = DEFAULT_LIMITS) -> FetchRequest:
    """Read the command's arguments; raises MalformedMessage, InvalidRefName, LimitExceeded."""
    draft = FetchDraft(limits)
    for argument in arguments:
        if argument in _WORDS:
            draft.words.add(argument)
        elif argument.startswith(_WANT_REF):
            draft.take_want_ref(argument.removeprefix(_WANT_REF))
        elif not draft.take(argument):
            raise MalformedMessage(f"fetch: unexpected line: {argument[:60]!r}")
    return draft.build(side_band=SIDE_BAND_64K_BYTES, ack_mode=AckMode.NONE, has_negotiated=True)


def encode_arguments(request: FetchRequest) -> tuple[bytes, ...]:
    """The request as arguments of its command, in the order in which git sends them."""
    flags = (
        request.thin_pack,
        request.no_progress,
        request.include_tag,
        request.ofs_delta,
        request.deepen_relative,
        request.sideband_all,
        request.wait_for_done,
    )
    lines = [word for word, is_set in zip(_WORDS[:-1], flags, strict=True) if is_set]
    lines += encode_shared_lines(request)
    lines += [b"want " + hex_oid(oid) for oid in request.wants]
    lines += [_WANT_REF + name for name in request.want_refs]
    lines += [b"have " + hex_oid(oid) for oid in request.haves]
    if request.done:
        lines.append(b"done")
    return tuple(lines)


def encode_acknowledgments(common: Sequence[ObjectId], *, ready: bool, last: bool) -> bytes:
    """The acknowledgments of the haves that the repo has, in the order they came.

    ``ready`` promises the pack in this same answer; ``last`` closes the answer with a flush instead of the section
    with a delim. Leave the section out when the request is ``done``. A client that sent ``wait-for-done`` must not be
    told ``ready``.
    """
    lines = [encode(b"acknowledgments\n")]
    lines += [encode(b"ACK %b\n" % hex_oid(oid)) for oid in common] or [encode(b"NAK\n")]
    if ready:
        lines.append(encode(b"ready\n"))
    return b"".join([*lines, FLUSH_PKT if last else DELIM_PKT])


def encode_shallow_info(shallow: Iterable[ObjectId], unshallow: Iterable[ObjectId]) -> bytes:
    """The commits whose parents are cut off from now on, and those whose no longer are; closed by a delim."""
    return b"".join([encode(b"shallow-info\n"), *shallow_lines(shallow, unshallow), DELIM_PKT])


def shallow_lines(shallow: Iterable[ObjectId], unshallow: Iterable[ObjectId]) -> list[bytes]:
    """The packets that tell of a changed depth; v0 spells them the same."""
    lines = [encode(b"shallow " + hex_oid(oid)) for oid in shallow]
    lines += [encode(b"unshallow " + hex_oid(oid)) for oid in unshallow]
    return lines


def encode_wanted_refs(values: Iterable[tuple[RefName, ObjectId]]) -> bytes:
    """What each ref of the request's ``want-ref`` lines stands at; closed by a delim."""
    lines = [encode(b"wanted-refs\n")]
    lines += [encode(b"%b %b\n" % (hex_oid(oid), name)) for name, oid in values]
    return b"".join([*lines, DELIM_PKT])
