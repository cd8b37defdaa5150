"""A daemon with the real agents, and requests to it as the main app makes them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from agents.catalog import AGENTS
from daemon.service import Daemon
from tests.kit.signals import eventually
from tests.kit.worker import request, running

Json = Any
ZONE = "Europe/Berlin"
ANSWER_SECONDS = 45.0
TERMINAL = ("completed", "failed", "cancelled", "expired")


@dataclass
class App:
    """The main app's side: a connection, and the daemon that answers what it inserts."""

    connection: psycopg.AsyncConnection[Any]
    daemon: Daemon

    async def submit(self, task_type: str, requested_by: str | None = None, **given: Json) -> int:
        """Insert a request; returns its id."""
        cursor = await self.connection.execute(
            "INSERT INTO ai_requests (task_type, input_data, requested_by)"
            " VALUES (%s, %s, %s) RETURNING id",
            (task_type, json.dumps(given), requested_by),
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def ended(self, request_id: int) -> Mapping[str, Json]:
        """Wait for the end of a request; its row, with ``result`` where it has one."""

        async def look() -> Json:
            row = await request(self.connection, request_id)
            return row if row["status"] in TERMINAL else None

        row = await eventually(look, ANSWER_SECONDS, what=f"request {request_id} ends")
        cursor = await self.connection.execute(
            "SELECT result FROM ai_results WHERE request_id = %s", (request_id,)
        )
        found = await cursor.fetchone()
        return {**row, "result": found[0] if found else None}

    async def ask(
        self, task_type: str, requested_by: str | None = None, **given: Json
    ) -> Mapping[str, Json]:
        """Insert a request and wait for its end."""
        return await self.ended(await self.submit(task_type, requested_by, **given))


@asynccontextmanager
async def gym_app(
    database: str, catalog: Mapping[str, str] = AGENTS, **settings: Json
) -> AsyncIterator[App]:
    """A daemon with the real agents on ``database``, ready when entered and drained when left."""
    settings = {"gym_time_zone": ZONE} | settings
    async with (
        running(database, catalog, **settings) as daemon,
        await psycopg.AsyncConnection.connect(database, autocommit=True) as connection,
    ):
        yield App(connection, daemon)
