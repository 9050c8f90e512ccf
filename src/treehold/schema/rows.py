"""What programs are answered: repos and tokens as REST shows them. The order of the fields is the order on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from treehold.schema.fields import Time, Told

RepoStatus = Literal["ready", "creating", "importing", "forking"]
Scope = Literal["read", "write"]
Jurisdiction = Literal["unrestricted", "eu", "us"]
TokenStatus = Literal["active", "expired", "revoked"]
Id = Annotated[str, Told(pattern="^[0-9a-z]{16}$"), Field(examples=["k3j9x0v2m7q4t8za"])]
"""What the server names a thing by."""
Hash = Annotated[str, Told(pattern="^[0-9a-f]{40}$"), Field(examples=["9f1c2d4e6a8b0c1d2e3f4a5b6c7d8e9f0a1b2c3d"])]
"""An object's id."""
Remote = Annotated[
    str,
    Field(description="URL for Git clients", examples=["https://git.example/git/default/starter-repo.git"]),
]
Count = Annotated[int, Told(minimum=0)]
Seconds = Annotated[int, Field(description="Unix seconds", examples=[1_776_331_800])]
_TOKEN = "art_v1_0123456789abcdef0123456789abcdef01234567?expires=1776418200"  # noqa: S105 - an example


class Row(BaseModel):
    """Something that REST shows."""

    model_config = ConfigDict(frozen=True)


class NamespaceInfo(Row):
    """A namespace."""

    namespace: str = Field(examples=["default"])
    jurisdiction: Jurisdiction
    repo_count: Count = Field(examples=[1])
    created_at: Time
    updated_at: Time


class RepoInfo(Row):
    """A repo."""

    id: Id
    name: str = Field(examples=["starter-repo"])
    description: str | None = Field(examples=["Starting point of all agents"])
    default_branch: str = Field(examples=["main"])
    created_at: Time
    updated_at: Time
    last_push_at: Time | None = Field(description="Null until the first push")
    source: str | None = Field(
        description="`artifacts:<namespace>/<repo>` for a fork, `git:<url>` for an import",
        examples=["git:https://git.example/team/starter-repo.git"],
    )
    read_only: bool = Field(description="Whether pushes are refused")
    remote: Remote
    status: RepoStatus
    size_bytes: Count = Field(description="Bytes of its packs", examples=[4096])


class CreateRepoResult(Row):
    """A repo just made, with its first token."""

    id: Id
    name: str = Field(examples=["starter-repo"])
    description: str | None = Field(examples=["Starting point of all agents"])
    default_branch: str = Field(examples=["main"])
    remote: Remote
    token: str = Field(description="A write token for 24 hours, shown this once", examples=[_TOKEN])


class ForkRepoResult(CreateRepoResult):
    """A fork just made."""

    objects: Count = Field(description="Objects that its refs reach", examples=[12])


class Removed(Row):
    """What was deleted or revoked."""

    id: Id


class TokenInfo(Row):
    """A repo token as listed."""

    id: Id
    scope: Scope
    state: TokenStatus
    created_at: Time
    expires_at: Time


class CreateTokenResult(Row):
    """A repo token just made."""

    id: Id
    plaintext: str = Field(description="The token, shown this once", examples=[_TOKEN])
    scope: Scope
    expires_at: Time


class AccountInfo(Row):
    """The account of an API token."""

    id: str = Field(examples=["local"])
    name: str = Field(examples=["local"])


class Membership(Row):
    """What an API token has to do with its account, in the words of clients that know people and their roles."""

    id: Id
    status: Literal["accepted"] = "accepted"
    account: AccountInfo
    roles: list[str] = Field(description="What the token allows", examples=[["Artifacts Edit"]])


class VerifiedToken(Row):
    """An API token that was let in."""

    id: Id
    status: Literal["active"] = "active"
    not_before: Time
    expires_on: Time | None = Field(description="Null if it lasts until it is revoked")


class Person(Row):
    """Who made a commit."""

    name: str = Field(examples=["Ada"])
    email: str = Field(examples=["ada@example.com"])


class Commit(Row):
    """A commit, spelled as the service's own binding spells it. Times are Unix seconds."""

    hash: Hash
    treeHash: Hash  # noqa: N815
    message: str = Field(
        description="Without one line end at its end; what is not text in its encoding is U+FFFD",
        examples=["Say hello"],
    )
    author: Person
    committer: Person
    parents: list[Hash]
    authoredAt: Seconds  # noqa: N815
    committedAt: Seconds  # noqa: N815


class TreeEntry(Row):
    """One name in a tree."""

    name: str = Field(description="Bytes that are not UTF-8 are U+FFFD", examples=["main.py"])
    mode: str = Field(description="Octal digits without leading zeroes", examples=["100644", "40000"])
    hash: Hash
    type: Literal["tree", "blob", "exec", "symlink", "gitlink"]
