"""The page for people at ``/docs``, made from the OpenAPI document: one HTML file, without scripts or other servers."""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from treehold.api.document import Json

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888; --accent: #2a7a4b; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 3rem; }
h3 { margin: 2.5rem 0 .25rem; overflow-wrap: anywhere; }
h3 a { color: inherit; text-decoration: none; }
a { color: var(--accent); }
code, pre { font: .875rem/1.45 ui-monospace, monospace; }
pre { background: #8881; border-radius: .4rem; overflow-x: auto; padding: .75rem; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
td, th { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
td:first-child { overflow-wrap: anywhere; }
nav ul { columns: 18rem; list-style: none; padding: 0; }
summary { cursor: pointer; margin: .4rem 0; }
.method { color: var(--accent); }
.quiet { color: var(--quiet); font-size: .875rem; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_BOUNDS: Final = (("minimum", "at least {:,}"), ("maximum", "at most {:,}"))


def answer_with(describe: Callable[[], Json]) -> Callable[[Request], Awaitable[Response]]:
    """A route that answers the page of the document that ``describe`` makes, once."""

    @cache
    def page() -> str:
        return render(describe())

    async def show_docs(_request: Request) -> Response:
        return HTMLResponse(page(), headers=HEADERS)

    return show_docs


def render(document: Json) -> str:
    """The whole page."""
    title = escape(document["info"]["title"])
    about = "".join(f"<p>{_prose(part)}</p>" for part in document["info"]["description"].split("\n\n"))
    by_tag = {tag["name"]: (tag, list(_of_tag(document, tag["name"]))) for tag in document["tags"]}
    listed = "".join(
        f'<li><a href="#{each["operationId"]}">{escape(each["summary"])}</a> <span class="quiet">{method}</span></li>'
        for _, members in by_tag.values()
        for method, _, each in members
    )
    sections = "".join(
        f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_prose(tag['description'])}</p>"
        + "".join(_operation(*member) for member in members)
        for tag, members in by_tag.values()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: REST</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f'<body><h1>{title}: REST</h1>{about}<p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f"<nav><ul>{listed}</ul></nav><main>{sections}</main></body></html>"
    )


def _of_tag(document: Json, tag: str) -> Iterable[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"] and method != "head":
                yield method.upper(), path, operation


def _operation(method: str, path: str, operation: Json) -> str:
    own_id = operation["operationId"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    parts = [
        f'<h3 id="{own_id}"><a href="#{own_id}"><span class="method">{method}</span> {_code(path)}</a></h3>',
        f"<p>{_prose(operation['description'])}</p>",
    ]
    if operation.get("parameters"):
        parts.append(_table("Parameter", map(_parameter_row, operation["parameters"])))
    if body is not None:
        schema = body["schema"]
        parts.append(_table("Body field", (_field_row(name, schema) for name in schema["properties"])))
    parts.append(f"<pre>{escape(_curl(method, path, operation, body))}</pre>")
    answers = operation["responses"].items()
    parts.extend(_success(status, answer) for status, answer in answers if status < "4")
    refused = (_refusal(status, answer) for status, answer in answers if status >= "4")
    parts.append(f"<details><summary>When it is refused</summary>{''.join(refused)}</details>")
    return "".join(parts)


def _table(heading: str, rows: Iterable[str]) -> str:
    return f"<table><tr><th>{heading}</th><th>Values</th><th></th></tr>{''.join(rows)}</table>"


def _parameter_row(parameter: Json) -> str:
    return _row(parameter["name"], parameter["in"], parameter.get("required", False), parameter["schema"], parameter)


def _field_row(name: str, body: Json) -> str:
    field = body["properties"][name]
    return _row(name, "", name in body.get("required", ()), field, field)


def _row(name: str, place: str, required: bool, schema: Json, told: Json) -> str:  # noqa: FBT001
    marks = " ".join(filter(None, (place, "required" if required else "")))
    return (
        f'<tr><td>{_code(name)} <span class="quiet">{marks}</span></td>'
        f"<td>{_values(schema)}</td><td>{_prose(told.get('description', ''))}</td></tr>"
    )


def _values(schema: Json) -> str:
    """What a schema takes, in words."""
    if "enum" in schema:
        words = [", ".join(str(value) for value in schema["enum"] if value is not None)]
    else:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        words = [" or ".join(kinds)]
    words += [template.format(schema[bound]) for bound, template in _BOUNDS if bound in schema]
    if "maxLength" in schema:
        words.append(f"{schema.get('minLength', 0)} to {schema['maxLength']:,} characters")
    if "default" in schema:
        words.append(f"{json.dumps(schema['default'])} if absent")
    return escape(", ".join(words))


def _curl(method: str, path: str, operation: Json, body: Json | None) -> str:
    """A request that can be pasted into a shell."""
    asked = []
    for parameter in operation.get("parameters", ()):
        example = parameter.get("example", parameter["schema"].get("examples", [""])[0])
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(example))
        elif parameter["in"] == "query" and parameter["required"]:
            asked.append(f"{parameter['name']}={example}")
    query = "?" + "&".join(asked) if asked else ""
    lines = [f'curl -H "Authorization: Bearer $API_TOKEN" "$SERVER{path}{query}"']
    if method != "GET":
        lines[0] = lines[0].replace("curl", f"curl -X {method}", 1)
    if body is not None:
        lines.append(f"  -d '{json.dumps(body['example'])}'")
    return " \\\n".join(lines)


def _success(status: str, answer: Json) -> str:
    shown = answer.get("content", {}).get("application/json", {}).get("example")
    example = "" if shown is None else f"<pre>{escape(json.dumps(shown, indent=2))}</pre>"
    return f"<p><strong>{status}</strong> {_prose(answer['description'])}</p>{example}"


def _refusal(status: str, answer: Json) -> str:
    examples = answer.get("content", {}).get("application/json", {}).get("examples", {})
    shown = "".join(f"<pre>{escape(json.dumps(each['value']))}</pre>" for each in examples.values())
    return f"<p><strong>{status}</strong> {_prose(answer['description'])}</p>{shown}"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _prose(text: str) -> str:
    """Plain text with ``code`` between backticks."""
    return re.sub("(`+)(.+?)\\1", r"<code>\2</code>", escape(text))
