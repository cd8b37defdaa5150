"""Replies as servers word them that speak OpenAI's API, each in a way of its own.

Each is what the server named answers over HTTP, word for word as far as it matters here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from daemon.demo.model_server import honest
from tests.kit.provider import Behaviour, ModelServer

Json = Any


def says(status: int, document: Json, headers: Mapping[str, str] | None = None) -> Behaviour:
    """This JSON with this status."""

    async def behave(_: ModelServer, __: web.Request, ___: Mapping[str, Json]) -> web.Response:
        return web.json_response(document, status=status, headers=dict(headers or {}))

    return behave


def refuses(
    status: int, found: Callable[[Mapping[str, Json]], Sequence[str]], words: Callable[..., Json]
) -> Behaviour:
    """Refuses a body in which ``found`` finds something, in these words; else answers honestly."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.StreamResponse:
        if names := found(body):
            return web.json_response(words(names, body), status=status)
        return await honest(server, request, body)

    return behave


def unknown(*names: str) -> Callable[[Mapping[str, Json]], Sequence[str]]:
    """Finds parameters that a server does not know."""
    return lambda body: [name for name in names if name in body]


def asks_for(*kinds: str) -> Callable[[Mapping[str, Json]], Sequence[str]]:
    """Finds a response_format of one of these kinds."""
    return lambda body: [
        kind for kind in kinds if (body.get("response_format") or {}).get("type") == kind
    ]


def _extra(names: Sequence[str], body: Mapping[str, Json]) -> list[Json]:
    """As pydantic names what it does not know, the value beside it."""
    return [
        {
            "type": "extra_forbidden",
            "loc": ["body", name],
            "msg": "Extra inputs are not permitted",
            "input": body[name],
        }
        for name in names
    ]


def _mistral(names: Sequence[str], body: Mapping[str, Json]) -> Json:
    return {
        "object": "error",
        "message": {"detail": _extra(names, body)},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def _vllm(names: Sequence[str], body: Mapping[str, Json]) -> Json:
    told = [item | {"loc": tuple(item["loc"])} for item in _extra(names, body)]
    return {
        "object": "error",
        "message": str(told),
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def _gemini(names: Sequence[str], _: Mapping[str, Json]) -> Json:
    words = [
        f'Invalid JSON payload received. Unknown name "{n}": Cannot find field.' for n in names
    ]
    error = {"code": 400, "message": "\n".join(words), "status": "INVALID_ARGUMENT"}
    return [{"error": error}]


def _litellm(names: Sequence[str], _: Mapping[str, Json]) -> Json:
    words = (
        f"litellm.UnsupportedParamsError: bedrock does not support parameters: {list(names)}, for"
        " model=m. To drop these, set `litellm.drop_params=True`"
    )
    return {"error": {"message": words, "type": "None", "param": "None", "code": "400"}}


def _openrouter(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    raw = '{"error": {"message": "Unsupported parameter: \'response_format\'", "code": null}}'
    metadata = {"raw": raw, "provider_name": "AtlasCloud"}
    return {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}


def _deepseek(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    kind = "invalid_request_error"
    words = "This response_format type is unavailable now"
    return {"error": {"message": words, "type": kind, "param": None, "code": kind}}


def _groq(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    words = "This model does not support response format `json_schema`."
    kind = "invalid_request_error"
    return {"error": {"message": words, "type": kind, "param": "response_format"}}


def _xai(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    return {
        "code": "Client specified an invalid argument",
        "error": "The response_format parameter is unsupported at the moment. Leave it unset.",
    }


NEWER = unknown("store", "max_completion_tokens")
PICKY: Mapping[str, tuple[Behaviour, str, set[str]]] = {
    "Mistral": (refuses(422, NEWER, _mistral), "json_schema", {"store", "max_completion_tokens"}),
    "FastAPI": (
        refuses(422, NEWER, lambda names, body: {"detail": _extra(names, body)}),
        "json_schema",
        {"store", "max_completion_tokens"},
    ),
    "vLLM": (refuses(400, NEWER, _vllm), "json_schema", {"store", "max_completion_tokens"}),
    "Gemini": (refuses(400, unknown("store"), _gemini), "json_schema", {"store"}),
    "LiteLLM": (refuses(400, unknown("store"), _litellm), "json_schema", {"store"}),
    "DeepSeek": (refuses(400, asks_for("json_schema"), _deepseek), "json_object", set()),
    "Groq": (refuses(400, asks_for("json_schema"), _groq), "json_object", set()),
    "xAI": (refuses(400, asks_for("json_schema", "json_object"), _xai), "text", set()),
    "OpenRouter": (refuses(400, asks_for("json_schema"), _openrouter), "json_object", set()),
}
"""By server: what it does with what it does not know; which form and omissions that teaches."""
