"""Token secrets: their form, their digest, and how a request shows them.

A repo token is ``art_v1_<40 hex>?expires=<unix seconds>``: 160 random bits, then a hint for people that is never
believed. Only the SHA-256 of the part before the ``?`` is kept anywhere. An unsalted digest is enough, because nobody
can guess 160 bits; it must be a plain function of the secret, because it is the key that tokens are found by.
"""

import base64
import binascii
import hashlib
from typing import Final
from urllib.parse import unquote_to_bytes

from treehold.ids import Entropy, Milliseconds

SECRET_PREFIX: Final = "art_v1_"  # noqa: S105 - a form, not a secret
API_SECRET_PREFIX: Final = "thd_"  # noqa: S105
CREDENTIAL_BYTES_MAX: Final = 4096
"""Longest credential looked at: ours have 47 characters and 19 of hint; three per character when percent-encoded."""


def new_secret(entropy: Entropy) -> str:
    """A fresh repo token secret: the part before ``?expires=``."""
    return SECRET_PREFIX + entropy(20).hex()


def new_api_secret(entropy: Entropy) -> str:
    """A fresh API token."""
    return API_SECRET_PREFIX + entropy(20).hex()


def plaintext(secret: str, expires_at: Milliseconds) -> str:
    """The token as its owner is shown it, once."""
    return f"{secret}?expires={expires_at // 1000}"


def digest(secret: bytes) -> bytes:
    """The 32 bytes by which a secret is kept and found."""
    return hashlib.sha256(secret).digest()


def bearer_secret(authorization: bytes) -> bytes | None:
    """What an ``Authorization: Bearer`` header shows; None when it is another scheme, empty or oversized."""
    scheme, _, value = authorization.strip().partition(b" ")
    value = value.strip()
    if scheme.lower() != b"bearer" or not value or len(value) > CREDENTIAL_BYTES_MAX:
        return None
    return value


def git_secret(authorization: bytes) -> bytes | None:
    """The repo token secret in a Git request's Authorization header, without its ``?expires=`` hint.

    Bearer carries the token; Basic carries it as the password, percent-encoded or not, under any user name. Answers
    None for anything else, such as Basic that is not base64 of ``user:password``.
    """
    secret = bearer_secret(authorization)
    if secret is None:
        secret = _basic_password(authorization)
    if secret is None:
        return None
    return unquote_to_bytes(secret).partition(b"?")[0] or None


def _basic_password(authorization: bytes) -> bytes | None:
    scheme, _, value = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic" or len(value) > CREDENTIAL_BYTES_MAX * 2:
        return None
    try:
        decoded = base64.b64decode(value.strip(), validate=True)
    except binascii.Error:
        return None
    _, colon, password = decoded.partition(b":")
    return password if colon and password else None
