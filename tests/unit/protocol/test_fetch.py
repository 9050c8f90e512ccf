"""v2's fetch arguments are read, and the sections of its answer are git's."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ObjectId, RefName
from treehold.protocol.fetch import (
    PACKFILE_SECTION,
    decode_arguments,
    encode_acknowledgments,
    encode_arguments,
    encode_shallow_info,
    encode_wanted_refs,
)
from treehold.protocol.fetch_request import FetchLimits, FetchRequest
from treehold.protocol.filter_spec import FilterSpec

HEX = b"c5f3ca8809857030283e6198a78f709e9ce93860"
OID = ObjectId(bytes.fromhex(HEX.decode()))


def test_arguments_of_a_shallow_partial_clone_are_read() -> None:
    """What git 2.39 sends for ``clone --depth 1 --filter=blob:limit=1k`` is understood and written alike."""
    arguments = (
        b"thin-pack",
        b"no-progress",
        b"include-tag",
        b"ofs-delta",
        b"deepen 1",
        b"filter blob:limit=1024",
        b"want-ref HEAD",
        b"want-ref refs/heads/main",
        b"done",
    )
    request = decode_arguments(arguments)
    assert request == FetchRequest(
        want_refs=(RefName(b"HEAD"), RefName(b"refs/heads/main")),
        deepen=1,
        filter=FilterSpec(b"blob:limit=1024"),
        done=True,
        thin_pack=True,
        ofs_delta=True,
        include_tag=True,
        no_progress=True,
        side_band=65520,
        has_negotiated=True,
    )
    assert encode_arguments(request) == arguments


def test_arguments_of_a_deepening_fetch_are_read() -> None:
    """Wants, haves, shallow commits and the rarer words are understood and written alike."""
    arguments = (
        b"deepen-relative",
        b"sideband-all",
        b"wait-for-done",
        b"shallow " + HEX,
        b"deepen 2",
        b"want " + HEX,
        b"have " + HEX,
    )
    request = decode_arguments(arguments)
    assert (request.deepen_relative, request.sideband_all, request.wait_for_done) == (True, True, True)
    assert (request.wants, request.haves, request.shallow) == ((OID,), (OID,), frozenset({OID}))
    assert encode_arguments(request) == arguments


def test_unknown_argument_is_refused() -> None:
    """Arguments that were not offered are refused."""
    with pytest.raises(MalformedMessage, match="packfile-uris"):
        decode_arguments([b"packfile-uris https"])


def test_arguments_are_limited() -> None:
    """The limits given are kept to."""
    with pytest.raises(LimitExceeded):
        decode_arguments([b"want " + HEX], limits=FetchLimits(wants=0))


def test_common_haves_are_acknowledged() -> None:
    """Acknowledgments end the answer, or say ready and go on."""
    ack = b"0014acknowledgments\n0031ACK " + HEX + b"\n"
    assert encode_acknowledgments([OID], ready=False, last=True) == ack + b"0000"
    assert encode_acknowledgments([OID], ready=True, last=False) == ack + b"000aready\n0001"


def test_nothing_common_is_a_nak() -> None:
    """Without any common have the section says so."""
    assert encode_acknowledgments([], ready=False, last=True) == b"0014acknowledgments\n0008NAK\n0000"


def test_shallow_info_is_git_s() -> None:
    """Shallow lines come without line feeds, as git sends them."""
    assert encode_shallow_info([OID], [OID]) == (
        b"0011shallow-info\n0034shallow " + HEX + b"0036unshallow " + HEX + b"0001"
    )


def test_wanted_refs_are_git_s() -> None:
    """Each wanted ref is told with its value."""
    assert encode_wanted_refs([(RefName(b"refs/heads/main"), OID)]) == (
        b"0010wanted-refs\n003d" + HEX + b" refs/heads/main\n0001"
    )
    assert PACKFILE_SECTION == b"000dpackfile\n"
