"""The head of a push is read up to its pack, and bad names do not spoil it."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.ids import ZERO_OID, ObjectId
from treehold.protocol.capabilities import Capabilities
from treehold.protocol.pktline import DELIM_PKT, FLUSH_PKT, NEED_MORE, encode
from treehold.protocol.receive_pack import (
    PushLimits,
    PushRequest,
    PushRequestDecoder,
    RefCommand,
    encode_request,
)

OLD = ObjectId(bytes.fromhex("c5f3ca8809857030283e6198a78f709e9ce93860"))
NEW = ObjectId(bytes.fromhex("daa1984f25b0653ff655e0e08228b3ed0aa59c02"))
WORDS = (
    b"report-status-v2",
    b"side-band-64k",
    b"quiet",
    b"push-options",
    b"object-format=sha1",
    b"agent=git/2.39.5",
)
HEAD = (
    b"00bcc5f3ca8809857030283e6198a78f709e9ce93860 daa1984f25b0653ff655e0e08228b3ed0aa59c02 refs/heads/main\0"
    b" report-status-v2 side-band-64k quiet push-options object-format=sha1 agent=git/2.39.5"
    b"00640000000000000000000000000000000000000000 daa1984f25b0653ff655e0e08228b3ed0aa59c02 refs/heads/new"
    b"00000008opt1000bopt two0000"
)
"""As git 2.39 sent it for ``push -o opt1 -o "opt two" HEAD:main HEAD:refs/heads/new``."""
PUSH = PushRequest(
    commands=(RefCommand(b"refs/heads/main", OLD, NEW), RefCommand(b"refs/heads/new", ZERO_OID, NEW)),
    capabilities=Capabilities(WORDS),
    push_options=(b"opt1", b"opt two"),
)

LIMITS = PushLimits()


def fed(data: bytes, *, step: int = 1 << 20, limits: PushLimits = LIMITS) -> PushRequestDecoder:
    decoder = PushRequestDecoder(limits)
    for start in range(0, len(data), step):
        decoder.feed(memoryview(data)[start : start + step])
    return decoder


def line(name: bytes, *, old: ObjectId = OLD, new: ObjectId = NEW, tail: bytes = b"") -> bytes:
    return encode(old.hex().encode() + b" " + new.hex().encode() + b" " + name + tail)


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_real_push_is_read_up_to_its_pack(step: int) -> None:
    """Commands, capabilities and options of git's own push are read, and the pack is left."""
    decoder = fed(HEAD + b"PACK....", step=step)
    assert decoder.result() == PUSH
    assert decoder.finish() == PUSH
    assert decoder.take_rest() == b"PACK...."
    assert encode_request(PUSH) == HEAD


def test_capabilities_are_told() -> None:
    """What the client asked of the answer has a property each."""
    assert (PUSH.report_status, PUSH.side_band, PUSH.quiet, PUSH.atomic, PUSH.wants_pack) == (
        2,
        65520,
        True,
        False,
        True,
    )
    old = PushRequest(capabilities=Capabilities((b"report-status", b"atomic")))
    assert (old.report_status, old.side_band, old.quiet, old.atomic, old.wants_pack) == (1, 0, False, True, False)
    assert PushRequest().report_status == 0


def test_push_without_options_is_written_without_their_flush() -> None:
    """A deletion is a line and a flush."""
    request = PushRequest(commands=(RefCommand(b"refs/heads/new", NEW, ZERO_OID),))
    assert encode_request(request) == line(b"refs/heads/new", old=NEW, new=ZERO_OID, tail=b"\0 ") + FLUSH_PKT


def test_kinds_of_commands_are_told() -> None:
    """Creation and deletion are told by the side that is zero."""
    create, delete = RefCommand(b"refs/heads/a", ZERO_OID, NEW), RefCommand(b"refs/heads/a", OLD, ZERO_OID)
    assert (create.is_create, create.is_delete) == (True, False)
    assert (delete.is_create, delete.is_delete) == (False, True)
    assert create.ref == b"refs/heads/a"
    assert not PushRequest(commands=(delete,)).wants_pack


def test_result_comes_with_the_last_flush() -> None:
    """The decoder asks for more until the options have ended."""
    decoder = fed(HEAD[:-1])
    assert decoder.result() is NEED_MORE
    decoder.feed(HEAD[-1:])
    assert decoder.result() == PUSH


def test_options_are_read_only_if_announced() -> None:
    """Without the capability the pack begins right after the commands, and a push of nothing has no options."""
    decoder = fed(line(b"refs/heads/a", tail=b"\0quiet") + FLUSH_PKT + b"PACK")
    assert decoder.finish().push_options == ()
    assert decoder.take_rest() == b"PACK"


@pytest.mark.parametrize("body", [b"", b"0000"])
def test_nothing_pushed_is_an_empty_request(body: bytes) -> None:
    """An empty body and git's probe, a lone flush, push nothing."""
    assert fed(body).finish() == PushRequest()


def test_shallow_lines_are_read() -> None:
    """A client with a cut-off history tells where, before its commands."""
    request = fed(encode(b"shallow " + OLD.hex().encode() + b"\n") + line(b"refs/heads/a\n") + FLUSH_PKT).finish()
    assert request.shallow == (OLD,)
    assert request.commands == (RefCommand(b"refs/heads/a", OLD, NEW),)


@pytest.mark.parametrize("name", [b"HEAD", b"refs/heads/a..b", b"refs/heads/a b", b"main", b"", b"refs/heads/\xff~"])
def test_funny_name_is_kept_with_its_problem(name: bytes) -> None:
    """A name that git would refuse is kept, so that it can be answered."""
    (command,) = fed(line(name) + FLUSH_PKT).finish().commands
    assert command == RefCommand(name, OLD, NEW, problem="funny refname")
    with pytest.raises(AssertionError):
        _ = command.ref


def test_repeated_ref_is_kept_with_its_problem() -> None:
    """None of two updates of one ref is done; others of the same push are; a funny name stays funny."""
    data = line(b"refs/heads/a") + line(b"refs/heads/b") + line(b"refs/heads/a") + line(b"x") + line(b"x") + FLUSH_PKT
    assert [command.problem for command in fed(data).finish().commands] == [
        "multiple updates for ref not allowed",
        None,
        "multiple updates for ref not allowed",
        "funny refname",
        "funny refname",
    ]


@pytest.mark.parametrize(
    "body",
    [
        encode(b"hello") + FLUSH_PKT,
        encode(b"x" * 40 + b" " + b"y" * 40 + b" refs/heads/a") + FLUSH_PKT,
        encode(OLD.hex().encode() + b" " + NEW.hex().encode()) + FLUSH_PKT,
        encode(b"shallow x") + FLUSH_PKT,
        encode(b"push-cert\0 report-status\n") + FLUSH_PKT,
        line(b"refs/heads/a", tail=b"\0object-format=sha256") + FLUSH_PKT,
        line(b"refs/heads/a", tail=b"\0quiet") + line(b"refs/heads/b", tail=b"\0quiet") + FLUSH_PKT,
        line(b"refs/heads/a") + DELIM_PKT,
        line(b"refs/heads/a", tail=b"\0push-options") + FLUSH_PKT + DELIM_PKT,
        line(b"refs/heads/a", tail=b"\0push-options") + FLUSH_PKT,
        line(b"refs/heads/a"),
        HEAD[:100],
        b"PACK",
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_malformed_push_is_refused(body: bytes, step: int) -> None:
    """A line that is no command, a signed push, another hash, a mark astray or an early end spoils the push."""
    with pytest.raises(MalformedMessage):
        fed(body, step=step).finish()


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (PushLimits(commands=1), "1 ref updates"),
        (PushLimits(command_bytes=150), "150 bytes of ref updates"),
        (PushLimits(push_options=1), "1 push options"),
        (PushLimits(push_option_bytes=5), "5 bytes of push options"),
    ],
)
def test_head_is_limited(limits: PushLimits, what: str) -> None:
    """Commands and options are counted and weighed while they come."""
    with pytest.raises(LimitExceeded, match=what):
        fed(HEAD, limits=limits)
    with pytest.raises(LimitExceeded, match="1 shallow lines"):
        fed(encode(b"shallow " + OLD.hex().encode()) * 2, limits=PushLimits(shallow=1))


def test_endless_commands_are_refused_early() -> None:
    """A stream of commands without end is refused at the limit and not at its end."""
    decoder = PushRequestDecoder(PushLimits(commands=1000))
    piece = line(b"refs/heads/a") * 100
    for _ in range(10):
        decoder.feed(piece)
    with pytest.raises(LimitExceeded):
        decoder.feed(piece)
    assert len(decoder._commands) == 1001
