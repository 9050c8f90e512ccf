"""What schemathesis cannot know from a document: names and ids of what is there. No check is changed here.

Three things have no meaning but the one that the server or the client gave them before, which no schema can say. A
request that is meant to be good gets a good one; a request that is meant to be bad is left as it is:

- a cursor, which rest.md calls opaque, is good only where a listing answered it: made up ones are left out;
- an Idempotency-Key is good for one request only: each gets a fresh one;
- a URL to import from must lead to a remote, and rest.md has 502 for one that cannot be reached: it becomes one that
  is there, and a branch becomes one that it has.

The ids of the document's examples become those of the objects in the repo of the examples, and that repo itself is not
deleted, so that requests find something.
"""

import itertools
import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

_NUMBERS = itertools.count(1)
_EXAMPLE_HASH = "9f1c2d4e6a8b0c1d2e3f4a5b6c7d8e9f0a1b2c3d"


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Put good names for made-up ones into a request that is meant to be good."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    case.query.pop("cursor", None)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"request-{next(_NUMBERS)}"
    if isinstance(case.body, dict) and "url" in case.body:
        case.body["url"] = os.environ["REMOTE_URL"]
        if case.body.get("branch") is not None:
            case.body["branch"] = "main"
    _find_what_is_there(case)


def _find_what_is_there(case: Case[Any]) -> None:
    asked = case.path_parameters
    if asked.get("sha") == _EXAMPLE_HASH:
        kind = case.path.rpartition("/{sha}")[0].rpartition("/")[2]
        asked["sha"] = os.environ[f"{kind.upper()}_ID"]
    if case.method == "DELETE" and asked.get("name") == "starter-repo":
        asked["name"] = "doomed-repo"
