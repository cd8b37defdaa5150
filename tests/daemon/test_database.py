"""A daemon's sessions: what they hold of the shared server, and what it may do to them."""

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


async def test_idle_sessions_are_ours_to_end(
    database: str, aconnection: psycopg.AsyncConnection[Any]
) -> None:
    """Who listens or waits for work is not ended with the app's forgotten sessions."""
    if aconnection.info.server_version < 140000:
        pytest.skip("PostgreSQL 13 ends no session for being idle")
    name = psycopg.sql.Identifier(aconnection.info.dbname)
    limit = psycopg.sql.SQL("ALTER DATABASE {} SET idle_session_timeout = '10s'")
    await aconnection.execute(limit.format(name))
    ours = connections.Database(database, database, "w1")
    await ours.open()
    try:
        show = "SHOW idle_session_timeout"
        for pool in (ours.pool, ours.reader, ours.web_read, ours.web_write):
            async with pool.connection() as pooled:
                assert await (await pooled.execute(show)).fetchone() == ("0",)
        async with await ours.direct("listener") as listener:
            assert await (await listener.execute(show)).fetchone() == ("0",)
        with ours.heartbeat() as heartbeat:
            assert heartbeat.execute(show).fetchone() == ("0",)
    finally:
        await ours.close()
