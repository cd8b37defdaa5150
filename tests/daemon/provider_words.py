"""Replies as servers word them that speak OpenAI's API, each in a way of its own.

Each is what the server named answers over HTTP, word for word as far as it matters here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from daemon.demo.model_server import honest
from tests.kit.provider import Behaviour, ModelServer, raw

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


def _knows_system(body: Mapping[str, Json]) -> Sequence[str]:
    return [item["role"] for item in body["messages"] if item["role"] == "system"]


def _gemma(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    words = "Developer instruction is not enabled for models/gemma-3-27b-it"
    return [{"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}]


def _template(_: Sequence[str], __: Mapping[str, Json]) -> Json:
    words = "Conversation roles must alternate user/assistant/user/assistant/..."
    return {"object": "error", "message": words, "type": "BadRequestError", "code": 400}


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
    "Gemini, Gemma": (refuses(400, _knows_system, _gemma), "json_schema", {"system"}),
    "vLLM, Mistral 7B": (refuses(400, _knows_system, _template), "json_schema", {"system"}),
    "LiteLLM": (refuses(400, unknown("store"), _litellm), "json_schema", {"store"}),
    "DeepSeek": (refuses(400, asks_for("json_schema"), _deepseek), "json_object", set()),
    "Groq": (refuses(400, asks_for("json_schema"), _groq), "json_object", set()),
    "xAI": (refuses(400, asks_for("json_schema", "json_object"), _xai), "text", set()),
    "OpenRouter": (refuses(400, asks_for("json_schema"), _openrouter), "json_object", set()),
}
"""By server: what it does with what it does not know; which form and omissions that teaches."""


def _error(message: str, **more: Json) -> Json:
    return {"error": {"message": message, **more}}


KEY, MODEL, ADDRESS, MONEY = "OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_BASE_URL", "billing"
BLAMED: Mapping[str, tuple[Behaviour, str]] = {
    "Gemini: key": (
        says(
            400,
            [
                {
                    "error": {
                        "code": 400,
                        "message": "API key not valid. Please pass a valid API key.",
                        "status": "INVALID_ARGUMENT",
                        "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
                    }
                }
            ],
        ),
        KEY,
    ),
    "xAI: key": (
        says(
            400,
            {
                "code": "Client specified an invalid argument",
                "error": "Incorrect API key provided: xa***ey.",
            },
        ),
        KEY,
    ),
    "OpenAI: country": (
        says(403, _error("Country not supported", code="unsupported_country_region_territory")),
        KEY,
    ),
    "OpenRouter: model": (says(400, _error("gpt-x is not a valid model ID", code=400)), MODEL),
    "OpenRouter: no endpoint": (
        says(404, _error("No endpoints found for x-ai/grok-2.", code=404)),
        MODEL,
    ),
    "LiteLLM: model": (
        says(400, _error("Invalid model name passed in model=gpt-x.", type="None", code="400")),
        MODEL,
    ),
    "DeepSeek: model": (says(400, _error("Model Not Exist", type="invalid_request_error")), MODEL),
    "Mistral: model": (
        says(
            400,
            {
                "object": "error",
                "message": "Invalid model: gpt-x",
                "type": "invalid_model",
                "param": None,
                "code": "1500",
            },
        ),
        MODEL,
    ),
    "Groq: model": (
        says(400, _error("The model has been decommissioned", code="model_decommissioned")),
        MODEL,
    ),
    "Gemini: model": (
        says(404, [{"error": {"code": 404, "message": "models/gpt-x is not found"}}]),
        MODEL,
    ),
    "Azure: model": (
        says(404, _error("The API deployment does not exist.", code="DeploymentNotFound")),
        MODEL,
    ),
    "Ollama: model": (
        says(404, _error('model "gpt-x" not found, try pulling it first', type="api_error")),
        MODEL,
    ),
    "Azure: path": (says(404, _error("Resource not found", code="404")), ADDRESS),
    "FastAPI: path": (says(404, {"detail": "Not Found"}), ADDRESS),
    "Ollama: path": (raw(b"404 page not found", 404, "text/plain"), ADDRESS),
    "nginx: path": (raw(b"<html>405 Not Allowed</html>", 405, "text/html"), ADDRESS),
    "nginx: redirect": (raw(b"", 308, "text/html"), ADDRESS),
    "OpenRouter: money": (says(402, _error("Insufficient credits", code=402)), MONEY),
    "LiteLLM: money": (
        says(400, _error("Budget has been exceeded!", type="budget_exceeded", code="400")),
        MONEY,
    ),
    "Anthropic: money": (
        says(400, _error("Your credit balance is too low", code="invalid_request_error")),
        MONEY,
    ),
}
"""What one line has to name as the thing to change; each is told with the first call."""
FLAGGED: Mapping[str, Behaviour] = {
    "OpenRouter": says(
        403,
        _error(
            "Your input was flagged",
            code=403,
            metadata={"reasons": ["violence"], "flagged_input": "words of a client"},
        ),
    ),
    "Azure": says(
        400,
        _error(
            "The response was filtered due to the prompt triggering Azure OpenAI's content"
            " management policy.",
            type=None,
            param="prompt",
            code="content_filter",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
    ),
    "DeepSeek": says(400, _error("Content Exists Risk", type="invalid_request_error")),
}
"""What nobody will answer, and no other key or model is needed for."""
TOO_LONG: Mapping[str, Behaviour] = {
    "vLLM, older": says(
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested"
            " 5000 tokens (3000 in the messages, 2000 in the completion).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "vLLM": says(
        400,
        _error(
            "'max_tokens' or 'max_completion_tokens' is too large: 3500. This model's maximum"
            " context length is 2048 tokens and your request has 1000 input tokens",
            type="BadRequestError",
            param=None,
            code=400,
        ),
    ),
    "llama.cpp": says(
        400,
        _error(
            "the request exceeds the available context size, try increasing it",
            code=400,
            type="exceed_context_size_error",
            n_ctx=4096,
        ),
    ),
    "OpenAI": says(
        400,
        _error(
            "max_tokens is too large: 5500. This model supports at most 4096 completion tokens,"
            " whereas you provided 5500.",
            param="max_completion_tokens",
            code="invalid_value",
        ),
    ),
    "Groq": says(
        400,
        _error(
            "`max_completion_tokens` must be less than or equal to `1024`, the maximum value for"
            " `max_completion_tokens` is less than the `context_window` for this model",
            type="invalid_request_error",
        ),
    ),
    "OpenAI, a small tier": says(
        429,
        _error(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 10000, Requested 12000.",
            type="tokens",
            code="rate_limit_exceeded",
        ),
    ),
}
"""What a shorter answer fits into."""
SCHEMAS: Mapping[str, Behaviour] = {
    "OpenAI": says(
        400,
        _error(
            "Invalid schema for response_format 'odd': In context=('properties', 'a'), 'pattern'"
            " is not permitted.",
            type="invalid_request_error",
            param="response_format",
            code=None,
        ),
    ),
    "Groq": says(
        400,
        _error(
            "invalid schema for response format: response_format/json_schema: minItems is not"
            " supported",
            type="invalid_request_error",
        ),
    ),
    "Gemini": says(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "additionalProperties"'
                    " at 'generation_config.response_schema': Cannot find field.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "llama.cpp": says(400, _error("JSON schema conversion failed: Unsupported schema", code=400)),
}
"""What is wrong with one schema, which says nothing of others."""
