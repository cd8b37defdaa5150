"""Single services of the daemon on a real database, for tests that look at one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from daemon import statements
from daemon.database import Database
from daemon.lease import Leases
from daemon.listener import Listener
from daemon.meters import Meters
from daemon.service import new_worker_id
from daemon.store import Store

TEXTS = statements.load()


class Parts:
    """An open database with what services are made of.

    ``group`` is the TaskGroup that they run in; ``own_url`` lets one of them go another way.
    """

    def __init__(self, url: str, group: asyncio.TaskGroup) -> None:
        self.url = url
        self.group = group
        self.worker_id = new_worker_id()
        self.database = Database(url, url, self.worker_id)
        self.store = Store(self.database.pool, TEXTS)
        self.meters = Meters()

    async def notify(self, channel: str, payload: str) -> None:
        """As the service does, through the pool."""
        async with self.database.pool.connection() as connection:
            await connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))

    def listener(self, url: str | None = None, **values: Any) -> Listener:
        """A listener that listens at ``url``, by default where everything else is."""
        way = Database(url, url, self.worker_id) if url else self.database
        defaults: dict[str, Any] = {
            "worker_id": self.worker_id,
            "connect": lambda: way.direct("listener"),
            "notify": self.notify,
            "statements": TEXTS,
            "meters": self.meters,
        }
        return Listener(**(defaults | values))

    def leases(self, url: str | None = None, **values: Any) -> Leases:
        """A heartbeat that goes to ``url``."""
        way = Database(url, url, self.worker_id) if url else self.database
        defaults: dict[str, Any] = {
            "worker_id": self.worker_id,
            "lease_seconds": 3.0,
            "connect": way.heartbeat,
            "statements": TEXTS,
            "meters": self.meters,
        }
        return Leases(**(defaults | values))


@asynccontextmanager
async def parts(url: str) -> AsyncIterator[Parts]:
    """Everything closed and every task ended on leaving."""
    async with asyncio.TaskGroup() as group:
        made = Parts(url, group)
        await made.database.open()
        try:
            yield made
        finally:
            await made.store.close()
            await made.database.close()
