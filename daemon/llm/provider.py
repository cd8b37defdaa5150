"""The wire to a model: the only module that knows langchain-openai and openai.

``ChatOpenAI`` sends; what came back is read where it arrives, at the HTTP client, before any
library interprets it. A library that raises on "no choices", on a refusal or on JSON it dislikes
would take the usage with it, and the answer has been paid for.

``with_structured_output`` is not used for the same reason: it raises on bad or truncated JSON.
``response_format`` goes into the body instead, and the text always comes back.

The SDK's own habits are off: 3 attempts of 600 seconds each, and sleeping on Retry-After with the
slot held. One attempt, one reply; the gateway decides what follows.

Imports are lazy: langchain-openai takes over a second and 70 MB, and the control plane must start
without it. :meth:`Provider.warm` loads it in a thread.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from daemon.llm.wire import Call, Problem, Reply
from daemon.log import get_logger

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

BODY_LIMIT_BYTES = 8_000_000
"""A longer body is cut off, sent or unpacked; it is no answer, and must not fill the memory."""
PACKINGS = {"gzip", "x-gzip", "deflate"}
CONNECT_SECONDS = 5.0
BACKSTOP_SECONDS = 600.0
"""The HTTP client's own limit; the gateway's deadline is far below."""
NO_KEY = "none"
"""What a server without keys is sent: the SDK insists on having one."""

log = get_logger(__name__)


@dataclass
class _Received:
    """What the HTTP client saw of the reply to one call."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    too_large: bool = False


# A mutable value: the call runs in tasks of the library's own, which copy the context.
_received: ContextVar[_Received] = ContextVar("received")


class Provider:
    """One provider account. api_key None with a base_url: a server that asks for no key."""

    def __init__(self, *, api_key: str | None, base_url: str | None) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._clients: dict[str, ChatOpenAI] = {}
        self._http: Any = None
        self._warm = False

    @property
    def configured(self) -> bool:
        """False where there is nobody to ask: neither a key nor a server of one's own."""
        return self._api_key is not None or self._base_url is not None

    async def warm(self, model: str = "warm") -> None:
        """Load the libraries and make a client in a thread: both would stall the loop."""
        if self.configured and not self._warm:
            await asyncio.to_thread(self._client, model)
            self._warm = True

    async def call(self, call: Call, timeout_seconds: float) -> Reply:
        """Send one call; whatever happens to it is a Reply, only cancellation is raised."""
        await self.warm(call.model)
        received = _Received()
        token = _received.set(received)
        started = time.monotonic()
        problem: Problem | None = None
        failure = ""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._send(call)
        except TimeoutError:
            problem = "timeout"
        except Exception as error:  # noqa: BLE001 - what the library thinks of the reply is moot
            problem, failure = _problem_of(error), type(error).__name__
        finally:
            _received.reset(token)
        seconds = time.monotonic() - started
        if received.complete:
            problem = None
        elif received.too_large:
            problem = "too_large"
        elif received.status is not None and problem != "timeout":
            problem = "cut"
        elif problem is None:
            problem = "client"
        if problem == "client":
            log.error("model_client_failed", error=failure)
        return Reply(received.status, received.headers, received.body, problem, seconds)

    async def aclose(self) -> None:
        """Close the connections; safe to call twice."""
        http, self._http = self._http, None
        self._clients.clear()
        if http is not None:
            await http.aclose()

    async def _send(self, call: Call) -> None:
        # The SDK's way to any endpoint: no model of the answer is built, which nobody would read.
        client = self._client(call.model).root_async_client
        await client.post("/chat/completions", cast_to=object, body=call.body())

    def _client(self, model: str) -> ChatOpenAI:
        client = self._clients.get(model)
        if client is None:
            from langchain_openai import ChatOpenAI
            from openai import DefaultAioHttpClient, Timeout
            from pydantic import SecretStr

            if self._http is None:
                # aiohttp carries 330 calls a second where httpx carries 200.
                self._http = DefaultAioHttpClient(
                    timeout=Timeout(BACKSTOP_SECONDS, connect=CONNECT_SECONDS),
                    event_hooks={"response": [_keep]},
                    # Nobody's data goes where an answer says.
                    follow_redirects=False,
                )
            client = self._clients[model] = ChatOpenAI(
                model=model,
                api_key=SecretStr(self._api_key or NO_KEY),
                base_url=self._base_url,
                max_retries=0,
                timeout=BACKSTOP_SECONDS,
                http_async_client=self._http,
                include_response_headers=True,
                # What is unpacked here, whatever else is installed.
                default_headers={"Accept-Encoding": "gzip"},
                # Nothing of the library's own around our client, nor its warning about that.
                http_socket_options=(),
                use_responses_api=False,
                # The caller's body is all that is sent: no parameter of the library's own.
                temperature=None,
            )
        return client


class _Capped:
    """A response's byte stream that ends with an error beyond the limit."""

    def __init__(self, stream: Any, received: _Received) -> None:
        self._stream = stream
        self._received = received

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > BODY_LIMIT_BYTES:
                self._received.too_large = True
                raise ConnectionError("the body is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _keep(response: Any) -> None:
    """Keep what arrived before anybody interprets it."""
    received = _received.get(None)
    if received is None:
        return
    received.status = response.status_code
    received.headers = dict(response.headers)
    response.stream = _capped(response.stream, received)
    # As it was sent: the library would unpack any amount.
    packing = response.headers.pop("content-encoding", "")
    body = await response.aread()
    received.body = _unpacked(body, received) if packing.lower() in PACKINGS else body
    received.complete = not received.too_large


def _unpacked(body: bytes, received: _Received) -> bytes:
    """A packed body, no more of it than the limit; b"" where it is damaged."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # a header of either packing
    try:
        unpacked = unpacker.decompress(body, BODY_LIMIT_BYTES)
    except zlib.error:
        return b""
    received.too_large = bool(unpacker.unconsumed_tail)
    return unpacked


def _capped(stream: Any, received: _Received) -> Any:
    # The client checks the type of a stream, and its library is loaded only by now.
    base = next(cls for cls in type(stream).__mro__ if cls.__name__ == "AsyncByteStream")
    return _capped_class(base)(stream, received)


@cache
def _capped_class(base: type) -> Any:
    return type("CappedStream", (_Capped, base), {})


def _problem_of(error: BaseException) -> Problem:
    """What became of a call without a complete reply.

    The client calls refused and lost connections timeouts too: what caused it decides.
    """
    import aiohttp
    import openai

    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    # Nothing was sent: no such name, nobody listens, no route, no trust.
    never = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    if any(isinstance(one, never) for one in causes):
        return "unreachable"
    if any(isinstance(one, TimeoutError) for one in causes):
        return "timeout"
    return "connection" if isinstance(error, openai.APIConnectionError) else "client"
