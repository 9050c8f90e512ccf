"""Twin of treehold.api.documented."""

from treehold.api.documented import BAD_BODY, BAD_REPO_NAME, NO_REPO, account_in_path, refusals, takes
from treehold.schema.bodies import CreateTokenRequest


def test_a_body_is_described() -> None:
    """A route's body is in the document, with what it must have and what stands for the rest."""
    described = takes(CreateTokenRequest)["requestBody"]
    schema = described["content"]["application/json"]["schema"]
    assert described["required"] is True
    assert schema["required"] == ["repo"]
    assert schema["properties"]["scope"]["enum"] == ["read", "write", None]
    assert schema["properties"]["ttl"]["default"] == 86_400


def test_refusals_are_told_by_status() -> None:
    """Each status has its codes once, with an example for each way to get it."""
    told = refusals(NO_REPO, BAD_BODY, BAD_REPO_NAME, BAD_BODY)
    assert list(told) == [400, 404]
    assert told[400]["description"] == "The request is wrong: `10100` INVALID_INPUT, `10101` INVALID_REPO_NAME"
    examples = [example["value"] for example in told[400]["content"]["application/json"]["examples"].values()]
    assert [example["errors"][0]["code"] for example in examples] == [10100, 10101, 10100]
    assert examples[1] == {
        "result": None,
        "success": False,
        "errors": [{"code": 10101, "message": BAD_REPO_NAME.example, "source": {"pointer": "/name"}}],
        "messages": [],
    }


async def test_the_account_is_only_named() -> None:
    """Naming the account in the path settles nothing by itself."""
    assert await account_in_path("acme") is None  # type: ignore[func-returns-value]
