"""What the console reads: named statements on the read-only pool, each bounded in rows and time.

A statement that takes longer than the pool allows is broken off by the server; the block of the
page that wanted it then says so, and the rest of the page is shown (see ``render.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from daemon import clock
from daemon.database import Pool
from daemon.statements import Statements
from daemon.web import shown

Row = Mapping[str, Any]

SLOW = (psycopg.errors.QueryCanceled, PoolTimeout)
"""A read that took too long, or found no free connection in time."""
FRAME_SECONDS = 1.0
"""Counters of the frame are shared by all pages that are made within this time."""


class Reads:
    """Runs ``sql/console_*.sql``. Safe to share between tasks."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements
        self._frame: Row | None = None
        self._late: Exception | None = None
        self._frame_until = 0.0
        self._forgotten = False
        self._counting = asyncio.Lock()

    async def rows(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """All rows of a statement.

        Never prepared: the optional filters of a list fall away only where the planner knows
        their values.
        """
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            shown.reading(cursor)
            await cursor.execute(self._statements[name], values, prepare=False)
            return await cursor.fetchall()

    async def row(self, name: str, **values: Any) -> dict[str, Any] | None:
        """The first row, or None."""
        found = await self.rows(name, **values)
        return found[0] if found else None

    async def frame(self) -> Row:
        """The counters of the frame, at most a second old.

        Where counting takes too long, those who wait for it are told together, not one by one.
        """
        async with self._counting:
            if clock.monotonic() > self._frame_until:
                self._frame = self._late = None
                self._forgotten = False
                try:
                    self._frame = await self.row("console_frame")
                except SLOW as error:
                    self._late = error
                if self._late is not None or not self._forgotten:
                    self._frame_until = clock.monotonic() + FRAME_SECONDS
            if self._late is not None:
                raise self._late
            assert self._frame is not None
            return self._frame

    def forget(self) -> None:
        """Count again for the next page: something changed. A count under way may be too old."""
        self._forgotten = True
        self._frame_until = 0.0
