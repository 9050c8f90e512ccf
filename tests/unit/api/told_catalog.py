"""A catalog that remembers what it was asked and answers what it was told, and rows to tell it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from treehold.catalog.accounts import ApiTokenRow
from treehold.catalog.base import RepoRow, TokenRow
from treehold.ids import AccountId, Milliseconds, RepoId, TokenId

REPO = RepoRow(
    id=RepoId("0123456789abcdef"),
    account=AccountId("acme"),
    namespace="default",
    name="starter-repo",
    description=None,
    default_branch="main",
    read_only=False,
    source=None,
    generation=0,
    exact=True,
    anchor=0,
    origin=0,
    size_bytes=42,
    object_count=3,
    created_at=Milliseconds(1),
    updated_at=Milliseconds(2),
    last_push_at=Milliseconds(3),
)
TOKEN = TokenRow(
    id=TokenId("token00000000000"),
    repo=REPO.id,
    scope="write",
    created_at=Milliseconds(1),
    expires_at=Milliseconds(5000),
    revoked_at=None,
)
API_TOKEN = ApiTokenRow(
    TokenId("api0000000000000"), AccountId("acme"), "edit", Milliseconds(0), None, last_used_at=Milliseconds(0)
)


@dataclass(slots=True)
class ToldCatalog:
    """Answers each call with what ``answers`` holds for it, and keeps the arguments in ``asked``."""

    answers: dict[str, object] = field(default_factory=lambda: {"find_api_token": API_TOKEN})
    asked: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: object, **named: object) -> object:
            self.asked[name] = (*arguments, *named.values())
            return self.answers[name]

        return call
