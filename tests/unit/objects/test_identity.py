import pytest

from treehold.errors import MalformedObject
from treehold.objects.identity import Identity, encode_identity, parse_identity

ADA = b"Ada Lovelace <ada@example.org> 1700000000 +0130"


def test_identity_is_read_and_written() -> None:
    """Name, e-mail, seconds and time zone come out of a line and go back into it."""
    identity = parse_identity(ADA)
    assert identity == Identity(b"Ada Lovelace", b"ada@example.org", 1_700_000_000, b"+0130")
    assert encode_identity(identity) == ADA


@pytest.mark.parametrize(("zone", "minutes"), [(b"+0130", 90), (b"-0800", -480), (b"+0000", 0)])
def test_offset_is_in_minutes(zone: bytes, minutes: int) -> None:
    """A time zone counts minutes ahead of UTC."""
    assert Identity(b"", b"", 0, zone).offset_minutes == minutes


@pytest.mark.parametrize(
    "line", [b"A <a@x>", b"A <a@x> ", b"A <a@x> never +0100", b"A<a@x>", b"A <a@x>12 +0000", b"A <a@x>  1 +0000"]
)
def test_a_missing_date_is_the_beginning_of_time(line: bytes) -> None:
    """A line without a readable date is dated 1970 in UTC."""
    assert parse_identity(line) == Identity(b"A", b"a@x", 0, b"+0000")


@pytest.mark.parametrize("line", [b"", b"A", b"A <a", b"A a>", b"A <a<b> 1 +0000"])
def test_a_line_without_email_is_refused(line: bytes) -> None:
    """A line without an e-mail in angle brackets is malformed."""
    with pytest.raises(MalformedObject, match="missingEmail"):
        parse_identity(line)
