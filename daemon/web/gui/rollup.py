"""Keeps ``ai_hours`` and ``ai_call_hours`` counted: what long windows of the console are made of.

Every ten seconds the present hour is counted again if something has ended in it, young hours
every ten minutes, and older ones that nobody has counted yet a few at a time, newest first. Each
daemon tries; an advisory lock lets one count. A count that took long is followed by a long pause,
so that this never takes more than a few per cent of the database's time.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from daemon import clock
from daemon.database import Pool
from daemon.lifecycle import Service
from daemon.statements import Statements
from daemon.upkeep import Duties

LOOK_SECONDS = 10.0
HOURS_AT_ONCE = 24
REST = 30.0
"""After a round the pause is this many times as long as the round took."""


class Rollup(Service):
    """pool: may write, and waits for nobody's request."""

    name: ClassVar[str] = "rollup"

    def __init__(self, pool: Pool, statements: Statements) -> None:
        super().__init__()
        self._pool = pool
        self._statements = statements
        self._duties = Duties()

    async def _run(self) -> None:
        while True:
            started = clock.monotonic()
            await self._duties.attempt(self.count)
            self.signals.emit("counted")
            took = clock.monotonic() - started
            await asyncio.sleep(max(LOOK_SECONDS, took * REST))

    async def count(self) -> int:
        """Count what is due, at most a day's hours; returns how many hours were counted."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                self._statements["hours_due"], {"limit": HOURS_AT_ONCE}
            )
            due = [row[0] for row in await cursor.fetchall()]
            counted = 0
            for hour in due:
                cursor = await connection.execute(self._statements["hours_count"], {"hour": hour})
                row = await cursor.fetchone()
                if row is None or not row[0]:
                    break  # somebody else is counting
                counted += 1
            return counted
