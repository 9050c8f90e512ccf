"""Routes that FastAPI documents and that are answered without its dependency solver.

The solver works out anew for every request what a route is given, which costs as much as all else that a small request
needs. Ours are given four kinds of thing, each of which the signature tells once: texts from the path, whoever was let
in, and the query as a model. What else FastAPI knows of a route stays for the document alone.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fastapi import params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from treehold.api import idempotency
from treehold.api.visit import Visit


@dataclass(frozen=True, slots=True)
class _Needs:
    """The parameters of a route by where they come from."""

    path: tuple[str, ...]
    guests: tuple[tuple[str, Callable[[Request], Awaitable[object]]], ...]
    queries: tuple[tuple[str, type[BaseModel]], ...]


class Route(APIRoute):
    """A route that admits before it looks at anything else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request: FastAPI's place to put one's own."""
        needs = _needs(self.endpoint)
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        is_post = "POST" in (self.methods or ())

        async def handle(request: Request) -> Response:
            values: dict[str, object] = {name: await admit(request) for name, admit in needs.guests}
            values.update((name, request.path_params[name]) for name in needs.path)
            values.update((name, _query(request, model)) for name, model in needs.queries)
            if not is_post or (key := idempotency.key_of(request)) is None:
                return await endpoint(**values)
            name, visit = _visit_in(values)
            return await idempotency.answer_once(visit, key, lambda again: endpoint(**{**values, name: again}))

        return handle


def _needs(endpoint: Callable[..., object]) -> _Needs:
    """Read off a signature what a route is given."""
    path: list[str] = []
    guests: list[tuple[str, Callable[[Request], Awaitable[object]]]] = []
    queries: list[tuple[str, type[BaseModel]]] = []
    for name, hint in get_type_hints(endpoint, include_extras=True).items():
        kind, *notes = get_args(hint) or (hint,)
        if notes and isinstance(notes[0], params.Depends) and notes[0].dependency is not None:
            guests.append((name, notes[0].dependency))
        elif notes and isinstance(notes[0], params.Query):
            queries.append((name, kind))
        elif name != "return":
            path.append(name)
    return _Needs(tuple(path), tuple(guests), tuple(queries))


def _visit_in(values: Mapping[str, object]) -> tuple[str, Visit]:
    """The visit among what a route is given, and its name."""
    return next((name, value) for name, value in values.items() if isinstance(value, Visit))


def _query(request: Request, model: type[BaseModel]) -> BaseModel:
    """The query as that model; raises RequestValidationError."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as wrong:
        raise RequestValidationError(wrong.errors()) from wrong
