"""What a daemon's sessions hold of the shared server does not grow for ever."""

from __future__ import annotations

import asyncio

import pytest

from daemon import database as connections


async def session(pool: connections.Pool) -> int:
    """The server's process that a statement is sent to."""
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def test_an_old_session_is_replaced(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server keeps what it planned for a session until the session ends."""
    monkeypatch.setattr(connections, "SESSION_SECONDS", 0.5)
    monkeypatch.setattr(connections, "POOL_MIN", 1)
    ours = connections.Database(database, database, "w1")
    await ours.open()
    try:
        first = await session(ours.pool)
        async with asyncio.timeout(10):
            while await session(ours.pool) == first:
                await asyncio.sleep(0.05)
    finally:
        await ours.close()
