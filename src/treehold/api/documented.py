"""What the OpenAPI document cannot read off the routes by itself."""

from typing import Annotated, Any

from fastapi import Path

from treehold.schema.bodies import RequestBody
from treehold.schema.envelope import Failure

IN_NAMESPACE = "/namespaces/{namespace}"
"""Where the routes of repos and tokens lie, below the base."""
_SECONDS = {"type": "integer", "minimum": 1}
FAILURES: dict[int | str, dict[str, Any]] = {
    "429": {
        "model": Failure,
        "description": "Too many requests of this account lately",
        "headers": {
            "Retry-After": {"description": "Seconds until one may come again", "schema": _SECONDS},
            "RateLimit-Limit": {"description": "Requests in ten seconds", "schema": _SECONDS},
            "RateLimit-Remaining": {"description": "How many more may come now", "schema": {"type": "integer"}},
            "RateLimit-Reset": {"description": "As Retry-After", "schema": _SECONDS},
        },
    },
    "4XX": {"model": Failure, "description": "The request was refused"},
    "5XX": {"model": Failure, "description": "The server failed"},
}

NamespaceInPath = Annotated[str, Path(description="The namespace's name", min_length=2, max_length=63)]
"""A route's parameter that names a namespace."""
RepoInPath = Annotated[str, Path(description="The repo's name", min_length=3, max_length=63, examples=["starter-repo"])]
"""A route's parameter that names a repo."""


def takes(model: type[RequestBody]) -> dict[str, Any]:
    """Say that a route takes that body. FastAPI is not told, or it would read the body before anybody is admitted."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def account_in_path(account_id: Annotated[str, Path(description="The account's id")]) -> None:
    """Name the account in the routes of the documented base; admission reads it from the path."""
