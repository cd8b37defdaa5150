"""The one HTTP server of the process, on ``PORT``, for IPv4 and IPv6.

It is up before the database is, and answers while everything else is busy: no handler of the open
core waits for anything. Errors are JSON, ``{"error", "code", "hint"}``, without a stack. Callers
that join a base URL and a path clumsily send ``//api/...``; it is taken as ``/api/...``.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

from aiohttp import web

from daemon.errors import ConfigurationError
from daemon.log import get_logger

BODY_LIMIT_BYTES = 2 * 1024 * 1024
STOP_SECONDS = 1.0
"""How long open connections may finish at a stop; streams would otherwise hold it up for long."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = get_logger(__name__)


class Site:
    """Serves an application. ``start`` and ``stop`` may be called any number of times.

    port: 0 lets the system choose; ``self.port`` is the chosen one.
    """

    def __init__(self, app: web.Application, port: int) -> None:
        self.port = port
        self._app = app
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and serve. Raises ConfigurationError when the port cannot be had."""
        if self._runner is not None:
            return
        runner = web.AppRunner(
            self._app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS
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
        # With port 0 each family gets its own; an IPv4 address has two parts.
        self.port = min(runner.addresses, key=len)[1]
        log.info("http_listening", port=self.port)

    async def stop(self) -> None:
        """Close the sockets; returns when that is done."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def application() -> web.Application:
    """An application with the manners that every route shares."""
    return web.Application(
        middlewares=[errors_as_json, one_slash], client_max_size=BODY_LIMIT_BYTES
    )


def problem(status: int, error: str, code: str, hint: str = "") -> web.Response:
    """An error as every caller gets it."""
    return web.json_response({"error": error, "code": code, "hint": hint}, status=status)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong, the answer is JSON and says nothing of our insides."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return problem(
            404, f"there is no {request.path}", "not_found", "GET /health tells that I live"
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
    except Exception:
        log.exception("http_handler_failed", method=request.method)
        return problem(
            500, "the service failed to answer", "internal_error", "the log has the reason"
        )


@web.middleware
async def one_slash(request: web.Request, handler: Handler) -> web.StreamResponse:
    """``//api/x`` is ``/api/x``: answered, not redirected, since clients lose the body then."""
    if not request.raw_path.startswith("//"):
        return await handler(request)
    again = request.clone(rel_url="/" + request.raw_path.lstrip("/"))
    found = await request.app.router.resolve(again)
    if found.http_exception is not None:
        raise found.http_exception
    again._match_info = found  # noqa: SLF001 - what the application does with a fresh request
    return await found.handler(again)
