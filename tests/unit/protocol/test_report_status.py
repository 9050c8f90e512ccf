"""Reports on pushes are git's, and no reason breaks out of its line."""

import pytest

from treehold.errors import MalformedMessage
from treehold.protocol.pktline import decode_all
from treehold.protocol.report_status import RefResult, decode_report, encode_report

TAKEN = b"000eunpack ok\n0017ok refs/heads/main\n0016ok refs/heads/new\n0000"
"""As git 2.39's receive-pack answered a push of two refs."""


def test_report_of_a_taken_push_is_git_s() -> None:
    """Each ref that changed has its line, in either version."""
    results = (RefResult(b"refs/heads/main"), RefResult(b"refs/heads/new"))
    assert encode_report("ok", results, version=1) == TAKEN
    assert encode_report("ok", results, version=2) == TAKEN
    assert decode_report(TAKEN) == ("ok", results)


def test_refused_refs_have_their_reason() -> None:
    """A ref that did not change is told with the reason why."""
    report = encode_report("index-pack failed", [RefResult(b"refs/heads/a", "stale ref")])
    assert report == b"001dunpack index-pack failed\n001eng refs/heads/a stale ref\n0000"
    assert decode_report(report) == ("index-pack failed", (RefResult(b"refs/heads/a", "stale ref"),))


def test_reason_stays_on_its_line() -> None:
    """Line feeds and controls in a reason become blanks, and none is told as unspecified."""
    report = encode_report("bad\nok", [RefResult(b"a", "x\n\x1by"), RefResult(b"b", "")])
    assert decode_report(report) == ("bad ok", (RefResult(b"a", "x y"), RefResult(b"b", "unspecified")))


def test_longest_name_and_reason_fit_in_a_packet() -> None:
    """A name and a reason of any length are cut to what a packet holds."""
    _, line, _ = decode_all(encode_report("ok", [RefResult(b"r" * 65_500, "w" * 65_500)]))
    assert isinstance(line, bytes)
    assert len(line) == 3 + 32_768 + 1 + 500 + 1


def test_option_lines_are_passed_over() -> None:
    """Version 2's option lines of other servers do not disturb."""
    report = b"000eunpack ok\n0009ok a\n0016option refname xx\n0000"
    assert decode_report(report) == ("ok", (RefResult(b"a"),))


@pytest.mark.parametrize(
    "report",
    [b"", b"0000", b"000eunpack ok\n", b"0009ok a\n0000", b"000eunpack ok\n00010000", b"000eunpack ok\n0009no a\n0000"],
)
def test_malformed_report_is_refused(report: bytes) -> None:
    """Without unpack, without its flush, with a mark or a line of another kind: refused."""
    with pytest.raises(MalformedMessage):
        decode_report(report)
