"""Short words for asking a REST application: who may use it, its clock, and what an envelope says."""

import os
from dataclasses import dataclass, field
from typing import Any

import httpx

from treehold.auth import secrets
from treehold.catalog.accounts import ApiTokenRow, Permission
from treehold.catalog.base import RepoRow
from treehold.engine.context import Engine
from treehold.ids import AccountId, Milliseconds, TokenId, new_id

ACCOUNT = AccountId("acme")
OTHER_ACCOUNT = AccountId("rival")
START = Milliseconds(1_776_331_800_000)
DOCUMENTED = f"/client/v4/accounts/{ACCOUNT}/artifacts/namespaces/default"
LAUNCH_DAY = "/v1/api/namespaces/default"


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until a test moves it."""

    now: Milliseconds = START

    def __call__(self) -> Milliseconds:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now = Milliseconds(self.now + int(seconds * 1000))


@dataclass(slots=True)
class RestServer:
    """An application, who may use it, and short words for asking it."""

    engine: Engine
    clock: SetClock
    http: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def grant(
        self, name: str, account: AccountId, permission: Permission, *, expires_at: Milliseconds | None = None
    ) -> str:
        """Keep an API token under a name."""
        secret = secrets.new_api_secret(os.urandom)
        row = ApiTokenRow(TokenId(new_id(os.urandom)), account, permission, self.clock(), None, expires_at=expires_at)
        await self.engine.catalog.create_api_token(row, secrets.digest(secret.encode()))
        self.tokens[name] = secret
        return secret

    async def ask(
        self, method: str, path: str, *, base: str = DOCUMENTED, token: str | None = "edit", **request: Any
    ) -> httpx.Response:
        """Send a request as the holder of a token; ``path`` is below the namespace."""
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers.setdefault("authorization", f"Bearer {self.tokens[token]}")
        return await self.http.request(method, base + path, headers=headers, **request)

    async def create(self, name: str, **fields: object) -> dict[str, Any]:
        """Create a repo and answer the result."""
        made = await self.ask("POST", "/repos", json={"name": name, **fields})
        assert made.status_code == 201, made.text
        result: dict[str, Any] = made.json()["result"]
        return result


def remote_for(row: RepoRow) -> str:
    """The Git URL of a repo, as a composition root would make it."""
    return f"https://git.example/git/{row.namespace}/{row.name}.git"


def error(body: Any) -> tuple[int, str | None]:
    """The code and the pointer of the one error of an envelope; checks the envelope around it."""
    assert set(body) == {"result", "success", "errors", "messages"}
    assert (body["result"], body["success"], body["messages"]) == (None, False, [])
    (only,) = body["errors"]
    assert set(only) <= {"code", "message", "source"}
    assert only["message"]
    return only["code"], only.get("source", {}).get("pointer")
