"""ls-refs tells the refs that were asked about."""

import pytest

from treehold.errors import MalformedMessage
from treehold.ids import ObjectId
from treehold.protocol.advertisement import AdvertisedRef
from treehold.protocol.ls_refs import (
    LsRefsRequest,
    PrefixMatcher,
    decode_arguments,
    decode_response,
    encode_arguments,
    encode_response,
)

TIP = ObjectId(bytes.fromhex("c5f3ca8809857030283e6198a78f709e9ce93860"))
TAG = ObjectId(bytes.fromhex("31f3a580c7197a8f198d0523a790cb29052be949"))
REFS = (
    AdvertisedRef(b"HEAD", TIP, symref_target=b"refs/heads/main"),
    AdvertisedRef(b"refs/heads/main", TIP),
    AdvertisedRef(b"refs/tags/v1", TAG, peeled=TIP),
)
ALL = LsRefsRequest(peel=True, symrefs=True, unborn=True)


def test_arguments_of_a_clone_are_read() -> None:
    """Flags and prefixes are told apart, and written as they were read."""
    arguments = (b"peel", b"symrefs", b"unborn", b"ref-prefix HEAD", b"ref-prefix refs/heads/")
    request = decode_arguments(arguments)
    assert request == LsRefsRequest(peel=True, symrefs=True, unborn=True, prefixes=(b"HEAD", b"refs/heads/"))
    assert encode_arguments(request) == arguments
    assert encode_arguments(LsRefsRequest()) == ()


def test_unknown_argument_is_refused() -> None:
    """ls-refs knows four arguments."""
    with pytest.raises(MalformedMessage, match="unexpected line"):
        decode_arguments([b"want x"])


def test_too_many_prefixes_are_ignored() -> None:
    """From the limit on, no prefix restricts the answer any more."""
    arguments = [b"ref-prefix a", b"ref-prefix b"]
    assert decode_arguments(arguments, prefixes_max=3).prefixes == (b"a", b"b")
    assert decode_arguments(arguments, prefixes_max=2).prefixes == ()
    assert decode_arguments(arguments * 5, prefixes_max=2).prefixes == ()


def test_answer_is_git_s() -> None:
    """The answer to a clone is what git 2.39 answers, and is read back."""
    body = encode_response(REFS, ALL, unborn_head=None)
    assert body == (
        b"0050c5f3ca8809857030283e6198a78f709e9ce93860 HEAD symref-target:refs/heads/main\n"
        b"003dc5f3ca8809857030283e6198a78f709e9ce93860 refs/heads/main\n"
        b"006a31f3a580c7197a8f198d0523a790cb29052be949 refs/tags/v1 peeled:c5f3ca8809857030283e6198a78f709e9ce93860\n"
        b"0000"
    )
    assert decode_response(body) == (REFS, None)


def test_answer_is_bare_unless_asked() -> None:
    """Targets and peeled values are told only on request."""
    body = encode_response(REFS, LsRefsRequest(), unborn_head=b"refs/heads/main")
    assert decode_response(body) == (tuple(AdvertisedRef(ref.name, ref.oid) for ref in REFS), None)


def test_unborn_head_is_told_first() -> None:
    """An empty repo tells the branch that HEAD points at."""
    body = encode_response([], ALL, unborn_head=b"refs/heads/main")
    assert body == b"002eunborn HEAD symref-target:refs/heads/main\n0000"
    assert decode_response(body) == ((), b"refs/heads/main")


@pytest.mark.parametrize(
    "request_",
    [
        LsRefsRequest(symrefs=True),
        LsRefsRequest(unborn=True),
        LsRefsRequest(symrefs=True, unborn=True, prefixes=(b"refs/",)),
    ],
)
def test_unborn_head_is_told_only_when_asked(request_: LsRefsRequest) -> None:
    """It takes both flags, and prefixes that HEAD meets."""
    assert encode_response([], request_, unborn_head=b"refs/heads/main") == b"0000"


def test_prefixes_restrict_the_answer() -> None:
    """Only refs that begin with a prefix are told."""
    body = encode_response(REFS, LsRefsRequest(prefixes=(b"refs/tags/", b"HE")), unborn_head=None)
    assert [ref.name for ref in decode_response(body)[0]] == [b"HEAD", b"refs/tags/v1"]


@pytest.mark.parametrize(
    ("prefixes", "name", "expected"),
    [
        ((), b"anything", True),
        ((b"",), b"anything", True),
        ((b"refs/heads/a", b"refs/heads/"), b"refs/heads/b", True),
        ((b"refs/heads/a", b"refs/heads/c"), b"refs/heads/b", False),
        ((b"b",), b"a", False),
        ((b"main",), b"refs/heads/main", False),
    ],
)
def test_prefix_is_a_beginning(prefixes: tuple[bytes, ...], name: bytes, *, expected: bool) -> None:
    """A name matches when it begins with any prefix, the shorter of two nested ones deciding."""
    assert PrefixMatcher(prefixes).matches(name) is expected


@pytest.mark.parametrize("body", [b"", b"0005x", b"00010000", b"0005x0000", b"0008x HE0000"])
def test_malformed_answer_is_refused(body: bytes) -> None:
    """Without its flush, with a mark inside, or with a ref that is none: refused."""
    with pytest.raises(MalformedMessage):
        decode_response(body)
