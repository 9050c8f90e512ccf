"""Advertisements are git's own, byte for byte."""

import pytest

from treehold.errors import MalformedMessage, MalformedObjectId
from treehold.ids import ObjectId
from treehold.protocol.advertisement import (
    RECEIVE_PACK,
    UPLOAD_PACK,
    AdvertisedRef,
    Advertisement,
    decode_advertisement,
    encode_v0,
    encode_v2,
)
from treehold.protocol.capabilities import Capabilities

TIP = ObjectId(bytes.fromhex("c5f3ca8809857030283e6198a78f709e9ce93860"))
TAG = ObjectId(bytes.fromhex("31f3a580c7197a8f198d0523a790cb29052be949"))
REFS = (
    AdvertisedRef(b"HEAD", TIP, symref_target=b"refs/heads/main"),
    AdvertisedRef(b"refs/heads/main", TIP),
    AdvertisedRef(b"refs/tags/v1", TAG, peeled=TIP),
)
FETCHED = (
    b"001e# service=git-upload-pack\n0000"
    b"0069c5f3ca8809857030283e6198a78f709e9ce93860 HEAD\0multi_ack agent=git/2.39.5 symref=HEAD:refs/heads/main\n"
    b"003dc5f3ca8809857030283e6198a78f709e9ce93860 refs/heads/main\n"
    b"003a31f3a580c7197a8f198d0523a790cb29052be949 refs/tags/v1\n"
    b"003dc5f3ca8809857030283e6198a78f709e9ce93860 refs/tags/v1^{}\n0000"
)
PUSHED = (
    b"001f# service=git-receive-pack\n0000000eversion 1\n"
    b"0052c5f3ca8809857030283e6198a78f709e9ce93860 refs/heads/main\0report-status atomic\n"
    b"003a31f3a580c7197a8f198d0523a790cb29052be949 refs/tags/v1\n0000"
)
"""Both as git 2.39 answers, with fewer capabilities."""


@pytest.mark.parametrize(
    "capabilities",
    [(b"multi_ack", b"agent=git/2.39.5"), (b"multi_ack", b"agent=git/2.39.5", b"symref=HEAD:refs/heads/main")],
)
def test_fetch_is_told_all_refs(capabilities: tuple[bytes, ...]) -> None:
    """HEAD comes first with the capabilities, its target is told once, and tags are followed by what they peel to."""
    assert encode_v0(REFS, capabilities, service=UPLOAD_PACK, version_1=False) == FETCHED


def test_push_is_told_neither_head_nor_peeled() -> None:
    """receive-pack's refs are those that can be pushed to; v1 says so first."""
    assert encode_v0(REFS, (b"report-status", b"atomic"), service=RECEIVE_PACK, version_1=True) == PUSHED


def test_empty_repo_has_a_line_for_its_capabilities() -> None:
    """Without refs the capabilities stand on a line of no object."""
    body = encode_v0([], [b"atomic"], service=RECEIVE_PACK, version_1=False)
    assert body == (b"001f# service=git-receive-pack\n00000044" + b"0" * 40 + b" capabilities^{}\0atomic\n0000")
    assert decode_advertisement(body) == Advertisement(RECEIVE_PACK, 0, Capabilities((b"atomic",)))


def test_shallow_repo_tells_where_it_is_cut_off() -> None:
    """The repo's own shallow commits follow the refs."""
    body = encode_v0(REFS, [b"shallow"], service=UPLOAD_PACK, version_1=False, shallow=[TAG])
    assert body.endswith(b"0035shallow 31f3a580c7197a8f198d0523a790cb29052be949\n0000")
    assert decode_advertisement(body).shallow == (TAG,)


def test_refs_are_read_back() -> None:
    """A decoded advertisement has the refs, with targets and peeled values where they belong."""
    advertisement = decode_advertisement(FETCHED)
    assert (advertisement.service, advertisement.version) == (UPLOAD_PACK, 0)
    assert advertisement.refs == REFS
    assert decode_advertisement(PUSHED).version == 1


@pytest.mark.parametrize(("service", "head"), [(None, b""), (UPLOAD_PACK, b"001e# service=git-upload-pack\n0000")])
def test_v2_lists_capabilities(service: bytes | None, head: bytes) -> None:
    """v2 has one capability a line, after the service line or without it as git's http-backend does."""
    body = encode_v2([b"agent=git/2.39.5", b"ls-refs=unborn"], service=service)
    assert body == head + b"000eversion 2\n0015agent=git/2.39.5\n0013ls-refs=unborn\n0000"
    assert decode_advertisement(body) == Advertisement(
        service, 2, Capabilities((b"agent=git/2.39.5", b"ls-refs=unborn"))
    )


def test_no_refs_at_all_is_an_empty_advertisement() -> None:
    """The lone flush that git 2.39 answers for an empty repo is read as no refs and no capabilities."""
    assert decode_advertisement(b"001e# service=git-upload-pack\n00000000") == Advertisement(
        UPLOAD_PACK, 0, Capabilities()
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"001e# service=git-upload-pack\n",
        b"001e# service=git-upload-pack\n000eversion 2\n0000",
        b"000eversion 2\n",
        b"000eversion 2\n00010000",
        b"00040000",
        b"002dc5f3ca8809857030283e6198a78f709e9ce93860 0000",
    ],
)
def test_malformed_advertisement_is_refused(body: bytes) -> None:
    """Without its flush, with a mark inside, or with a ref that is none: refused."""
    with pytest.raises(MalformedMessage):
        decode_advertisement(body)


def test_malformed_id_is_refused() -> None:
    """A line whose id is none is refused."""
    with pytest.raises(MalformedObjectId):
        decode_advertisement(b"0009x ref0000")
