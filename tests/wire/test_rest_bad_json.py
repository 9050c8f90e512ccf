"""Bodies that no client should send, to every route that takes one: a clear refusal, and nothing is made or changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.wire.rest_server import DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.api.body import BODY_BYTES_MAX

NAMESPACES = DOCUMENTED.rpartition("/")[0]
WORKSPACE = "/artifacts"
DEEP = 100_000


@dataclass(frozen=True)
class BodyRoute:
    """A route with a body: a good one, the codes of its fields where they are not 10100, and those of each type."""

    method: str
    path: str
    good: dict[str, object]
    base: str = DOCUMENTED
    codes: dict[str, int] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    def code(self, name: str) -> int:
        return self.codes.get(name, 10100)

    def required(self) -> set[str]:
        return set(self.good)


NEW_REPO: dict[str, Any] = {
    "good": {"name": "some-repo"},
    "codes": {"name": 10101},
    "texts": ("name", "description", "default_branch"),
    "booleans": ("read_only",),
}
FORK = {**NEW_REPO, "texts": ("name", "description"), "booleans": ("read_only", "default_branch_only")}
TOKEN: dict[str, Any] = {
    "good": {"repo": "starter-repo"},
    "codes": {"ttl": 10103},
    "texts": ("repo",),
    "numbers": ("ttl",),
    "choices": ("scope",),
}
IMPORT: dict[str, Any] = {
    "good": {"url": "https://127.0.0.1/some.git"},
    "texts": ("url", "branch"),
    "booleans": ("read_only",),
    "numbers": ("depth",),
}
ROUTES = {
    "namespace": BodyRoute(
        "POST", "", {"namespace": "other"}, NAMESPACES, texts=("namespace",), choices=("jurisdiction",)
    ),
    "repo": BodyRoute("POST", "/repos", **NEW_REPO),
    "launch-day repo": BodyRoute("POST", "/repos", base=LAUNCH_DAY, **NEW_REPO),
    "workspace repo": BodyRoute("POST", "/repos", base=WORKSPACE, **NEW_REPO),
    "fork": BodyRoute("POST", "/repos/starter-repo/fork", **FORK),
    "workspace fork": BodyRoute("POST", "/repos/starter-repo/fork", base=WORKSPACE, **FORK),
    "import": BodyRoute("POST", "/repos/copy/import", **IMPORT),
    "workspace import": BodyRoute("POST", "/repos/copy/import", base=WORKSPACE, **IMPORT),
    "token": BodyRoute("POST", "/tokens", **TOKEN),
    "workspace token": BodyRoute("POST", "/tokens", base=WORKSPACE, **TOKEN),
    "change": BodyRoute(
        "PATCH", "/repos/starter-repo", {}, texts=("description", "default_branch"), booleans=("read_only",)
    ),
}
NOT_TEXT = ("5", "1.5", "[]", "{}", "true", '["a"]', '"a\\u0000b"', '"a\\ud800b"', '"\\udc00\\ud800"')
NOT_BOOLEAN = ("0", "1", '"true"', '""', "[]", "{}", "1e400")
NOT_NUMBER = ("1.5", '"60"', "true", "[]", "{}", "1e400", "-1e400", "-1", "0", "1" + "0" * 400)
NOT_CHOICE = ("5", "true", "[]", "{}", '""', '"READ"', '"admin"', '"eu\\u0000"')
NOT_OBJECTS = {
    "empty": b"",
    "blank": b" \n",
    "cut short": b'{"name": "some-repo"',
    "not JSON": b"name=some-repo",
    "comment": b'{"name": "some-repo"} // now',
    "two": b'{"name": "some-repo"}{}',
    "comma": b'{"name": "some-repo",}',
    "quotes": b"{'name': 'some-repo'}",
    "array": b'[{"name": "some-repo"}]',
    "text": b'"some-repo"',
    "number": b"5",
    "null": b"null",
    "NaN": b'{"name": "some-repo", "x": NaN}',
    "infinity": b'{"name": "some-repo", "x": -Infinity}',
    "long number": b'{"name": "some-repo", "x": ' + b"9" * 5000 + b"}",
    "raw NUL": b'{"name": "some-repo\0"}',
    "NUL behind": b'{"name": "some-repo"}\0',
    "not UTF-8": b'{"name": "some-repo\xff"}',
    "surrogate bytes": b'{"name": "some-\xed\xa0\x80repo"}',
    "BOM": b'\xef\xbb\xbf{"name": "some-repo"}',
    "UTF-16": '{"name": "some-repo"}'.encode("utf-16"),
    "UTF-32": '{"name": "some-repo"}'.encode("utf-32-le"),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "arrays": b"[" * DEEP,
    "objects": b'{"a":' * DEEP,
    "closed arrays": b'{"name": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "doubled key": b'{"name": "some-repo", "name": "other"}',
    "escaped doubled key": b'{"name": "some-repo", "n\\u0061me": "other"}',
    "doubled below": b'{"name": "some-repo", "x": [{"y": 1, "y": 2}]}',
    "doubled surrogate": b'{"\\ud800": 1, "\\ud800": 2}',
}


@pytest.fixture(params=list(ROUTES))
def route(request: pytest.FixtureRequest) -> BodyRoute:
    """Each route that takes a body."""
    return ROUTES[request.param]


@pytest.fixture
async def stocked(rest: RestServer) -> RestServer:
    """A server with one repo."""
    await rest.create("starter-repo", description="Words")
    return rest


async def send(rest: RestServer, route: BodyRoute, body: bytes | str) -> tuple[int, Any]:
    """The status and the error that a body is answered with."""
    answered = await rest.ask(route.method, route.path, base=route.base, content=body)
    assert answered.headers["content-type"] == "application/json"
    return answered.status_code, error(answered.json())


async def all_there_is(rest: RestServer) -> list[Any]:
    """All that a body could have made or changed."""
    paths = [
        (NAMESPACES, ""),
        (DOCUMENTED, "/repos"),
        (DOCUMENTED, "/repos/starter-repo"),
        (DOCUMENTED, "/repos/starter-repo/tokens?state=all"),
    ]
    return [(await rest.ask("GET", path, base=base)).json() for base, path in paths]


def with_field(route: BodyRoute, name: str, value: str) -> str:
    """The good body of a route, but for one field, whose value is spelled in JSON."""
    others = (f'"{other}": "{good}"' for other, good in route.good.items() if other != name)
    return "{" + ", ".join([*others, f'"{name}": {value}']) + "}"


def wrong_fields(route: BodyRoute) -> Iterator[tuple[str, str]]:
    """Each field with each value that it must not have; a null is the same as an absent field."""
    for names, values in (
        (route.texts, NOT_TEXT),
        (route.booleans, NOT_BOOLEAN),
        (route.numbers, NOT_NUMBER),
        (route.choices, NOT_CHOICE),
    ):
        for name in names:
            yield from ((name, value) for value in values)
    yield from ((name, "null") for name in route.required())


async def test_what_is_no_json_object_is_refused(stocked: RestServer, route: BodyRoute) -> None:
    """Broken, ambiguous, too deep, in another encoding or not an object: 400 without a pointer, and never a 500."""
    before = await all_there_is(stocked)
    for case, body in NOT_OBJECTS.items():
        assert await send(stocked, route, body) == (400, (10100, None)), case
    assert await all_there_is(stocked) == before


async def test_a_wrong_value_is_pointed_at(stocked: RestServer, route: BodyRoute) -> None:
    """Each field with a value of another type, of no legal text or out of bounds is refused by its own code."""
    before = await all_there_is(stocked)
    for name, value in wrong_fields(route):
        expected = (400, (route.code(name), f"/{name}"))
        assert await send(stocked, route, with_field(route, name, value)) == expected, (name, value)
    for name in route.required():
        assert await send(stocked, route, "{}") == (400, (route.code(name), f"/{name}"))
    assert await all_there_is(stocked) == before


async def test_a_body_beyond_the_bound_is_refused(stocked: RestServer, route: BodyRoute) -> None:
    """Whether its length is told or not, 413; one that just fits is read, whatever fills it."""
    before = await all_there_is(stocked)
    wrong = '{"x": "' + "y" * (BODY_BYTES_MAX - 9) + '"}'
    for body in (wrong + " ", "[" * (BODY_BYTES_MAX + 1), " " * (2 * BODY_BYTES_MAX)):
        assert await send(stocked, route, body) == (413, (10100, None))
    assert await send(stocked, route, wrong[:-1] + " ") == (400, (10100, None))
    assert await all_there_is(stocked) == before


async def test_nulls_and_unknown_fields_are_overlooked(stocked: RestServer, route: BodyRoute) -> None:
    """What a newer client may say besides, however odd, and a null for what may be absent, change nothing."""
    odd = '"x": 1e400, "\\ud800": "\\ud800", "": [[]], "__proto__": {"name": "y"}, "NAME": 5, "name ": true, "é": -0'
    nulls = [*route.texts, *route.booleans, *route.numbers, *route.choices]
    optional = [f'"{name}": null' for name in nulls if name not in route.required() and name != "description"]
    good = [f'"{name}": "{value}"' for name, value in route.good.items()]
    answered = await stocked.ask(
        route.method,
        route.path,
        base=route.base,
        content="{" + ", ".join([*good, *optional, odd]) + "}",
        headers={"content-type": "text/plain; charset=utf-16"},
    )
    is_import = "url" in route.good
    assert answered.status_code == (400 if is_import else 200 if route.method == "PATCH" else 201), answered.text
    if is_import:  # all was well but the address
        assert error(answered.json()) == (10100, "/url")
