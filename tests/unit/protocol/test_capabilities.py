"""Capability lists are read and written word by word."""

import pytest

from treehold.errors import LimitExceeded, MalformedMessage
from treehold.protocol.capabilities import Capabilities, encode_capabilities, parse_capabilities, require_sha1

PUSHED = b" report-status-v2 side-band-64k quiet push-options object-format=sha1 agent=git/2.39.5"


def test_words_of_a_real_push_are_read() -> None:
    """What git 2.39 sends after the NUL, leading blank included, is a list of words."""
    capabilities = parse_capabilities(PUSHED)
    assert capabilities.has(b"quiet")
    assert capabilities.has(b"agent")
    assert not capabilities.has(b"report-status")
    assert capabilities.value(b"agent") == b"git/2.39.5"
    assert capabilities.value(b"quiet") is None
    assert capabilities.value(b"atomic") is None
    assert encode_capabilities(capabilities.entries) == PUSHED.strip()


def test_repeated_name_keeps_all_values() -> None:
    """A name that comes more than once gives its values in order."""
    capabilities = parse_capabilities(b"symref=HEAD:refs/heads/main  symref=X:Y\n")
    assert capabilities.values(b"symref") == (b"HEAD:refs/heads/main", b"X:Y")
    assert capabilities.value(b"symref") == b"HEAD:refs/heads/main"


def test_too_many_words_are_refused() -> None:
    """A list may not grow beyond its limit."""
    assert len(parse_capabilities(b"a b c", count_max=3).entries) == 3
    with pytest.raises(LimitExceeded, match="more than 3 capabilities"):
        parse_capabilities(b"a b c d", count_max=3)


@pytest.mark.parametrize("word", [b"", b"a b", b"a\n", b"a\0"])
def test_word_that_would_break_the_list_is_our_mistake(word: bytes) -> None:
    """A word that could not be read back is a ValueError."""
    with pytest.raises(ValueError, match="not a capability"):
        encode_capabilities([b"fine", word])


def test_only_sha1_is_spoken() -> None:
    """No object format or sha1 passes, any other is refused by name."""
    require_sha1(Capabilities((b"agent=x",)))
    require_sha1(Capabilities((b"object-format=sha1",)))
    with pytest.raises(MalformedMessage, match="sha256"):
        require_sha1(Capabilities((b"object-format=sha256",)))
