"""v2's envelope is read piece by piece."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.command import CommandDecoder, CommandLimits, CommandRequest, encode_command
from treehold.protocol.pktline import DELIM_PKT, FLUSH_PKT, NEED_MORE, RESPONSE_END_PKT, encode

LS_REFS = (
    b"0014command=ls-refs\n0014agent=git/2.39.50016object-format=sha100010009peel\n000csymrefs\n000bunborn\n"
    b"0014ref-prefix HEAD\n0000"
)
"""As git 2.39 sent it in a clone."""

LIMITS = CommandLimits()


def read(data: bytes, *, step: int = 1 << 20, limits: CommandLimits = LIMITS) -> CommandRequest:
    decoder = CommandDecoder(limits)
    for start in range(0, len(data), step):
        decoder.feed(memoryview(data)[start : start + step])
    return decoder.finish()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_real_request_is_read(step: int) -> None:
    """A request of git's own, with line feeds here and none there, comes apart into its lines."""
    request = read(LS_REFS, step=step)
    assert request.command == b"ls-refs"
    assert request.capabilities.value(b"agent") == b"git/2.39.5"
    assert request.arguments == (b"peel", b"symrefs", b"unborn", b"ref-prefix HEAD")


def test_result_comes_with_the_flush() -> None:
    """The decoder asks for more until the flush has come."""
    decoder = CommandDecoder()
    decoder.feed(LS_REFS[:-1])
    assert decoder.result() is NEED_MORE
    decoder.feed(LS_REFS[-1:])
    assert decoder.result() == decoder.finish()


@pytest.mark.parametrize("body", [b"", b"0000"])
def test_nothing_asked_is_an_empty_request(body: bytes) -> None:
    """An empty body and a lone flush ask for nothing."""
    assert read(body) == CommandRequest(b"")


def test_command_without_arguments_needs_no_delim() -> None:
    """A flush may follow the capabilities at once, or the delim."""
    expected = CommandRequest(b"bundle-uri", Capabilities((b"agent=x",)))
    assert read(b"0016command=bundle-uri000bagent=x0000") == expected
    assert read(b"0016command=bundle-uri000bagent=x00010000") == expected
    assert encode_command(expected) == b"0017command=bundle-uri\n000cagent=x\n0000"


def test_empty_request_is_a_flush() -> None:
    """No command is encoded as the flush that ends a conversation."""
    assert encode_command(CommandRequest(b"")) == FLUSH_PKT


@pytest.mark.parametrize(
    "body",
    [
        encode(b"agent=x") + FLUSH_PKT,
        DELIM_PKT + FLUSH_PKT,
        encode(b"command=\n") + FLUSH_PKT,
        encode(b"command=a") + encode(b"command=b") + FLUSH_PKT,
        encode(b"command=a") + RESPONSE_END_PKT,
        encode(b"command=a") + DELIM_PKT + DELIM_PKT,
        encode(b"command=a") + encode(b"object-format=sha256") + FLUSH_PKT,
        LS_REFS[:-4],
        LS_REFS[:-1],
        LS_REFS + FLUSH_PKT,
        LS_REFS + b"x",
        b"zzzz",
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_malformed_request_is_refused(body: bytes, step: int) -> None:
    """Without a command or with two, with a mark astray, another hash, cut short or with more behind: refused."""
    with pytest.raises(MalformedMessage):
        read(body, step=step)


def test_lines_are_limited() -> None:
    """The number of lines and their bytes each have a limit, and so have capabilities."""
    with pytest.raises(LimitExceeded, match="more than 3 lines"):
        read(LS_REFS, limits=CommandLimits(lines=3))
    with pytest.raises(LimitExceeded, match="more than 30 bytes"):
        read(LS_REFS, limits=CommandLimits(line_bytes=30))
    with pytest.raises(LimitExceeded, match="capabilities"):
        read(encode(b"x") * 1025)


def test_arguments_are_written_after_a_delim() -> None:
    """An encoded request reads back the same."""
    request = read(LS_REFS)
    assert read(encode_command(request)) == request
    assert DELIM_PKT in encode_command(request)
