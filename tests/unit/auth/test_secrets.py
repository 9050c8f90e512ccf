"""Token secrets: their form and how requests show them."""

import base64
import hashlib

import pytest

from treehold.auth import secrets
from treehold.ids import Milliseconds


def entropy(count: int) -> bytes:
    return bytes(range(count))


SECRET = secrets.new_secret(entropy)


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def test_a_secret_has_the_documented_form() -> None:
    """A repo token is art_v1_ and 40 hex digits, then its expiry in seconds."""
    assert "art_v1_" + bytes(range(20)).hex() == SECRET
    assert secrets.plaintext(SECRET, Milliseconds(1_760_000_000_999)) == f"{SECRET}?expires=1760000000"


def test_api_tokens_look_different() -> None:
    """An API token cannot be mistaken for a repo token."""
    assert secrets.new_api_secret(entropy).startswith("thd_")


def test_only_a_digest_is_kept() -> None:
    """The digest is the SHA-256 of the secret."""
    assert secrets.digest(b"x") == hashlib.sha256(b"x").digest()


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {SECRET}".encode(),
        f"bearer   {SECRET}  ".encode(),
        f"Bearer {SECRET}?expires=1760000000".encode(),
        basic("x", SECRET),
        basic("", SECRET),
        basic("any user", f"{SECRET}?expires=1"),
        basic("x", f"{SECRET}%3Fexpires%3D1760000000"),
        basic("x", "".join(f"%{byte:02x}" for byte in SECRET.encode())),
    ],
)
def test_every_way_to_show_a_token_is_understood(header: bytes) -> None:
    """Bearer and Basic, whole or without the hint, plain or percent-encoded, are one and the same."""
    assert secrets.git_secret(header) == SECRET.encode()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer ?expires=1",
        b"Basic",
        b"Basic !!!",
        b"Basic " + base64.b64encode(b"no colon"),
        basic("user", ""),
        b"Digest abc",
        b"Bearer " + b"x" * (secrets.CREDENTIAL_BYTES_MAX + 1),
        b"Basic " + b"x" * (2 * secrets.CREDENTIAL_BYTES_MAX + 1),
    ],
)
def test_anything_else_shows_nothing(header: bytes) -> None:
    """What is not a credential is none, whatever its size."""
    assert secrets.git_secret(header) is None


def test_a_password_may_hold_colons() -> None:
    """Only the first colon divides user and password."""
    assert secrets.git_secret(basic("user", "a:b")) == b"a:b"
