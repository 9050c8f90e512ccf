"""The ERR line: how a Git server refuses before an answer has begun (gitprotocol-pack, "error-line")."""

from typing import Final

from treehold.protocol.pktline import encode

MESSAGE_BYTES_MAX: Final = 1000
"""Longest message sent. Clients print it on one line of a terminal."""


def encode_error(message: str) -> bytes:
    """One ``ERR`` packet with the message on a single line, shortened to 1,000 bytes."""
    return encode(b"ERR " + one_line(message, bytes_max=MESSAGE_BYTES_MAX))


def one_line(message: str, *, bytes_max: int) -> bytes:
    """A message made safe for a client's terminal and for a line of the protocol: printable, single-line, UTF-8.

    Whatever is not printable becomes a blank, so that neither a line feed nor an escape sequence of a ref name gets
    through.
    """
    printable = "".join(character if character.isprintable() else " " for character in message[:bytes_max])
    text = " ".join(printable.split()).encode()[:bytes_max].decode(errors="ignore")
    return text.strip().encode() or b"unspecified"
