"""The envelope on its way out. Built here and not by FastAPI, which would check each of our own rows a second time."""

import json
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE = "application/json"
NEVER_STORED = {"cache-control": "no-store"}
"""Answers hold tokens and change with every push, so no cache on the way may keep one."""


def answer(envelope: BaseModel, *, status: int = 200) -> Response:
    """Send an envelope of success."""
    return Response(envelope.model_dump_json(), status_code=status, media_type=MEDIA_TYPE, headers=NEVER_STORED)


def failure(
    status: int, code: int, message: str, *, pointer: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Send an envelope with one error. What the error has no value for is left out, and ``result`` is null."""
    error: dict[str, object] = {"code": code, "message": message}
    if pointer is not None:
        error["source"] = {"pointer": pointer}
    # json and not pydantic: it spells a lone surrogate, should one ever get into a message, where pydantic raises.
    body = json.dumps({"result": None, "success": False, "errors": [error], "messages": []})
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers={**NEVER_STORED, **(headers or {})})
