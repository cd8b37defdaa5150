"""Statements for connections that are not the pool's: the heartbeat's and the listener's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from daemon.statements import Statements
from daemon.store.values import Key


def lease_renew(
    connection: Connection[Any],
    statements: Statements,
    worker_id: str,
    attempts: Sequence[Key],
    lease_seconds: float,
    *,
    now: datetime | None = None,
) -> dict[Key, bool]:
    """Renew the leases of ``attempts`` ((request_id, fence)) and learn which are to stop.

    Returns, for each attempt that is still this worker's, whether a cancel was asked for. One that
    is missing is lost. Commits, also on a connection that is not in autocommit.
    """
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            statements["lease_renew"],
            {
                "worker_id": worker_id,
                "ids": [request_id for request_id, _ in attempts],
                "fences": [fence for _, fence in attempts],
                "lease_seconds": lease_seconds,
                "now": now,
            },
        )
        return {(request_id, fence): cancel for request_id, fence, cancel in cursor}


async def doorbell_lock(connection: AsyncConnection[Any], statements: Statements) -> int | None:
    """Take a doorbell slot before sleeping; None if all eight belong to other sleepers.

    Waits, up to the connection's ``lock_timeout``, for producers in flight: claim once more after
    it and only then sleep. Without a slot sleep no longer than the poll. The connection must be a
    session of its own, in autocommit.
    """
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(statements["doorbell_try"])
        row = await cursor.fetchone()
        if row is not None and row[0] is not None:
            return int(row[0])
        await cursor.execute(statements["doorbell_free"])
        row = await cursor.fetchone()
        if row is None or row[0] is None:
            return None
        slot = int(row[0])
        await cursor.execute(statements["doorbell_lock"], {"slot": slot})
        return slot


async def doorbell_unlock(
    connection: AsyncConnection[Any], statements: Statements, slot: int
) -> None:
    """Give the slot back after waking: a busy daemon costs producers nothing."""
    await connection.execute(statements["doorbell_unlock"], {"slot": slot})
