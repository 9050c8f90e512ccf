"""The lines that all versions share are read into one request, within limits."""

import pytest

from treehold.errors import InvalidRefName, LimitExceeded, MalformedMessage, MalformedObjectId
from treehold.ids import ObjectId
from treehold.protocol.fetch_request import (
    INFINITE_DEPTH,
    AckMode,
    FetchDraft,
    FetchLimits,
    FetchRequest,
    encode_shared_lines,
)
from treehold.protocol.filter_spec import FilterSpec

HEX = b"c5f3ca8809857030283e6198a78f709e9ce93860"
OID = ObjectId(bytes.fromhex(HEX.decode()))
TIGHT = FetchLimits(wants=1, haves=1, want_refs=1, shallow=1, deepen_not=1)


def read(*lines: bytes, limits: FetchLimits = TIGHT) -> FetchRequest:
    draft = FetchDraft(limits)
    for line in lines:
        assert draft.take(line)
    return draft.build(side_band=0, ack_mode=AckMode.NONE, has_negotiated=False)


def test_shared_lines_are_read() -> None:
    """Every keyword ends up in its field."""
    request = read(b"want " + HEX, b"have " + HEX, b"shallow " + HEX, b"deepen 3", b"filter tree:1")
    assert request == FetchRequest(
        wants=(OID,), haves=(OID,), shallow=frozenset({OID}), deepen=3, filter=FilterSpec(b"tree:1")
    )
    assert encode_shared_lines(request) == [b"shallow " + HEX, b"deepen 3", b"filter tree:1"]


def test_deepening_by_time_and_revision_is_read() -> None:
    """deepen-since and deepen-not go together."""
    request = read(b"deepen-since 1700000000", b"deepen-not v1")
    assert (request.deepen_since, request.deepen_not) == (1700000000, (b"v1",))
    assert encode_shared_lines(request) == [b"deepen-since 1700000000", b"deepen-not v1"]


@pytest.mark.parametrize("line", [b"deepen 1", b"deepen-since 5", b"deepen-not v1"])
def test_request_for_another_depth_is_told(line: bytes) -> None:
    """Each kind of deepening asks for shallow lines in the answer; naming shallow commits does not."""
    assert read(line).changes_depth
    assert not read(b"shallow " + HEX).changes_depth


@pytest.mark.parametrize("other", [b"deepen-since 5", b"deepen-not v1"])
def test_contradicting_depths_are_refused(other: bytes) -> None:
    """A depth in commits goes together with no other."""
    with pytest.raises(MalformedMessage, match="cannot be used together"):
        read(b"deepen 1", other)


def test_depth_of_zero_is_none_and_a_huge_one_infinite() -> None:
    """0 is as good as no depth, and everything from INFINITE_DEPTH on is all of it."""
    assert read(b"deepen 0").deepen is None
    assert read(b"deepen 2147483647").deepen == INFINITE_DEPTH
    assert read(b"deepen 9999999999999999999").deepen == INFINITE_DEPTH


def test_repetitions_count_once() -> None:
    """A line that is sent again changes nothing and does not count."""
    assert read(*[b"want " + HEX] * 3, *[b"have " + HEX] * 3).wants == (OID,)


@pytest.mark.parametrize(
    "line",
    [
        b"deepen",
        b"deepen -1",
        b"deepen 1x",
        b"deepen 99999999999999999999",
        b"deepen-since 0",
        b"deepen-since 9999999999999999999",
        b"deepen-since yesterday",
        b"deepen-not ",
        b"deepen-not --all",
        b"deepen-not a b",
        b"deepen-not " + b"x" * 1025,
        b"filter sparse:path=x",
    ],
)
def test_malformed_value_is_refused(line: bytes) -> None:
    """A keyword with a value that is none spoils the request."""
    with pytest.raises(MalformedMessage):
        read(line)


@pytest.mark.parametrize("keyword", [b"want", b"have", b"shallow"])
def test_malformed_id_is_refused(keyword: bytes) -> None:
    """An id is 40 hex digits."""
    with pytest.raises(MalformedObjectId):
        read(keyword + b" " + HEX[:39])


def test_second_filter_is_refused() -> None:
    """Filters are combined by ``combine:`` and not by repetition."""
    with pytest.raises(MalformedMessage, match="more than one filter"):
        read(b"filter blob:none", b"filter tree:1")


def test_unknown_keyword_is_left_to_the_version() -> None:
    """A line with a keyword of one version only is answered False."""
    assert not FetchDraft(TIGHT).take(b"want-ref refs/heads/main")


@pytest.mark.parametrize("keyword", [b"want", b"have", b"shallow"])
def test_ids_are_limited(keyword: bytes) -> None:
    """One more distinct id than allowed is refused."""
    with pytest.raises(LimitExceeded, match="more than 1"):
        read(keyword + b" " + HEX, keyword + b" " + HEX[::-1])


def test_revisions_and_refs_are_limited() -> None:
    """One more revision or wanted ref than allowed is refused."""
    with pytest.raises(LimitExceeded, match="deepen-not"):
        read(b"deepen-not a", b"deepen-not b")
    draft = FetchDraft(TIGHT)
    draft.take_want_ref(b"HEAD")
    with pytest.raises(LimitExceeded, match="wanted refs"):
        draft.take_want_ref(b"refs/heads/main")


def test_wanted_ref_must_be_a_ref() -> None:
    """HEAD and full names are wanted refs, a short name is not."""
    draft = FetchDraft(FetchLimits())
    draft.take_want_ref(b"HEAD")
    draft.take_want_ref(b"refs/heads/main")
    with pytest.raises(InvalidRefName):
        draft.take_want_ref(b"main")
    request = draft.build(side_band=0, ack_mode=AckMode.NONE, has_negotiated=True)
    assert request.want_refs == (b"HEAD", b"refs/heads/main")
