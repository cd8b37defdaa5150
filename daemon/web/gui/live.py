"""Tells open pages what changed: one look a second while somebody watches, none while nobody does.

The look is one cheap statement (``sql/console_pulse.sql``) with a number or moment per topic; what
differs from the look before is sent as ``changed: topics``, and the page fetches its sections of
those topics. So a change is seen whichever daemon or person made it, also where notifications do
not arrive, and a NOTIFY that stays silent while workers are busy costs nothing. The first look has
nothing to compare with, so it tells that everything changed: what a page was made of is older.

A naive stream would hold up a stop for as long as it is open: :meth:`Live.stop` ends them all at
once. A browser that went away shows only when it is written to; that is no error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg
from aiohttp import ClientConnectionResetError, web
from aiohttp_sse import sse_response
from psycopg_pool import PoolTimeout

from daemon import clock
from daemon.log import get_logger
from daemon.web.access import PRINCIPAL, Access
from daemon.web.gui.reads import Reads

LOOK_SECONDS = 0.7
AWAY_SECONDS = 3.0
PING_SECONDS = 15.0
MOST_STREAMS = 50
MOST_QUEUED = 8
EVERYTHING = "*"
"""The topic of all sections."""

log = get_logger(__name__)


class Live:
    """The streams of ``/gui/events``. ``stop`` ends them; a later stream is refused.

    forget: called at each change, before it is told.
    """

    def __init__(self, reads: Reads, access: Access, forget: Callable[[], None]) -> None:
        self._reads = reads
        self._access = access
        self._forget = forget
        self._stopping = asyncio.Event()
        self._queues: set[asyncio.Queue[str]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._seen: Mapping[str, Any] | None = None
        self.ping_seconds = PING_SECONDS
        self.most_streams = MOST_STREAMS

    @property
    def streams(self) -> int:
        return len(self._queues)

    @property
    def looking(self) -> bool:
        """Whether somebody watches, and so the database is asked."""
        return self._looking is not None and not self._looking.done()

    @property
    def looked(self) -> bool:
        """Whether a first look is there to compare with."""
        return self._seen is not None

    async def stop(self) -> None:
        """End every stream and the looking; returns when that is done."""
        self._stopping.set()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events until the browser leaves or the service stops."""
        if self._stopping.is_set() or self.streams >= self.most_streams:
            return web.Response(status=503, headers={"Retry-After": "10"})
        queue: asyncio.Queue[str] = asyncio.Queue(MOST_QUEUED)
        self._queues.add(queue)
        if not self.looking:
            self._seen = None
            self._looking = asyncio.create_task(self._look(), name="console_live")
        try:
            with suppress(ClientConnectionResetError, ConnectionResetError):
                async with sse_response(request, headers={"X-Accel-Buffering": "no"}) as response:
                    await self._send(request, response, queue)
                return response
        finally:
            self._queues.discard(queue)
        return web.Response(status=204)

    async def _send(self, request: web.Request, response: Any, queue: asyncio.Queue[str]) -> None:
        """Until the browser leaves, the session ends, or the service stops."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        checked = clock.monotonic()
        try:
            while (
                not self._stopping.is_set() and response.is_connected() and not _is_gone(request)
            ):
                news = asyncio.ensure_future(queue.get())
                await asyncio.wait(
                    {news, stopping},
                    timeout=self.ping_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if news.done():
                    await response.send(news.result(), event="changed")
                else:
                    news.cancel()
                # Also where there is news all the time.
                if not news.done() or clock.monotonic() - checked >= self.ping_seconds:
                    checked = clock.monotonic()
                    who = await self._access.session(request)
                    if who is None or who.role != request[PRINCIPAL].role:
                        return
                    # The page sees no comment, and must tell silence from a dead connection.
                    await response.send("there", event="still")
        finally:
            stopping.cancel()

    async def _look(self) -> None:
        while self._queues:
            pause = LOOK_SECONDS
            try:
                self._compare(await self._reads.row("console_pulse"))
            except (psycopg.Error, PoolTimeout, OSError):
                pause = AWAY_SECONDS  # the page says so itself when it next fetches
            await asyncio.sleep(pause)

    def _compare(self, found: Mapping[str, Any] | None) -> None:
        if found is None:
            return
        before, self._seen = self._seen, found
        if before is None:
            changed = [EVERYTHING]
        else:
            changed = [topic for topic, value in found.items() if value != before[topic]]
        if not changed:
            return
        self._forget()  # else pages that fetch now may be given what was before
        for queue in self._queues:
            if queue.full():  # whoever reads so slowly refreshes everything
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(EVERYTHING)
            else:
                queue.put_nowait(" ".join(changed))


def _is_gone(request: web.Request) -> bool:
    """Whether the browser closed its end, as far as this end knows."""
    return request.transport is None or request.transport.is_closing()
