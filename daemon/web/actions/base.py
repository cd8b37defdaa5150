"""What the actions share: a transaction that knows who acts, statements, the audit line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from daemon.statements import Statements
from daemon.web import shown
from daemon.web.access import Access, Principal
from daemon.web.audit import audit, begin

if TYPE_CHECKING:
    from daemon.registry import Registry

Json = Any
Row = Mapping[str, Any]
Connection = AsyncConnection[Any]


class Act:
    """registry: tells which configurations an agent can use. access: told of revoked keys."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        texts: Statements,
        registry: Registry,
        access: Access,
    ) -> None:
        self._pool = pool
        self._texts = texts
        self._registry = registry
        self._access = access

    @asynccontextmanager
    async def _transaction(self, who: Principal, note: str = "") -> AsyncIterator[Connection]:
        """One transaction of somebody's; note: why a configuration changes."""
        async with self._pool.connection() as connection, connection.transaction():
            await begin(connection, self._texts, who, note)
            yield connection

    async def _row(self, connection: Connection, name: str, /, **values: Any) -> Row | None:
        """The first row of ``sql/<name>.sql``, or None."""
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(self._texts[name], values)
            return await cursor.fetchone() if cursor.description else None

    async def _rows(self, name: str, /, **values: Any) -> list[dict[str, Any]]:
        """All rows of a statement that only reads."""
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            shown.reading(cursor)
            await cursor.execute(self._texts[name], values)
            return list(await cursor.fetchall())

    async def _audit(
        self,
        connection: Connection,
        who: Principal,
        action: str,
        target: str,
        before: Mapping[str, Json] | None = None,
        after: Mapping[str, Json] | None = None,
    ) -> None:
        await audit(connection, self._texts, who, action, target, before, after)
