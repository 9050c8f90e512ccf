"""What is told of a failure."""

import json

import pytest

from treehold.cli.failures import Failure, Refused, Status, explain
from treehold.client.errors import CODES, ArtifactsError, AuthenticationError, InvalidInput


@pytest.mark.parametrize(("code", "kind"), CODES.values())
def test_every_error_has_a_status(code: str, kind: type[ArtifactsError]) -> None:
    """No error of the binding is told as a success, and its code and message stay."""
    told = explain(kind("it is so", code))
    assert told.status not in {Status.DONE, Status.INTERRUPTED, Status.OUTPUT_CLOSED}
    assert (told.code, told.message) == (code, "it is so")


def test_a_wrong_field_is_named() -> None:
    """The field of the server's pointer stands behind the message."""
    assert explain(InvalidInput("too long", pointer="/description")).message == "too long (description)"


def test_a_token_that_may_not_is_told_from_one_that_is_unknown() -> None:
    """Only 403 speaks of permissions."""
    assert "edit permission" in explain(AuthenticationError("no", status=403)).hint
    assert "edit permission" not in explain(AuthenticationError("no", status=401)).hint


def test_people_read_one_line_and_programs_a_document() -> None:
    """Both have the message and the hint; the document has the status and the code too."""
    failure = Refused("no\nway", hint="turn round", status=Status.USAGE).failure
    assert failure.line() == "treehold: no way; turn round"
    assert json.loads(failure.document()) == {
        "error": {"code": "COMMAND_FAILED", "message": "no\nway", "hint": "turn round", "status": 2}
    }
    assert Failure("no", "", Status.FAILED, "X").line() == "treehold: no"
