"""The OpenAPI document and the page made from it; test_schemathesis.py holds the server to it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.live_server import LiveServer
from tests.wire.rest_server import RestServer
from treehold.api.errors import VERDICTS

BASE = "/client/v4/accounts/{account_id}/artifacts"
REPO = BASE + "/namespaces/{namespace}/repos/{name}"
ROUTES = {
    "create_namespace": ("post", BASE + "/namespaces"),
    "list_namespaces": ("get", BASE + "/namespaces"),
    "get_namespace": ("get", BASE + "/namespaces/{namespace}"),
    "delete_namespace": ("delete", BASE + "/namespaces/{namespace}"),
    "create_repo": ("post", BASE + "/namespaces/{namespace}/repos"),
    "list_repos": ("get", BASE + "/namespaces/{namespace}/repos"),
    "get_repo": ("get", REPO),
    "update_repo": ("patch", REPO),
    "delete_repo": ("delete", REPO),
    "fork_repo": ("post", REPO + "/fork"),
    "import_repo": ("post", REPO + "/import"),
    "list_log": ("get", REPO + "/log"),
    "get_commit": ("get", REPO + "/commit/{sha}"),
    "get_tree": ("get", REPO + "/tree/{sha}"),
    "get_blob": ("get", REPO + "/blob/{sha}"),
    "head_blob": ("head", REPO + "/blob/{sha}"),
    "get_file": ("get", REPO + "/file"),
    "head_file": ("head", REPO + "/file"),
    "get_raw": ("get", REPO + "/raw/{ref}/{path}"),
    "head_raw": ("head", REPO + "/raw/{ref}/{path}"),
    "list_tokens": ("get", REPO + "/tokens"),
    "create_token": ("post", BASE + "/namespaces/{namespace}/tokens"),
    "revoke_token": ("delete", BASE + "/namespaces/{namespace}/tokens/{token_id}"),
    "list_accounts": ("get", "/client/v4/accounts"),
    "list_memberships": ("get", "/client/v4/memberships"),
    "verify_token": ("get", "/client/v4/user/tokens/verify"),
    "workspace_create_repo": ("post", "/artifacts/repos"),
    "workspace_fork_repo": ("post", "/artifacts/repos/{name}/fork"),
    "workspace_import_repo": ("post", "/artifacts/repos/{name}/import"),
    "workspace_create_token": ("post", "/artifacts/tokens"),
}
BOUNDS = {"enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "const"}
RFC_HEADERS = {"Range", "If-Range", "If-None-Match"}
"""RFC 9110 has all other values of these ignored, so there is nothing that is out of bounds."""
SECRET = re.compile("art_v1_(?!0123456789abcdef)|thd_|ghp_|eyJ")


@pytest.fixture
async def document(rest: RestServer) -> dict[str, Any]:
    """The document as a client gets it."""
    answer = await rest.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    got: dict[str, Any] = answer.json()
    return got


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON that goes in or out, with a word for where it stands."""
    for operation in operations(document):
        answers = operation["responses"].items()
        for where, part in (("body", operation.get("requestBody", {})), *answers):
            if "application/json" in part.get("content", {}):
                yield f"{operation['operationId']} {where}", part["content"]["application/json"]


def schemas(node: object) -> Iterator[dict[str, Any]]:
    """All objects within a part of the document."""
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from schemas(part)
    elif isinstance(node, list):
        for part in node:
            yield from schemas(part)


async def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    """It validates as OpenAPI 3.1, its schemas among it, and every reference leads somewhere."""
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    for part in schemas(document):
        if "$ref" in part:
            kind, name = re.fullmatch("#/components/([a-zA-Z]+)/(.+)", part["$ref"]).groups()  # type: ignore[union-attr]
            assert name in document["components"][kind]


async def test_every_route_is_there(document: dict[str, Any]) -> None:
    """Each route of the contract has an operation, under an id that programs can rely on."""
    found = {
        operation["operationId"]: (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert found == ROUTES
    assert len(found) == sum(1 for _ in operations(document))


async def test_operations_say_what_they_do(document: dict[str, Any]) -> None:
    """Each has a tag that is described, words, and failures on either side; all want an API token."""
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    for operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert len(operation["tags"]) == 1
        assert tags[operation["tags"][0]]
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
        assert all(answer["description"] for answer in operation["responses"].values())
    assert document["security"] == [{"api_token": []}]
    assert document["components"]["securitySchemes"]["api_token"]["scheme"] == "bearer"
    assert document["servers"] == [{"url": "/", "description": "This server"}]


async def test_parameters_have_bounds(document: dict[str, Any]) -> None:
    """Each parameter and each field of a body has a description, and bounds within which it is taken."""
    for operation in operations(document):
        for parameter in operation["parameters"]:
            told = (operation["operationId"], parameter)
            assert parameter["description"], told
            assert parameter["name"] in RFC_HEADERS or list(schemas(parameter["schema"])), told
            assert parameter["name"] in RFC_HEADERS or _is_bounded(parameter["schema"]), told
            schema = parameter["schema"]
            assert "example" in parameter or {"examples", "enum", "default"} & set(schema), told
        body = operation.get("requestBody")
        for name, field in body["content"]["application/json"]["schema"]["properties"].items() if body else ():
            assert field["description"], (operation["operationId"], name)
            assert _is_bounded(field), (operation["operationId"], name)


def _is_bounded(schema: dict[str, Any]) -> bool:
    return "boolean" in schema["type"] or any(BOUNDS & set(part) for part in schemas(schema))


async def test_examples_fit(document: dict[str, Any]) -> None:
    """Every body and every answer has an example, and each is what its schema takes."""
    parts = document["components"]
    for where, content in contents(document):
        examples = [content["example"]] if "example" in content else []
        examples += [example["value"] for example in content.get("examples", {}).values()]
        assert examples, where
        validator = OAS31Validator({**content["schema"], "components": parts})
        for example in examples:
            assert list(validator.iter_errors(example)) == [], where


async def test_failures_are_those_of_the_table(document: dict[str, Any]) -> None:
    """Examples of failures have the statuses and codes of the errors that there are, and each of those is told of."""
    told = {
        (int(where.split()[1]), example["value"]["errors"][0]["code"])
        for where, content in contents(document)
        for example in content.get("examples", {}).values()
    }
    made_by_routes = {(413, 10402), (416, 10100), (409, 10301), (409, 10303)}
    beyond_rest = {(409, 10409)}  # a race that REST tries again by itself
    known = {(verdict.status, verdict.code) for verdict in VERDICTS.values()}
    assert told == (known | made_by_routes) - beyond_rest


async def test_the_document_has_no_secret(rest: RestServer) -> None:
    """The tokens in it are examples."""
    text = (await rest.http.get("/openapi.json")).text
    assert not SECRET.search(text)
    assert not any(token in text for token in rest.tokens.values())


def test_the_document_is_the_same_in_every_process(server: LiveServer, tmp_path: Any) -> None:
    """Two processes, whose hashes differ, answer the same bytes, and without a token."""
    with LiveServer(tmp_path / "other") as other:
        documents = {httpx.get(f"{each.url}/openapi.json").content for each in (server, other)}
    assert len(documents) == 1


class Page(HTMLParser):
    """What a page refers to, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.anchors: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        named = dict(attrs)
        self.anchors.add(named.get("id") or "")
        self.links |= {value or "" for name, value in attrs if name in {"href", "src", "action"}}
        assert not [name for name in named if name.startswith("on") or name == "style"]


async def test_the_page_needs_nothing_else(rest: RestServer, document: dict[str, Any]) -> None:
    """Each operation can be read at /docs without scripts or other servers, which the page forbids itself."""
    answer = await rest.http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    page = Page()
    page.feed(answer.text)
    assert not page.tags & {"script", "iframe", "img", "link", "object", "embed", "form"}
    shown = {operation["operationId"] for operation in operations(document)}
    assert {name for name in shown if not name.startswith("head_")} <= page.anchors
    assert page.links == {"openapi.json", *(f"#{name}" for name in shown if not name.startswith("head_"))}


async def test_pages_take_no_other_methods(rest: RestServer) -> None:
    """What only shows something says so, in an envelope with `Allow`; pages of others are not there."""
    for path in ("/docs", "/openapi.json"):
        refused = await rest.http.post(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert refused.json()["errors"][0]["code"] == 10100
    assert (await rest.http.get("/redoc")).status_code == 404
