"""Reads on the read-only pool: bounded in rows by the statement, in time by the server."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from daemon.database import Pool
from daemon.statements import Statements
from daemon.web import shown


class Reader:
    """Runs named statements of ``sql/``. Safe to share between tasks."""

    def __init__(self, pool: Pool, texts: Statements) -> None:
        self._pool = pool
        self._texts = texts

    async def rows(self, name: str, /, **values: Any) -> list[dict[str, Any]]:
        """All rows.

        Never prepared: the optional filters of a list fall away only where the planner knows
        their values.
        """
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            shown.reading(cursor)
            await cursor.execute(self._texts[name], values, prepare=False)
            return await cursor.fetchall()

    async def row(self, name: str, /, **values: Any) -> dict[str, Any] | None:
        """The first row, or None."""
        found = await self.rows(name, **values)
        return found[0] if found else None
