"""The checker's own session: read-only, impatient, and never in anybody's way.

A statement may take three seconds and wait half a second for a lock. Behind a transaction pooler
nothing is SET for good: there each statement brings its limits along, in a transaction of its own.

Every check that reads a large table has an index to do it by. A table that was filled a moment ago
has no statistics yet, and the planner would rather read the whole of it; so it is told not to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row

from daemon import clock
from daemon.database import CONNECT, SESSION, ImpatientConnection, application_name

LIMITS = SESSION + (
    "SET statement_timeout = '3s'; SET lock_timeout = '500ms';"
    " SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_read_only = on;"
    " SET enable_seqscan = off; SET jit = off"
)
LOCAL_LIMITS = (
    "SET LOCAL statement_timeout = '3s'; SET LOCAL lock_timeout = '500ms';"
    " SET LOCAL transaction_read_only = on; SET LOCAL enable_seqscan = off; SET LOCAL jit = off"
)


class Session:
    """One connection, opened when it is needed and again after it broke."""

    def __init__(self, url: str, worker_id: str) -> None:
        self._url = url
        self._worker_id = worker_id
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self.pooled = False
        self.server_version = 0
        self.extensions: frozenset[str] = frozenset()

    async def ping(self) -> float:
        """Seconds that connecting, where that is needed, and ``SELECT 1`` took. Raises what
        psycopg raises where the database does not answer."""
        began = clock.monotonic()
        try:
            connection = await self._open()
            await connection.execute("SELECT 1")
        except BaseException:
            await self.close()
            raise
        return clock.monotonic() - began

    async def rows(
        self, statement: LiteralString, values: Mapping[str, Any] | None = None
    ) -> Sequence[DictRow]:
        """All rows of one statement. The session is closed where an error has broken it."""
        connection = await self._open()
        try:
            if not self.pooled:
                return await self._fetch(connection, statement, values)
            async with connection.transaction():
                await connection.execute(LOCAL_LIMITS)
                return await self._fetch(connection, statement, values)
        except BaseException:
            if connection.broken or connection.closed:
                await self.close()
            raise

    async def close(self) -> None:
        """Hang up; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def _open(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = await ImpatientConnection.connect(
            self._url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name(self._worker_id, "health"),
            **CONNECT,
        )
        try:
            cursor = await connection.execute(
                "SELECT pg_backend_pid(), ARRAY(SELECT extname::text FROM pg_extension)"
            )
            pid, extensions = await cursor.fetchone() or (None, [])
            self.pooled = pid != connection.info.backend_pid
            self.server_version = connection.info.server_version
            self.extensions = frozenset(extensions)
            if not self.pooled:
                await connection.execute(LIMITS)
        except BaseException:
            await connection.close()  # none is kept without its limits
            raise
        self._connection = connection
        return connection

    @staticmethod
    async def _fetch(
        connection: psycopg.AsyncConnection[Any],
        statement: LiteralString,
        values: Mapping[str, Any] | None,
    ) -> Sequence[DictRow]:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement, values or {})
            return await cursor.fetchall()
