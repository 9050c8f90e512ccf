"""What the OpenAPI document cannot read off the routes by itself."""

from typing import Annotated, Any

from fastapi import Path

from treehold.schema.bodies import RequestBody
from treehold.schema.envelope import Failure

IN_NAMESPACE = "/namespaces/{namespace}"
"""Where the routes of repos and tokens lie, below the base."""
FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Failure, "description": "The request was refused"},
    "5XX": {"model": Failure, "description": "The server failed"},
}


def takes(model: type[RequestBody]) -> dict[str, Any]:
    """Say that a route takes that body. FastAPI is not told, or it would read the body before anybody is admitted."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def account_in_path(account_id: Annotated[str, Path(description="The account's id")]) -> None:
    """Name the account in the routes of the documented base; admission reads it from the path."""
