"""The OpenAPI document: what FastAPI reads off the routes, finished.

FastAPI is not told everything, for it would check and build everything a second time. What is added here is true of all
routes alike: who may ask, what an answer looks like, that an empty parameter is an absent one.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from treehold.api.idempotency import KEY_CHARACTERS_MAX
from treehold.auth.names import NamePolicy
from treehold.engine.limits import Limits
from treehold.schema.names import LEVELLED_NAME, NAME_PATTERN, relaxed

Json = dict[str, Any]
NAME_PATTERNS: Final = (NAME_PATTERN, LEVELLED_NAME["pattern"])
_JSON: Final = "application/json"
_ABOUT: Final = """\
Versioned file trees that speak Git: make repos, fork them, hand out tokens, read them without Git. Git itself goes to a
repo's `remote`.

Every answer but raw bytes is an envelope: `{"result", "success", "errors", "messages"}`. The routes below
`/client/v4/accounts/{account_id}/artifacts` are also below `/v1/api`, in the server's default account. A query
parameter with nothing behind its `=` counts as absent, and a field that is null as one that is not there. Parameters
and fields that are not known are ignored.
"""
_TAGS: Final = {
    "namespaces": "What repos lie in.",
    "repos": "Versioned file trees.",
    "reads": "A repo's contents without Git. What no ref of the repo reaches is not there.",
    "tokens": "What Git clients show: each is for one repo.",
    "accounts": "Whose API token it is.",
    "workspace": "The same for repos of one namespace, by names that may have levels.",
}
_SECURITY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token. It belongs to an account and may read, or edit too.",
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request again under the same key is not carried out again, but answered as it was",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX, "pattern": "^[!-~]+$"},
    "example": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
}


def operation_id(route: APIRoute) -> str:
    """A route's name for programs that are made from the document."""
    name = route.name
    if "workspace" in route.tags:
        return f"workspace_{name}"
    return name.replace("get_", "head_", 1) if route.methods == {"HEAD"} else name


def describe(app: FastAPI, limits: Limits, names: NamePolicy) -> Json:
    """The finished document of an application with these limits and rules of names."""
    document = get_openapi(title="Treehold", version=app.version, description=_ABOUT, routes=app.routes)
    document["servers"] = [{"url": "/", "description": "This server"}]
    document["security"] = [{"api_token": []}]
    document["tags"] = [{"name": name, "description": about} for name, about in _TAGS.items()]
    parts = document["components"]
    parts["securitySchemes"] = {"api_token": _SECURITY}
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation.setdefault("parameters", []).sort(key=lambda parameter: _place(parameter, path))
            if method == "post":
                operation["parameters"].append(_KEY)
            _finish(operation, parts["schemas"], limits)
    if names.style == "relaxed":
        _relax(document)
    return document


def _relax(node: object) -> None:
    """Let all names in a part of the document have upper case."""
    if isinstance(node, dict):
        if node.get("pattern") in NAME_PATTERNS:
            node["pattern"] = relaxed(node["pattern"])
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _relax(part)


def example_of(schema: Json, definitions: Mapping[str, Json]) -> Any:
    """A value that a schema takes, put together from the examples of its parts."""
    if "$ref" in schema:
        return example_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for word in ("examples", "enum"):
        if word in schema:
            return schema[word][0]
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], definitions)
    if schema["type"] == "array":
        return [example_of(schema["items"], definitions)]
    if schema["type"] == "object":
        fields = schema["properties"].items()
        return {name: example_of(field, definitions) for name, field in fields if _is_shown(name, field, schema)}
    return {"boolean": False}[schema["type"]]


def _is_shown(name: str, field: Json, schema: Json) -> bool:
    """Whether an example has the field: where it must be there, or has something to show."""
    return name in schema.get("required", ()) or "examples" in field or field.get("default") is not None


def _finish(operation: Json, definitions: Mapping[str, Json], limits: Limits) -> None:
    # FastAPI names a 422 for whatever has a parameter; ours are 400.
    if operation["responses"].get("422", {}).get("description") == "Validation Error":
        del operation["responses"]["422"]
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for parameter in operation["parameters"]:
        _finish_parameter(parameter)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"][_JSON]
        _put_ttl(content["schema"], limits)
        content["example"] = example_of(content["schema"], definitions)
    for status, answer in operation["responses"].items():
        _finish_answer(status, answer, definitions)


def _finish_answer(status: str, answer: Json, definitions: Mapping[str, Json]) -> None:
    if answer["description"] == "Successful Response":
        answer["description"] = HTTPStatus(int(status)).phrase
    content = answer.get("content", {}).get(_JSON, {})
    for example in content.get("examples", {}).values():
        example["value"] = {"result": None, **example["value"]}  # FastAPI leaves out whatever is null
    if content and status.startswith("2"):
        content["example"] = example_of(content["schema"], definitions)


def _place(parameter: Json, path: str) -> tuple[int, int]:
    """Parameters of the path come first, in its order."""
    order = ("path", "query", "header")
    return order.index(parameter["in"]), path.find("{" + parameter["name"] + "}")


def _finish_parameter(parameter: Json) -> None:
    schema = parameter["schema"]
    for said_already in ("title", "description"):
        schema.pop(said_already, None)
    if parameter["in"] == "query":
        if "anyOf" in schema:  # what is absent is null to us, but nobody can send a null
            schema.update(schema.pop("anyOf")[0])
        if not parameter["required"]:
            parameter["allowEmptyValue"] = True


def _put_ttl(schema: Json, limits: Limits) -> None:
    if "ttl" in schema["properties"]:
        schema["properties"]["ttl"].update(minimum=limits.token_ttl_min, maximum=limits.token_ttl_max)
