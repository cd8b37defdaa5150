"""What a daemon's sessions hold of the shared server does not grow for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from daemon import database as connections

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ai-daemon/w1/pool'"


async def test_an_old_session_is_replaced(
    database: str, aconnection: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server keeps what it planned for a session until the session ends."""
    monkeypatch.setattr(connections, "SESSION_SECONDS", 0.5)
    monkeypatch.setattr(connections, "POOL_MIN", 1)
    ours = connections.Database(database, database, "w1")
    await ours.open()
    try:
        await ours.pool.wait()
        first = set(await (await aconnection.execute(SESSIONS)).fetchall())
        assert first
        async with asyncio.timeout(30):
            while first & set(await (await aconnection.execute(SESSIONS)).fetchall()):
                async with ours.pool.connection() as used:
                    await used.execute("SELECT 1")
    finally:
        await ours.close()
