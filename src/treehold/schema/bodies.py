"""What programs send: the bodies of REST requests.

Types are strict, because a client that sends ``"true"`` for a boolean has a mistake that it should hear of. A null is
the same as an absent field, and fields that we do not know are ignored, so that newer clients can talk to older
servers. Bounds that are settings of the server are not here: the engine holds those.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from treehold.errors import InvalidInput, InvalidRepoName, InvalidTtl
from treehold.schema.fields import BranchName, Description, Integral, NamespaceName, RepoName, Text, Told

TTL_MIN, TTL_MAX = 60, 31_536_000
"""Seconds that a token may live, where the server has no other bounds."""


def _null_for_absent(schema: dict[str, Any]) -> None:
    """Say of every field that may be absent that null says the same."""
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in schema.get("required", ()):
            continue
        plain = {**field.pop("anyOf", [{}])[0], **field}
        if plain["default"] is None:
            del plain["default"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
        field.clear()
        field.update(plain, type=[plain["type"], "null"])


class RequestBody(BaseModel):
    """A JSON object of a request."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, json_schema_extra=_null_for_absent)

    field_errors: ClassVar[Mapping[str, type[InvalidInput]]] = {}
    """Fields whose mistakes have an error class of their own."""
    nullable: ClassVar[frozenset[str]] = frozenset()
    """Fields for which a null says something that absence does not."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, fields: object) -> object:
        if isinstance(fields, Mapping):
            return {name: value for name, value in fields.items() if value is not None or name in cls.nullable}
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


ReadOnly = Annotated[bool, Field(description="Whether pushes are refused")]


class CreateNamespaceRequest(RequestBody):
    """``POST /namespaces``."""

    namespace: NamespaceName
    jurisdiction: Literal["eu", "us"] | None = Field(
        None, description="Where its data is to lie; unrestricted if absent", examples=["eu"]
    )


class CreateRepoRequest(RequestBody):
    """``POST /repos``."""

    field_errors = {"name": InvalidRepoName}

    name: RepoName
    description: Description | None = None
    default_branch: BranchName = "main"
    read_only: ReadOnly = False


class UpdateRepoRequest(RequestBody):
    """``PATCH /repos/{name}``: what is absent stays as it is."""

    nullable = frozenset({"description"})

    description: Description | None = Field(None, description="At most 1,000 characters; null takes it away")
    default_branch: BranchName | None = Field(None, description="It need not be there yet")
    read_only: bool | None = Field(None, description="Whether pushes are refused")


class ForkRepoRequest(RequestBody):
    """``POST /repos/{name}/fork``."""

    field_errors = {"name": InvalidRepoName}

    name: RepoName = Field(examples=["starter-repo-agent-1"])
    description: Description | None = None
    read_only: ReadOnly = False
    default_branch_only: Annotated[
        bool, Field(description="Without the other branches, and tags that lead elsewhere")
    ] = False


class CreateTokenRequest(RequestBody):
    """``POST /tokens``. ``ttl`` is in seconds."""

    field_errors = {"ttl": InvalidTtl}

    repo: RepoName
    scope: Literal["read", "write"] = Field("write", description="Fetches alone, or pushes too")
    ttl: Annotated[int, Told(minimum=TTL_MIN, maximum=TTL_MAX), Integral] = Field(86_400, description="Seconds")


class ImportRepoRequest(RequestBody):
    """``POST /repos/{name}/import``."""

    url: Text = Field(
        max_length=2048,
        description="HTTPS URL of a Git repository; it may hold credentials, which are used once and not kept",
        examples=["https://github.com/pallets/flask.git"],
    )
    branch: Text | None = Field(None, description="Import this branch alone, not all branches and tags")
    depth: Annotated[int, Field(ge=1, le=2**31 - 1), Integral] | None = Field(
        None, description="Import so many commits deep, and HEAD's branch alone unless one is named"
    )
    description: Description | None = None
    read_only: ReadOnly = False
