"""A local OpenAI-compatible server: real HTTP, honest counts, no model behind it.

``python -m daemon demo --model local`` shows the full mode with it, and the tests let it fail in
every way a provider can. It takes ``POST /v1/chat/completions`` and ``GET /v1/models``, counts
tokens (with a prompt cache that remembers what began alike), and says how much of its rate limit
is left, as the real one does.

An answer is written by a :func:`responder` that is registered under the name of the structured
output asked for, else built from the JSON Schema and from the ids and texts in the data: a valid,
closed-world answer, however dull.

``ModelServer.script`` holds what to do with the next calls instead: see ``tests/kit/provider.py``.
``GET /recordings`` tells what was asked and answered, for tests in another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from daemon.demo.model_words import schedule_words, workout_words

Json = Any
Responder = Callable[[Mapping[str, Json], Mapping[str, Json]], Json]
Behaviour = Callable[
    ["ModelServer", web.Request, Mapping[str, Json]], Awaitable[web.StreamResponse]
]

RESPONDERS: dict[str, Responder] = {
    "schedule_words": schedule_words,
    "workout_words": workout_words,
}
CACHE_BLOCK_TOKENS = 128
CACHE_FROM_TOKENS = 1024
REQUESTS_PER_MINUTE = 10_000
TOKENS_PER_MINUTE = 10_000_000
SENTENCE = "Steady work, good form and enough rest."

_DATA = re.compile(r"<data>\n(.*)\n</data>", re.DOTALL)
_SCHEMA = re.compile(r"JSON Schema:\n(\{.*\})", re.DOTALL)


def responder(name: str) -> Callable[[Responder], Responder]:
    """Register who answers the structured output ``name``: given the data and the schema."""

    def register(function: Responder) -> Responder:
        RESPONDERS[name] = function
        return function

    return register


@dataclass
class Recorded:
    """One call as the server saw it. usage: what it counted, None if it answered none."""

    model: str
    name: str
    body: Json
    status: int = 0
    usage: Json = None
    text: str = ""


RECORDED = web.RequestKey("recorded", Recorded)


@dataclass
class ModelServer:
    """script: behaviours for the next calls, used up one by one; then honest answers.

    by_model: the same, for the calls to one model.
    """

    calls: list[Recorded] = field(default_factory=list)
    script: deque[Behaviour] = field(default_factory=deque)
    by_model: dict[str, deque[Behaviour]] = field(default_factory=dict)
    url: str = ""
    _prefixes: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _runner: web.AppRunner | None = None

    def count(self, model: str | None = None) -> int:
        """How many calls arrived, of one model or of all."""
        return sum(1 for call in self.calls if model in {None, call.model})

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Listen there; returns the base URL."""
        app = web.Application(client_max_size=32_000_000)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/recordings", self._recordings)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._runner.addresses[0][1]}/v1"
        return self.url

    async def stop(self) -> None:
        """Close every connection; calls that hang are cut."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ModelServer]:
        """Started and stopped around a block."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        recorded = Recorded(str(body.get("model", "")), _name_of(body), body)
        self.calls.append(recorded)
        request[RECORDED] = recorded
        queue = self.by_model.get(recorded.model) or self.script
        behave = queue.popleft() if queue else honest
        response = await behave(self, request, body)
        recorded.status = response.status
        return response

    async def _models(self, _: web.Request) -> web.Response:
        names = sorted({call.model for call in self.calls} | {"gpt-4o-mini"})
        entries = [{"id": name, "object": "model", "owned_by": "local"} for name in names]
        return web.json_response({"object": "list", "data": entries})

    async def _recordings(self, _: web.Request) -> web.Response:
        return web.json_response([asdict(call) for call in self.calls])

    def answer(
        self,
        request: web.Request,
        body: Mapping[str, Json],
        text: str,
        **changes: Json,
    ) -> web.Response:
        """A complete answer with ``text``.

        changes: ``message``, ``finish_reason``, ``model``, ``service_tier``, ``choices``,
        ``usage`` (None leaves it out) replace what an honest server would say.
        """
        usage = changes.pop("usage", self.usage(body, text))
        message = {"role": "assistant", "content": text, "refusal": None}
        message |= changes.pop("message", {})
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": changes.pop("finish_reason", "stop"),
        }
        reply = {
            "id": f"chatcmpl-local-{next(self._numbers)}",
            "object": "chat.completion",
            "created": 0,
            "model": f"{body['model']}",
            "choices": [choice],
            "service_tier": "default",
        } | changes
        if usage is not None:
            reply["usage"] = usage
        recorded = request[RECORDED]
        recorded.usage, recorded.text = usage, text
        return web.Response(
            # As the provider does: lone surrogates and NUL travel as escapes.
            body=json.dumps(reply).encode(),
            content_type="application/json",
            headers=self.limit_headers(),
        )

    def usage(self, body: Mapping[str, Json], text: str) -> dict[str, Json]:
        """Token counts: four characters each, the schema included, as the provider bills it."""
        prompt = json.dumps([body.get("messages"), body.get("response_format")])
        prompt_tokens = math.ceil(len(prompt) / 4)
        reasoning = 64 if re.match(r"o\d|gpt-[5-9]", str(body.get("model"))) else 0
        completion = math.ceil(len(text) / 4) + reasoning
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": self._cached(prompt), "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
        }

    def _cached(self, prompt: str) -> int:
        """Tokens of the longest beginning seen before, in blocks, from a least length on."""
        block = CACHE_BLOCK_TOKENS * 4
        ends = range(block, len(prompt) + 1, block)
        known = 0
        for end in ends:
            if prompt[:end] not in self._prefixes:
                break
            known = end // 4
        self._prefixes.update(prompt[:end] for end in ends)
        return known if known >= CACHE_FROM_TOKENS else 0

    def limit_headers(self) -> dict[str, str]:
        """What is left of the rate limit; the window is not modelled, only this call missing."""
        return {
            "x-ratelimit-limit-requests": str(REQUESTS_PER_MINUTE),
            "x-ratelimit-remaining-requests": str(REQUESTS_PER_MINUTE - 1),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": str(TOKENS_PER_MINUTE),
            "x-ratelimit-remaining-tokens": str(TOKENS_PER_MINUTE - 1000),
            "x-ratelimit-reset-tokens": "6ms",
        }


async def honest(
    server: ModelServer, request: web.Request, body: Mapping[str, Json]
) -> web.StreamResponse:
    """What a well-behaved model answers."""
    return server.answer(request, body, json.dumps(compose(body)))


def compose(body: Mapping[str, Json]) -> Json:
    """The answer to a request body: by its responder, else built from schema and data."""
    data, schema = data_of(body), schema_of(body)
    named = RESPONDERS.get(_name_of(body))
    return named(data, schema) if named else build(schema, data)


def data_of(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The data the question carries, {} if it carries none."""
    for message in body.get("messages", ()):
        if found := _DATA.search(str(message.get("content"))):
            data: Mapping[str, Json] = json.loads(found.group(1))
            return data
    return {}


def schema_of(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The JSON Schema asked for: in ``response_format``, or told in the system message."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is None:
        told = _SCHEMA.search(str(body["messages"][0]["content"]))
        schema = json.loads(told.group(1)) if told else {"type": "object", "properties": {}}
    kept: Mapping[str, Json] = schema
    return kept


def _name_of(body: Mapping[str, Json]) -> str:
    return str((body.get("response_format") or {}).get("json_schema", {}).get("name", ""))


def build(schema: Mapping[str, Json], data: Mapping[str, Json]) -> Json:
    """A minimal instance of ``schema``; named values are taken from ``data`` where it has them."""
    return _Builder(schema.get("$defs", {}), data).value(schema, "")


class _Builder:
    def __init__(self, defs: Mapping[str, Json], data: Mapping[str, Json]) -> None:
        self._defs = defs
        self._data = data

    def value(self, schema: Mapping[str, Json], key: str) -> Json:
        if ref := schema.get("$ref"):
            return self.value(self._defs[ref.rsplit("/", 1)[-1]], key)
        if options := schema.get("anyOf"):
            return self.value(options[0], key)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                fields = schema.get("properties", {})
                return {name: self.value(item, name) for name, item in fields.items()}
            case "array":
                count = max(schema.get("minItems", 0), min(1, schema.get("maxItems", 1)))
                return [self.value(schema.get("items", {}), key) for _ in range(count)]
            case "integer" | "number" as kind:
                return self._number(schema, key, whole=kind == "integer")
            case "boolean":
                return False
            case "null":
                return None
            case _:
                found = _find(self._data, key, str)
                return found if found is not None else SENTENCE

    def _number(self, schema: Mapping[str, Json], key: str, *, whole: bool) -> Json:
        low, high = schema.get("minimum", 0), schema.get("maximum")
        found = _find(self._data, key, int if whole else (int, float))
        if found is not None and found >= low and (high is None or found <= high):
            return found
        return math.ceil(low) if whole else low


def _find(node: Json, key: str, kind: type | tuple[type, ...]) -> Json:
    """The first value called ``key`` of that kind, anywhere in the data."""
    if isinstance(node, Mapping):
        value = node.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        children = list(node.values())
    elif isinstance(node, list):
        children = node
    else:
        return None
    return next((found for c in children if (found := _find(c, key, kind)) is not None), None)


@contextlib.contextmanager
def running_server(server: ModelServer | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    """The server in a thread of its own, for callers without a loop; yields its base URL."""
    chosen = server or ModelServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="model-server", daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(chosen.start(host=host), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(chosen.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
