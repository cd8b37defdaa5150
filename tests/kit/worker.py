"""A whole daemon in the test's own event loop, with the test agents, and questions to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from daemon.service import Daemon
from daemon.settings import Settings
from tests.kit.agents import CATALOG
from tests.kit.signals import eventually

FOREVER = 3600.0
"""A poll that never comes: whatever wakes the daemon was not the poll."""


def settings(database: str, **values: Any) -> Settings:
    """Settings for a daemon on this database, on any free port."""
    chosen: dict[str, Any] = {"database_url": database, "port": 0, "openai_api_key": None}
    return Settings(**(chosen | values))


@asynccontextmanager
async def running(
    database: str, catalog: Mapping[str, str] = CATALOG, **values: Any
) -> AsyncIterator[Daemon]:
    """A daemon that is ready when entered and has drained when left."""
    daemon = Daemon(settings(database, **values), catalog)
    ready = daemon.signals.expect("ready", 30.0)
    task = asyncio.create_task(daemon.run())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        ready.cancel()
        task.result()
    try:
        yield daemon
    finally:
        daemon.stop()
        await task


async def insert(
    connection: psycopg.AsyncConnection[Any],
    task_type: str,
    count: int = 1,
    /,
    **input_data: Any,
) -> list[int]:
    """Insert requests as the main app does, without NOTIFY; returns their ids."""
    cursor = await connection.execute(
        "INSERT INTO ai_requests (task_type, input_data)"
        " SELECT %s, %s::jsonb FROM generate_series(1, %s) RETURNING id",
        (task_type, json.dumps(input_data), count),
    )
    return [row[0] for row in await cursor.fetchall()]


async def request(connection: psycopg.AsyncConnection[Any], request_id: int) -> dict[str, Any]:
    """One request's row."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM ai_requests WHERE id = %s", (request_id,))
        row = await cursor.fetchone()
    assert row is not None, f"no request {request_id}"
    return row


async def becomes(
    connection: psycopg.AsyncConnection[Any], request_id: int, status: str, seconds: float = 15.0
) -> dict[str, Any]:
    """Wait until a request has this status; returns its row."""

    async def look() -> Any:
        row = await request(connection, request_id)
        return row if row["status"] == status else None

    row: dict[str, Any] = await eventually(look, seconds, what=f"request {request_id} is {status}")
    return row


async def count(connection: psycopg.AsyncConnection[Any], query: str, *values: Any) -> int:
    """The number that a query gives."""
    cursor = await connection.execute(query.encode(), values)
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
