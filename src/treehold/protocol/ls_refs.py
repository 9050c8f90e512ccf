"""v2's ``ls-refs``: the refs a client asks about, and no others (gitprotocol-v2, "ls-refs")."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from treehold.errors import MalformedMessage
from treehold.ids import hex_oid, parse_oid
from treehold.protocol.advertisement import AdvertisedRef
from treehold.protocol.pktline import FLUSH_PKT, Marker, chomp, decode_all, encode

PREFIXES_MAX: Final = 65_536
"""From this many prefixes on they are all ignored and every ref is told, as git does: a prefix is only a wish to hear
less, and a client must be ready to be told more."""

_REF_PREFIX: Final = b"ref-prefix "


@dataclass(frozen=True, slots=True)
class LsRefsRequest:
    """What to tell of each ref, and of which: those that begin with one of ``prefixes``, or all when there is none."""

    peel: bool = False
    symrefs: bool = False
    unborn: bool = False
    prefixes: tuple[bytes, ...] = ()


def decode_arguments(arguments: Iterable[bytes], *, prefixes_max: int = PREFIXES_MAX) -> LsRefsRequest:
    """Read the command's arguments; raises MalformedMessage for one that ls-refs does not know."""
    words: set[bytes] = set()
    prefixes: list[bytes] = []
    for argument in arguments:
        if argument.startswith(_REF_PREFIX):
            if len(prefixes) < prefixes_max:
                prefixes.append(argument.removeprefix(_REF_PREFIX))
        elif argument in (b"peel", b"symrefs", b"unborn"):
            words.add(argument)
        else:
            raise MalformedMessage(f"ls-refs: unexpected line: {argument[:60]!r}")
    if len(prefixes) >= prefixes_max:
        prefixes.clear()
    return LsRefsRequest(b"peel" in words, b"symrefs" in words, b"unborn" in words, tuple(prefixes))


def encode_arguments(request: LsRefsRequest) -> tuple[bytes, ...]:
    """The request as arguments of its command."""
    flags = ((b"peel", request.peel), (b"symrefs", request.symrefs), (b"unborn", request.unborn))
    return (*(word for word, is_set in flags if is_set), *(_REF_PREFIX + prefix for prefix in request.prefixes))


def encode_response(refs: Iterable[AdvertisedRef], request: LsRefsRequest, *, unborn_head: bytes | None) -> bytes:
    """The whole answer: those of ``refs`` that were asked for, in the order given.

    ``unborn_head`` is the branch that HEAD points at while it does not exist; it is told first, to a client that asked
    for ``unborn`` and, as with git, for ``symrefs`` too.
    """
    matcher = PrefixMatcher(request.prefixes)
    lines = []
    if unborn_head is not None and request.unborn and request.symrefs and matcher.matches(b"HEAD"):
        lines.append(encode(b"unborn HEAD symref-target:%b\n" % unborn_head))
    lines += [encode(_ref_line(ref, request)) for ref in refs if matcher.matches(ref.name)]
    return b"".join([*lines, FLUSH_PKT])


def decode_response(body: bytes) -> tuple[tuple[AdvertisedRef, ...], bytes | None]:
    """Read an answer as its refs and the unborn HEAD's branch; raises MalformedMessage."""
    packets = decode_all(body)
    if packets[-1:] != [Marker.FLUSH]:
        raise MalformedMessage("the list of refs does not end with a flush")
    refs: list[AdvertisedRef] = []
    unborn_head = None
    for packet in packets[:-1]:
        if isinstance(packet, Marker):
            raise MalformedMessage("a mark inside a list of refs")
        first, *words = chomp(packet).split(b" ")
        if first == b"unborn":
            unborn_head = _attribute(words, b"symref-target:")
        else:
            refs.append(_decode_ref(first, words))
    return tuple(refs), unborn_head


class PrefixMatcher:
    """Tells whether a name begins with any of many prefixes, at the cost of a binary search and not of a scan.

    A prefix of another prefix makes that one needless. Of those left, no two begin alike, so that the last one sorted
    before a name is the only one that it can begin with.
    """

    def __init__(self, prefixes: Iterable[bytes]) -> None:
        self._prefixes: list[bytes] = []
        for prefix in sorted(prefixes):
            if not self._prefixes or not prefix.startswith(self._prefixes[-1]):
                self._prefixes.append(prefix)

    def matches(self, name: bytes) -> bool:
        """Whether the name begins with one of the prefixes, or there are none."""
        if not self._prefixes:
            return True
        position = bisect_right(self._prefixes, name)
        return position > 0 and name.startswith(self._prefixes[position - 1])


def _ref_line(ref: AdvertisedRef, request: LsRefsRequest) -> bytes:
    line = b"%b %b" % (hex_oid(ref.oid), ref.name)
    if request.symrefs and ref.symref_target is not None:
        line += b" symref-target:" + ref.symref_target
    if request.peel and ref.peeled is not None:
        line += b" peeled:" + hex_oid(ref.peeled)
    return line + b"\n"


def _decode_ref(oid_hex: bytes, words: list[bytes]) -> AdvertisedRef:
    if not words:
        raise MalformedMessage("a ref without a name")
    peeled = _attribute(words, b"peeled:")
    return AdvertisedRef(
        name=words[0],
        oid=parse_oid(oid_hex),
        peeled=None if peeled is None else parse_oid(peeled),
        symref_target=_attribute(words, b"symref-target:"),
    )


def _attribute(words: list[bytes], label: bytes) -> bytes | None:
    return next((word.removeprefix(label) for word in words[1:] if word.startswith(label)), None)
