"""How every statement of the store reaches the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from daemon import clock
from daemon.statements import Statements
from daemon.store.moments import bear_every_moment
from daemon.store.safe_json import loads_stored

# What somebody writes into a configuration costs that agent alone, not whoever reads the table;
# so does a moment that no calendar has.
set_json_loads(loads_stored)
bear_every_moment()

KEPT_SECONDS = 60.0
"""It is given back after so long, for the pool to replace it when it has grown old."""

Pool = AsyncConnectionPool[AsyncConnection[Any]]


class Executor:
    """Runs named statements on connections of a pool.

    A single statement is a transaction of its own, on an autocommit connection (one round trip) as
    well as on one that is not. Nothing is kept on a connection between two calls, so the pool may
    stand behind PgBouncer in transaction mode.
    """

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self._pool = pool
        self._statements = statements

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection inside a transaction that commits at the end."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection

    async def _rows(
        self,
        name: str,
        connection: AsyncConnection[Any] | None = None,
        /,
        **values: Any,
    ) -> Sequence[DictRow]:
        """All rows of ``sql/<name>.sql``; none for a statement that returns nothing."""
        if connection is None:
            async with self._pool.connection() as own:
                return await self._rows(name, own, **values)
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(self._statements[name], values)
            return await cursor.fetchall() if cursor.description else []

    async def _tuples(
        self, name: str, connection: AsyncConnection[Any], /, **values: Any
    ) -> Sequence[tuple[Any, ...]]:
        """All rows, their columns in the statement's order: where many come, and often."""
        async with connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(self._statements[name], values)
            return await cursor.fetchall()

    async def _row(self, name: str, /, **values: Any) -> Mapping[str, Any] | None:
        """The first row, or None."""
        rows = await self._rows(name, **values)
        return rows[0] if rows else None


class KeptConnection:
    """One connection of a pool, for a statement that comes alone and must be quick.

    Taking it from the pool and giving it back takes a hundredth of a millisecond in a busy
    process, and ten times as long in one that has just woken up. Not for two statements at once.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: AsyncConnection[Any] | None = None
        self._taken_monotonic = 0.0

    async def take(self) -> AsyncConnection[Any]:
        """The connection. Whoever fails with it gives it back."""
        if clock.monotonic() - self._taken_monotonic > KEPT_SECONDS:
            await self.give_back()
        if self._connection is None:
            self._connection = await self._pool.getconn()
            self._taken_monotonic = clock.monotonic()
        return self._connection

    async def give_back(self) -> None:
        """Nothing happens where none is kept."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.putconn(connection)
