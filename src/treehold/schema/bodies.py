"""What programs send: the bodies of REST requests.

Types are strict, because a client that sends ``"true"`` for a boolean has a mistake that it should hear of. A null is
the same as an absent field, and fields that we do not know are ignored, so that newer clients can talk to older
servers. Bounds that are settings of the server are not here: the engine holds those.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from treehold.errors import InvalidInput, InvalidRepoName, InvalidTtl
from treehold.schema.fields import RepoName, Text


class RequestBody(BaseModel):
    """A JSON object of a request."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    field_errors: ClassVar[Mapping[str, type[InvalidInput]]] = {}
    """Fields whose mistakes have an error class of their own."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: object) -> object:
        if isinstance(fields, Mapping):
            return {name: value for name, value in fields.items() if value is not None}
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Check the fields of a parsed body; raises InvalidInput for the first wrong one, with its pointer."""
        try:
            return cls.model_validate(fields)
        except ValidationError as wrong:
            first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
        field = str(first["loc"][0])
        raise cls.field_errors.get(field, InvalidInput)(f"{field}: {first['msg']}", f"/{field}")


class CreateRepoRequest(RequestBody):
    """``POST /repos``."""

    field_errors = {"name": InvalidRepoName}

    name: RepoName
    description: Text | None = Field(None, description="At most 1,000 characters")
    default_branch: Text = Field("main", description="What `git check-ref-format --branch` accepts")
    read_only: bool = False


class ForkRepoRequest(RequestBody):
    """``POST /repos/{name}/fork``."""

    field_errors = {"name": InvalidRepoName}

    name: RepoName
    description: Text | None = Field(None, description="At most 1,000 characters")
    read_only: bool = False
    default_branch_only: bool = False


class CreateTokenRequest(RequestBody):
    """``POST /tokens``. ``ttl`` is in seconds."""

    field_errors = {"ttl": InvalidTtl}

    repo: RepoName
    scope: Literal["read", "write"] = "write"
    ttl: int = Field(86_400, description="Seconds, 60 to 31,536,000")
