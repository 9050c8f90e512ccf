"""What a client asks of a fetch, whichever protocol version it asked in.

v0 and v1 (:mod:`~treehold.protocol.upload_pack`) and v2 (:mod:`~treehold.protocol.fetch`) spell the same wishes with
the same words in another envelope. :class:`FetchDraft` reads the lines they share and counts them against the limits.
"""

import re
from collections.abc import Sized
from dataclasses import dataclass
from enum import Enum
from typing import Final

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ObjectId, RefName, hex_oid, parse_oid, parse_ref_name
from treehold.protocol.filter_spec import FilterSpec, parse_filter

INFINITE_DEPTH: Final = 0x7FFFFFFF
"""The depth that means "all of it": what ``git fetch --unshallow`` sends."""
TIME_MAX: Final = 2**63 - 1
REVISION_BYTES_MAX: Final = 1024

_NUMBER: Final = re.compile(rb"[0-9]{1,19}")
_REVISION: Final = re.compile(rb"[^\x00-\x20\x7f]+")


class AckMode(Enum):
    """How a v0 or v1 client wants its haves acknowledged; v2 has one way of its own and leaves this at NONE."""

    NONE = b""
    MULTI = b"multi_ack"
    DETAILED = b"multi_ack_detailed"


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One request for a pack, or one round of agreeing on it.

    ``deepen`` is a depth in commits, INFINITE_DEPTH and more being the same; ``deepen_since`` seconds since 1970;
    ``deepen_not`` holds revisions as the client spelled them, to be looked up among the refs. ``want_refs`` are full
    ref names or ``HEAD``. ``side_band`` is the packet size, 0 for a bare pack. ``has_negotiated`` tells whether
    anything came after a v0 request's first flush: if not, the client only wanted the shallow lines.
    """

    wants: tuple[ObjectId, ...] = ()
    haves: tuple[ObjectId, ...] = ()
    want_refs: tuple[RefName, ...] = ()
    shallow: frozenset[ObjectId] = frozenset()
    deepen: int | None = None
    deepen_relative: bool = False
    deepen_since: int | None = None
    deepen_not: tuple[bytes, ...] = ()
    filter: FilterSpec | None = None
    done: bool = False
    wait_for_done: bool = False
    thin_pack: bool = False
    ofs_delta: bool = False
    include_tag: bool = False
    no_progress: bool = False
    side_band: int = 0
    sideband_all: bool = False
    ack_mode: AckMode = AckMode.NONE
    no_done: bool = False
    has_negotiated: bool = False

    @property
    def changes_depth(self) -> bool:
        """Whether the answer must tell which commits become shallow and which no longer are."""
        return self.deepen is not None or self.deepen_since is not None or bool(self.deepen_not)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much of each a request may hold, repetitions not counted.

    A mirror wants every distinct tip. Git's haves come in rounds of 16,384, growing by a tenth with each, and repeat
    what was acknowledged: a quarter of a million serves histories of millions of commits.
    """

    wants: int = 262_144
    haves: int = 262_144
    want_refs: int = 65_536
    shallow: int = 65_536
    deepen_not: int = 256


DEFAULT_LIMITS: Final = FetchLimits()


class FetchDraft:
    """A fetch request being read: takes lines and words, checks them, and builds the request at the end."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._wants: dict[ObjectId, None] = {}
        self._haves: dict[ObjectId, None] = {}
        self._want_refs: dict[RefName, None] = {}
        self._shallow: set[ObjectId] = set()
        self._deepen: int | None = None
        self._deepen_since: int | None = None
        self._deepen_not: dict[bytes, None] = {}
        self._filter: FilterSpec | None = None
        self.words: set[bytes] = set()
        """Bare words such as ``thin-pack`` and ``done``: v0's capabilities, v2's arguments."""
        self._takers = {
            b"want": self._take_want,
            b"have": self._take_have,
            b"shallow": self._take_shallow,
            b"deepen": self._take_deepen,
            b"deepen-since": self._take_deepen_since,
            b"deepen-not": self._take_deepen_not,
            b"filter": self._take_filter,
        }

    def take(self, line: bytes) -> bool:
        """Read one line ``keyword value``; False when the keyword is not one of those that all versions share."""
        keyword, _, value = line.partition(b" ")
        taker = self._takers.get(keyword)
        if taker is None:
            return False
        taker(value)
        return True

    def take_want_ref(self, name: bytes) -> None:
        """Read the ref name of v2's ``want-ref``; ``HEAD`` is one too, as git asks for it in a clone."""
        self._want_refs[RefName(name) if name == b"HEAD" else parse_ref_name(name)] = None
        _check_count(self._want_refs, self._limits.want_refs, "wanted refs")

    def build(self, *, side_band: int, ack_mode: AckMode, has_negotiated: bool) -> FetchRequest:
        """The request that the lines make; raises MalformedMessage when they contradict each other."""
        if self._deepen is not None and (self._deepen_since is not None or self._deepen_not):
            raise MalformedMessage("deepen and deepen-since (or deepen-not) cannot be used together")
        return FetchRequest(
            wants=tuple(self._wants),
            haves=tuple(self._haves),
            want_refs=tuple(self._want_refs),
            shallow=frozenset(self._shallow),
            deepen=self._deepen,
            deepen_relative=b"deepen-relative" in self.words,
            deepen_since=self._deepen_since,
            deepen_not=tuple(self._deepen_not),
            filter=self._filter,
            done=b"done" in self.words,
            wait_for_done=b"wait-for-done" in self.words,
            thin_pack=b"thin-pack" in self.words,
            ofs_delta=b"ofs-delta" in self.words,
            include_tag=b"include-tag" in self.words,
            no_progress=b"no-progress" in self.words,
            side_band=side_band,
            sideband_all=b"sideband-all" in self.words,
            ack_mode=ack_mode,
            no_done=b"no-done" in self.words,
            has_negotiated=has_negotiated,
        )

    def _take_want(self, value: bytes) -> None:
        self._wants[parse_oid(value)] = None
        _check_count(self._wants, self._limits.wants, "wants")

    def _take_have(self, value: bytes) -> None:
        self._haves[parse_oid(value)] = None
        _check_count(self._haves, self._limits.haves, "haves")

    def _take_shallow(self, value: bytes) -> None:
        self._shallow.add(parse_oid(value))
        _check_count(self._shallow, self._limits.shallow, "shallow lines")

    def _take_deepen(self, value: bytes) -> None:
        depth = _parse_number(b"deepen", value)
        self._deepen = min(depth, INFINITE_DEPTH) or None  # the protocol says that 0 is as good as no depth

    def _take_deepen_since(self, value: bytes) -> None:
        self._deepen_since = _parse_number(b"deepen-since", value)
        if not 0 < self._deepen_since <= TIME_MAX:
            raise MalformedMessage(f"not a time for deepen-since: {value!r}")

    def _take_deepen_not(self, value: bytes) -> None:
        if len(value) > REVISION_BYTES_MAX or value.startswith(b"-") or not _REVISION.fullmatch(value):
            raise MalformedMessage(f"not a revision for deepen-not: {value[:60]!r}")
        self._deepen_not[value] = None
        _check_count(self._deepen_not, self._limits.deepen_not, "deepen-not lines")

    def _take_filter(self, value: bytes) -> None:
        if self._filter is not None:
            raise MalformedMessage("more than one filter in a request")
        self._filter = parse_filter(value)


def encode_shared_lines(request: FetchRequest) -> list[bytes]:
    """The lines after the wants that every version spells alike, each without its line feed."""
    lines = [b"shallow " + hex_oid(oid) for oid in sorted(request.shallow)]
    if request.deepen is not None:
        lines.append(b"deepen %d" % request.deepen)
    if request.deepen_since is not None:
        lines.append(b"deepen-since %d" % request.deepen_since)
    lines += [b"deepen-not " + revision for revision in request.deepen_not]
    if request.filter is not None:
        lines.append(b"filter " + request.filter.text)
    return lines


def _parse_number(keyword: bytes, value: bytes) -> int:
    if not _NUMBER.fullmatch(value):
        raise MalformedMessage(f"{keyword.decode()} needs a number, not {value[:40]!r}")
    return int(value)


def _check_count(collection: Sized, limit: int, what: str) -> None:
    if len(collection) > limit:
        raise LimitExceeded(f"more than {limit} {what} in one fetch")
