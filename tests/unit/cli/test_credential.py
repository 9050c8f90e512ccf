"""The question of git."""

import io

import pytest

from treehold.cli.credential import read_question
from treehold.cli.failures import Refused


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", {}),
        ("\nprotocol=x\n", {}),
        ("protocol=https\nhost=h:1\npath=a=b\n\nmore=1\n", {"protocol": "https", "host": "h:1", "path": "a=b"}),
        ("capability[]=authtype\nhost=h", {"capability[]": "authtype", "host": "h"}),
    ],
)
def test_read_question(text: str, asked: dict[str, str]) -> None:
    """Lines are read up to an empty one or the end; a value may have an equals sign."""
    assert read_question(io.StringIO(text).readline) == asked


def test_a_question_without_end() -> None:
    """Whoever goes on and on is not git."""
    with pytest.raises(Refused):
        read_question(lambda _: "x=y\n")
