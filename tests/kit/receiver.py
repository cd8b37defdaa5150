"""A web server that remembers what it was sent, for tests of who sends alerts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Posted:
    """One call."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """came: every call so far. status: what it answers. location: where it redirects to.
    retry_after: the header of that name.
    """

    url: str = ""
    came: list[Posted] = field(default_factory=list)
    status: int = 200
    location: str | None = None
    retry_after: str | None = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.came.append(Posted(request.method, request.path, dict(request.headers), body))
        headers = {"Location": self.location} if self.location else {}
        if self.retry_after:
            headers["Retry-After"] = self.retry_after
        return web.Response(status=self.status, headers=headers)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port; its address says 127.0.0.1."""
    takes = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", takes.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    takes.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield takes
    finally:
        await runner.cleanup()
