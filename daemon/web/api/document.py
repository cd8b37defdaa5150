"""OpenAPI 3.1 from the table of routes and the models: the code is the document's only source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic.json_schema import models_json_schema

from daemon import __version__
from daemon.web.answers import answer
from daemon.web.api.models import Accepted, Error, ExecuteFailed

if TYPE_CHECKING:
    from daemon.web.api.routes import Model, Route

Json = Any
REF = "#/components/schemas/{model}"
ABOUT = """Asks the gym's agents and shows what they did. Every call needs a key, sent as
`Authorization: Bearer KEY`; `python -m daemon keys add` makes one. An error is
`{"error", "code", "hint"}`."""
WORDS = {
    400: "Something that was sent cannot be used; the message names the field",
    401: "No key, or one that is unknown, expired or revoked",
    403: "The key's role may not do this, or no key is set at all",
    404: "There is no such thing",
    408: "The body took too long to come",
    409: "It is in no state for this, or somebody was faster",
    413: "The body is too large",
    422: "The agent cannot answer this input, or the answer has no such item",
    429: "Too many calls, or too many wrong keys",
    500: "The request failed, or the service did",
    503: "The database or the model is not to be had; try again later",
}
EVERYWHERE = (400, 401, 403, 429, 503)
ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
}

EXECUTE = "/api/execute"
ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same as idempotency_key of the body, which goes before it",
    "schema": {"type": "string", "minLength": 1, "maxLength": 500},
}


class Document:
    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._made: Json = None

    async def show(self, request: web.Request) -> web.StreamResponse:
        self._made = self._made or document(self._routes)
        return answer(request, self._made, etag=True)


def document(routes: Sequence[Route]) -> dict[str, Json]:
    """The OpenAPI document."""
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Json]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FitnessCRM AI Orchestrator",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.definitions,
        },
    }


class _Schemas:
    """References to all models: what goes in as it is validated, what comes out as it is sent."""

    def __init__(self, routes: Sequence[Route]) -> None:
        coming = {route.body for route in routes if route.body is not None}
        going = {m for route in routes for m in route.answers.values() if m is not None}
        going |= {Error, Accepted, ExecuteFailed}
        wanted: list[tuple[Model, Any]] = [(model, "validation") for model in coming]
        wanted += [(model, "serialization") for model in going]
        wanted.sort(key=lambda pair: pair[0].__name__)
        self._refs, made = models_json_schema(wanted, ref_template=REF)
        self.definitions: dict[str, Json] = made["$defs"]

    def of(self, model: Model, mode: Any = "serialization") -> Json:
        return self._refs[model, mode]


def _operation(route: Route, schemas: _Schemas) -> dict[str, Json]:
    part, _, name = route.handler.partition(".")
    also = ", and the main app's key" if route.service else ""
    operation: dict[str, Json] = {
        "operationId": f"{part}_{name}",
        "summary": route.summary,
        "description": f"For keys of role {route.least} and above{also}.",
        "tags": list(route.tags),
        "responses": _responses(route, schemas),
    }
    parameters = [ID] if "{id}" in route.path else []
    if route.query is not None:
        parameters += _parameters(route.query)
    if route.path == EXECUTE:
        parameters = [ONCE]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = schemas.of(route.body, "validation")
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(query: Model) -> list[Json]:
    """Each field of a query as an optional parameter; null is what leaving it out means."""
    shown = []
    for name, schema in query.model_json_schema()["properties"].items():
        kinds = [part for part in schema.pop("anyOf", []) if part.get("type") != "null"]
        plain = {**(kinds[0] if kinds else {}), **schema}
        if plain.get("default", ...) is None:
            del plain["default"]
        plain.pop("title", None)
        shown.append({"name": name, "in": "query", "required": False, "schema": plain})
    return shown


def _responses(route: Route, schemas: _Schemas) -> dict[str, Json]:
    responses: dict[str, Json] = {}
    for status, model in route.answers.items():
        response: dict[str, Json] = {"description": "Done" if status < 300 else "Not changed"}
        if route.events:
            response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
        elif model is not None:
            response["content"] = {"application/json": {"schema": schemas.of(model)}}
        elif status == 200:
            response["content"] = {"application/json": {"schema": {"type": "object"}}}
        responses[str(status)] = response
    late = {408} if route.body is not None else set()
    for status in sorted({*EVERYWHERE, *route.errors, *late}):
        shape = schemas.of(Error)
        if route.path == EXECUTE and status in {409, 422, 500, 503}:
            shape = {"anyOf": [schemas.of(ExecuteFailed), schemas.of(Error)]}
        responses[str(status)] = {
            "description": WORDS[status],
            "content": {"application/json": {"schema": shape}},
        }
    return responses
