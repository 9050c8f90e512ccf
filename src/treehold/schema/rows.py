"""What programs are answered: repos and tokens as REST shows them. The order of the fields is the order on the wire."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from treehold.schema.fields import Time

RepoStatus = Literal["ready", "creating", "importing", "forking"]
Scope = Literal["read", "write"]
Jurisdiction = Literal["unrestricted", "eu", "us"]
TokenStatus = Literal["active", "expired", "revoked"]


class Row(BaseModel):
    """Something that REST shows."""

    model_config = ConfigDict(frozen=True)


class NamespaceInfo(Row):
    """A namespace."""

    namespace: str
    jurisdiction: Jurisdiction
    repo_count: int
    created_at: Time
    updated_at: Time


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


class AccountInfo(Row):
    """The account of an API token."""

    id: str
    name: str


class Membership(Row):
    """What an API token has to do with its account, in the words of clients that know people and their roles."""

    id: str
    status: Literal["accepted"] = "accepted"
    account: AccountInfo
    roles: list[str] = Field(description="What the token allows")


class VerifiedToken(Row):
    """An API token that was let in."""

    id: str
    status: Literal["active"] = "active"
    not_before: Time
    expires_on: Time | None = Field(description="Null if it lasts until it is revoked")


class Person(Row):
    """Who made a commit."""

    name: str
    email: str


class Commit(Row):
    """A commit, spelled as the service's own binding spells it. Times are Unix seconds."""

    hash: str = Field(examples=["9f1c2d4e6a8b0c1d2e3f4a5b6c7d8e9f0a1b2c3d"])
    treeHash: str = Field(examples=["4b825dc642cb6eb9a060e54bf8d69288fbee4904"])  # noqa: N815
    message: str = Field(description="Without one line end at its end; what is not text in its encoding is U+FFFD")
    author: Person
    committer: Person
    parents: list[str]
    authoredAt: int  # noqa: N815
    committedAt: int  # noqa: N815


class TreeEntry(Row):
    """One name in a tree."""

    name: str = Field(description="Bytes that are not UTF-8 are U+FFFD")
    mode: str = Field(description="Octal digits without leading zeroes", examples=["40000", "100644"])
    hash: str
    type: Literal["tree", "blob", "exec", "symlink", "gitlink"]
