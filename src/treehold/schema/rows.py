"""What programs are answered: repos and tokens as REST shows them. The order of the fields is the order on the wire."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from treehold.schema.fields import Time

RepoStatus = Literal["ready", "creating", "importing", "forking"]
Scope = Literal["read", "write"]
TokenStatus = Literal["active", "expired", "revoked"]


class Row(BaseModel):
    """Something that REST shows."""

    model_config = ConfigDict(frozen=True)


class RepoInfo(Row):
    """A repo."""

    id: str
    name: str
    description: str | None
    default_branch: str
    created_at: Time
    updated_at: Time
    last_push_at: Time | None = Field(description="Null until the first push")
    source: str | None = Field(description="`artifacts:<namespace>/<repo>` for a fork, `git:<url>` for an import")
    read_only: bool
    remote: str = Field(description="URL for Git clients")
    status: RepoStatus
    size_bytes: int = Field(description="Bytes of its packs")


class CreateRepoResult(Row):
    """A repo just made, with its first token."""

    id: str
    name: str
    description: str | None
    default_branch: str
    remote: str
    token: str = Field(description="A write token for 24 hours, shown this once")


class ForkRepoResult(CreateRepoResult):
    """A fork just made."""

    objects: int = Field(description="Objects that its refs reach")


class Removed(Row):
    """What was deleted or revoked."""

    id: str


class TokenInfo(Row):
    """A repo token as listed."""

    id: str
    scope: Scope
    state: TokenStatus
    created_at: Time
    expires_at: Time


class CreateTokenResult(Row):
    """A repo token just made."""

    id: str
    plaintext: str = Field(description="The token, shown this once")
    scope: Scope
    expires_at: Time
