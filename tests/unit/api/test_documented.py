"""Twin of treehold.api.documented."""

from treehold.api.documented import account_in_path, takes
from treehold.schema.bodies import CreateTokenRequest


def test_a_body_is_described() -> None:
    """A route's body is in the document, with what it must have and what stands for the rest."""
    described = takes(CreateTokenRequest)["requestBody"]
    schema = described["content"]["application/json"]["schema"]
    assert described["required"] is True
    assert schema["required"] == ["repo"]
    assert schema["properties"]["scope"]["enum"] == ["read", "write"]
    assert schema["properties"]["ttl"]["default"] == 86_400


async def test_the_account_is_only_named() -> None:
    """Naming the account in the path settles nothing by itself."""
    assert await account_in_path("acme") is None  # type: ignore[func-returns-value]
