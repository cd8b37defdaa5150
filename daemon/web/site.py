"""The one HTTP server of the process, on ``PORT``, for IPv4 and IPv6.

It is up before the database is, and answers while everything else is busy: no handler of the open
core waits for anything. Errors are JSON, ``{"error", "code", "hint"}``, without a stack. Callers
that join a base URL and a path clumsily send ``//api/...``; it is taken as ``/api/...``.

aiohttp waits for ever for a request that was begun, and an hour for the next one on a connection.
Whoever opens some thousand connections so has every file that the process may open, with no key;
so a new one has ``HEAD_SECONDS`` for its first request, and an idle one ``IDLE_SECONDS``.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from daemon import clock
from daemon.database import is_transient
from daemon.errors import ConfigurationError
from daemon.log import get_logger
from daemon.web.answers import dumps
from daemon.web.refused import Refused

BODY_LIMIT_BYTES = 2 * 1024 * 1024
STOP_SECONDS = 1.0
"""How long open connections may finish at a stop; streams would otherwise hold it up for long."""
HEAD_SECONDS = 10.0
IDLE_SECONDS = 75.0
"""Longer than the 60 seconds after which Railway's edge lets go of one itself."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
"""What every answer carries unless its handler says otherwise."""
CORS_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id"
)
CORS_EXPOSED = "ETag, Retry-After, X-Request-Id"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_NAME: web.RequestKey[str] = web.RequestKey("request_id", str)
CORS: web.RequestKey[dict[str, str]] = web.RequestKey("cors", dict[str, str])
STOP: web.AppKey[asyncio.Event] = web.AppKey("stop", asyncio.Event)
"""Set when the server stops: whoever streams ends then."""
ASKED: web.AppKey[set[Any]] = web.AppKey("asked", set)
"""Connections on which a whole request has come."""

log = get_logger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an error is ours: what strangers send to an open port is no fault, and no news."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, web.RequestPayloadError))


logging.getLogger("aiohttp.server").addFilter(_is_ours)


class Site:
    """Serves an application. ``start`` and ``stop`` may be called any number of times.

    port: 0 lets the system choose; ``self.port`` is the chosen one.
    """

    def __init__(self, app: web.Application, port: int) -> None:
        self.port = port
        self.app = app
        self._runner: web.AppRunner | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve. Raises ConfigurationError when the port cannot be had."""
        if self._runner is not None:
            return
        runner = web.AppRunner(
            self.app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=STOP_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
        )
        await runner.setup()
        try:
            # None binds IPv4 and IPv6; "::" alone would refuse IPv4 on some hosts.
            await web.TCPSite(runner, host=None, port=self.port).start()
        except OSError as error:
            await runner.cleanup()
            reason = "is in use" if error.errno == errno.EADDRINUSE else "cannot be bound"
            raise ConfigurationError(
                f"PORT {self.port} {reason}",
                hint="stop the other process, or set PORT to a free one, for example PORT=5002",
            ) from error
        self._runner = runner
        self._watching = asyncio.create_task(self._hang_up_on_the_silent(runner))
        # With port 0 each family gets its own; an IPv4 address has two parts.
        self.port = min(runner.addresses, key=len)[1]
        log.info("http_listening", port=self.port)

    async def stop(self) -> None:
        """Close the sockets; returns when that is done."""
        runner, self._runner = self._runner, None
        if self._watching is not None:
            self._watching.cancel()
        if runner is not None:
            await runner.cleanup()

    async def _hang_up_on_the_silent(self, runner: web.AppRunner) -> None:
        """Close connections whose first request does not come."""
        asked = self.app[ASKED]
        seen: dict[Any, float] = {}
        while True:
            await asyncio.sleep(HEAD_SECONDS / 10)
            now = clock.monotonic()
            open_ones = runner.server.connections if runner.server is not None else []
            seen = {connection: seen.get(connection, now) for connection in open_ones}
            asked.intersection_update(seen)
            for connection, since in seen.items():
                if connection not in asked and now - since > HEAD_SECONDS:
                    connection.force_close()


def application(cors_origins: Sequence[str] = ()) -> web.Application:
    """An application with the manners that every route shares.

    cors_origins: which pages of other origins may call ``/api/`` from a browser; none by default.
    """
    app = web.Application(
        middlewares=[named, errors_as_json, cross_origin(cors_origins), one_slash],
        client_max_size=BODY_LIMIT_BYTES,
    )
    app[STOP] = asyncio.Event()
    app[ASKED] = set()
    app.on_shutdown.append(_stop_streams)
    app.on_response_prepare.append(_dress)
    return app


async def _stop_streams(app: web.Application) -> None:
    app[STOP].set()


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    if not request.path.startswith("/gui"):  # the console has headers of its own
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = request.get(REQUEST_NAME, "")
    varies = response.headers.get("Vary")
    for name, value in request.get(CORS, {}).items():
        response.headers[name] = value
    if varies and "Vary" in request.get(CORS, {}):
        response.headers["Vary"] = f"{varies}, {request[CORS]['Vary']}"


def problem(status: int, error: str, code: str, hint: str = "") -> web.Response:
    """An error as every caller gets it."""
    return web.json_response({"error": error, "code": code, "hint": hint}, status=status)


@web.middleware
async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Each call has an id, the caller's own or one of ours, in its answer and in its log lines."""
    request.app[ASKED].add(request.protocol)
    given = request.headers.get("X-Request-Id", "")
    request[REQUEST_NAME] = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    with structlog.contextvars.bound_contextvars(http_request_id=request[REQUEST_NAME]):
        return await handler(request)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong, the answer is JSON and says nothing of our insides."""
    try:
        return await handler(request)
    except Refused as refused:
        body = {"error": refused.message, "code": refused.code, "hint": refused.hint}
        return web.Response(
            body=dumps({**refused.details, **body}).encode("utf-8", "replace"),
            status=refused.status,
            content_type="application/json",
            headers=refused.headers,
        )
    except web.HTTPNotFound:
        return problem(
            404,
            f"there is no {request.path}",
            "not_found",
            ("leave out the slash at its end; " if request.path.endswith("/") else "")
            + "GET /api/openapi.json, with a key, lists what there is",
        )
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        answer = problem(
            405, f"{request.method} is not allowed here", "method_not_allowed", f"use {allowed}"
        )
        answer.headers["Allow"] = allowed
        return answer
    except web.HTTPRequestEntityTooLarge:
        return problem(
            413, "the body is too large", "body_too_large", f"at most {BODY_LIMIT_BYTES} bytes"
        )
    except web.HTTPException as error:
        return problem(error.status, error.reason, "http_error")
    except psycopg.errors.QueryCanceled:
        return problem(503, "this took too long to read", "too_slow", "ask for less")
    except psycopg.DataError:
        return problem(
            400, "something that was sent cannot be stored", "invalid_value", "send plain text"
        )
    except (PoolTimeout, PoolClosed, TooManyRequests):
        return _away()
    except Exception as error:
        if is_transient(error):
            return _away()
        log.exception("http_handler_failed", method=request.method)
        return problem(
            500, "the service failed to answer", "internal_error", "the log has the reason"
        )


def _away() -> web.Response:
    answer = problem(
        503, "the database does not answer", "database_unavailable", "try again in a few seconds"
    )
    answer.headers["Retry-After"] = "5"
    return answer


def cross_origin(allowed: Sequence[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Pages of other origins may call ``/api/`` only if their origin is on the list."""
    origins = {origin.rstrip("/").lower() for origin in allowed}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or not request.path.lstrip("/").startswith("api/"):
            return await handler(request)
        known = origin.rstrip("/").lower() in origins
        request[CORS] = {"Vary": "Origin"}
        if known:
            request[CORS] |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Expose-Headers": CORS_EXPOSED,
            }
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks:
            return await handler(request)
        if not known:
            raise Refused(
                403,
                "origin_not_allowed",
                "this page may not call the API from a browser",
                "add its origin to CORS_ORIGINS, or call the API from your server",
            )
        request[CORS] |= {
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Allow-Headers": CORS_HEADERS,
            "Access-Control-Max-Age": "600",
        }
        return web.Response(status=204)

    return middleware


@web.middleware
async def one_slash(request: web.Request, handler: Handler) -> web.StreamResponse:
    """``//api/x`` is ``/api/x``: answered, not redirected, since clients lose the body then."""
    if not request.raw_path.startswith("//"):
        return await handler(request)
    again = request.clone(rel_url="/" + request.raw_path.lstrip("/"))
    found = await request.app.router.resolve(again)
    if found.http_exception is not None:
        raise found.http_exception
    # What the application does with a fresh request.
    found.add_app(request.app)
    found.freeze()
    again._match_info = found  # noqa: SLF001
    return await found.handler(again)
