"""Whoever waits for a request over HTTP waits here: any number of them for one small read.

The database says on ``ai_results`` and ``ai_events`` that something changed; a look every quarter
of a second stands behind that, since a notification is never relied on. The look is one statement
for all requests that somebody waits for, so 200 open streams cost what one does. While nobody
waits nothing is read, and a minute later nothing is listened to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

import psycopg
from psycopg_pool import PoolTimeout

from daemon import clock
from daemon.database import brief
from daemon.lifecycle import Loop, Service
from daemon.log import get_logger
from daemon.web.reader import Reader

LOOK_SECONDS = 0.25
TOGETHER_SECONDS = 0.05
"""What comes within this time is looked at together."""
IDLE_SECONDS = 60.0
AGAIN_SECONDS = 1.0

log = get_logger(__name__)


@dataclass(eq=False)
class Watch:
    """One waiter. changed: set at every change, for the waiter to clear. newest: the highest id of
    its progress. status: None before the first look, or when there is no such request."""

    request_id: int
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    status: str | None = None
    attempt: int = 0
    newest: int = 0


class Hub(Service):
    """connect: opens a direct connection, for LISTEN."""

    name: ClassVar[str] = "hub"

    def __init__(
        self, reader: Reader, connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]
    ) -> None:
        super().__init__()
        self._reader = reader
        self._connect = connect
        self._watches: set[Watch] = set()
        self._wanted = asyncio.Event()
        self._kick = asyncio.Event()
        self._left_monotonic = 0.0

    @contextmanager
    def watch(self, request_id: int) -> Iterator[Watch]:
        """Be told of every change of a request."""
        watch = Watch(request_id)
        self._watches.add(watch)
        self._wanted.set()
        self._kick.set()
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches:
                self._wanted.clear()
                self._left_monotonic = clock.monotonic()

    def _loops(self) -> Sequence[Loop]:
        return [self._look_again_and_again, self._listen]

    async def _look_again_and_again(self) -> None:
        while True:
            await self._wanted.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._kick.wait()
            self._kick.clear()
            try:
                await self._look()
            except (psycopg.Error, PoolTimeout, OSError) as error:
                log.info("hub_look_failed", error=brief(error))
            await asyncio.sleep(TOGETHER_SECONDS)

    async def _look(self) -> None:
        watches = list(self._watches)
        ids = sorted({watch.request_id for watch in watches})
        rows = {row["id"]: row for row in await self._reader.rows("execution_watch", ids=ids)}
        for watch in watches:
            row = rows.get(watch.request_id)
            seen = (row["status"], row["attempt"], row["newest"]) if row else (None, 0, 0)
            if seen != (watch.status, watch.attempt, watch.newest):
                watch.status, watch.attempt, watch.newest = seen
                watch.changed.set()

    async def _listen(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                async with await self._connect() as connection:
                    await connection.execute("LISTEN ai_results")
                    await connection.execute("LISTEN ai_events")
                    self._kick.set()
                    while not self._idle:
                        async for note in connection.notifies(timeout=5.0):
                            self._heard(note)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.info("hub_listens_again", error=brief(error))
                await asyncio.sleep(AGAIN_SECONDS)

    def _heard(self, note: psycopg.Notify) -> None:
        """Results name their request; only those that somebody waits for are worth a look."""
        wanted = any(f'"id": {watch.request_id},' in note.payload for watch in self._watches)
        if wanted or note.channel == "ai_events":
            self._kick.set()

    @property
    def _idle(self) -> bool:
        waited = clock.monotonic() - self._left_monotonic
        return not self._watches and waited > IDLE_SECONDS
