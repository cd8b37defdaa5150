"""Everything that can go wrong with a provider, as behaviours for ``ModelServer.script``.

    server.script.extend([status(500), status(500), honest])

Faults concern HTTP and the API; the hostile ones are complete answers of a model that went wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from daemon.demo.model_server import Behaviour, ModelServer, compose, honest

Json = Any

__all__ = ["Behaviour", "ModelServer", "honest"]


def status(
    code: int, error_code: str = "", *, param: str = "", headers: Mapping[str, str] | None = None
) -> Behaviour:
    """An error as the API words it."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.Response:
        error = {
            "message": f"stand-in for HTTP {code} {param}",
            "type": error_code or "error",
            "code": error_code or None,
            "param": param or None,
        }
        return web.json_response({"error": error}, status=code, headers=dict(headers or {}))

    return behave


def rate_limited(retry_after: float | None = None, *, as_date: bool = False) -> Behaviour:
    """429; retry_after in seconds, told as a number or as a date; None tells nothing."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.StreamResponse:
        headers: dict[str, str] = {}
        if retry_after is not None:
            at = datetime.now(UTC) + timedelta(seconds=retry_after)
            headers["retry-after"] = (
                format_datetime(at, usegmt=True) if as_date else f"{retry_after:g}"
            )
        refuse = status(429, "rate_limit_exceeded", headers=headers)
        return await refuse(server, request, body)

    return behave


async def hang(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """Take the request and say nothing until the client goes away."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def drip(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """Start an answer and send one byte of it now and then, for ever."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def cut(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """Close the connection in the middle of an answer."""
    response = web.StreamResponse(
        headers={"content-type": "application/json", "content-length": "5000"}
    )
    await response.prepare(request)
    await response.write(b'{"id": "chatcmpl-cut", "choices": [')
    _abort(request)
    return response


async def reset(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """Close the connection instead of an answer."""
    _abort(request)
    return web.Response()


def _abort(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


def text(content: str, **changes: Json) -> Behaviour:
    """A complete answer with this text. changes: see ``ModelServer.answer``."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.Response:
        return server.answer(request, body, content, **changes)

    return behave


def changed(**changes: Json) -> Behaviour:
    """An honest answer, its envelope changed: ``model``, ``service_tier``, ``usage``."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.Response:
        return server.answer(request, body, json.dumps(compose(body)), **changes)

    return behave


async def fenced(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """An honest answer inside a markdown fence, with a sentence before it."""
    return server.answer(request, body, f"Sure!\n```json\n{json.dumps(compose(body))}\n```")


async def truncated(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """The first half of an honest answer; the cap was reached."""
    whole = json.dumps(compose(body))
    return server.answer(request, body, whole[: len(whole) // 2], finish_reason="length")


def refusal() -> Behaviour:
    """The model declines."""
    return text("", message={"content": None, "refusal": "I cannot help with that."})


def raw(body: bytes, code: int = 200, content_type: str = "application/json") -> Behaviour:
    """Exactly these bytes."""

    async def behave(
        server: ModelServer, request: web.Request, _: Mapping[str, Json]
    ) -> web.Response:
        return web.Response(body=body, status=code, content_type=content_type)

    return behave


def hostile(**fields: Json) -> Behaviour:
    """An honest answer with these fields replaced by what the model made up."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.Response:
        return server.answer(request, body, json.dumps(compose(body) | fields))

    return behave


def no_response_format(kinds: tuple[str, ...] = ("json_schema",)) -> Behaviour:
    """400 where the request asks for one of these kinds of response_format, else honest."""

    async def behave(
        server: ModelServer, request: web.Request, body: Mapping[str, Json]
    ) -> web.StreamResponse:
        if (body.get("response_format") or {}).get("type") in kinds:
            refuse = status(400, "invalid_request_error", param="response_format")
            return await refuse(server, request, body)
        return await honest(server, request, body)

    return behave
