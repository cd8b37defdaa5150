"""Degraded answers: asked for again once the model is back, where an agent's config says so."""

from __future__ import annotations

from collections import deque
from typing import Any

import psycopg

from daemon.demo.model_server import ModelServer
from tests.kit.model_agents import CATALOG
from tests.kit.provider import status
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, running

Connection = psycopg.AsyncConnection[Any]
UPGRADE = "SELECT id FROM ai_requests WHERE task_type = 'test_writer' AND idempotency_key = %s"


async def test_a_degraded_answer_is_upgraded_once(database: str, aconnection: Connection) -> None:
    """Off by default; switched on, one new request asks in full and is found by its key."""
    async with (
        ModelServer().running() as server,
        running(database, CATALOG, openai_base_url=server.url, poll_seconds=FOREVER) as daemon,
    ):
        server.script = deque([status(401, "invalid_api_key")])
        [first] = await insert(aconnection, "test_writer", topic="rain")
        row = await becomes(aconnection, first, "completed")
        assert (row["mode"], row["degraded_reason"]) == ("degraded", "provider_error")

        await daemon.upkeep.tidy()
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 1

        configured = daemon.signals.expect("configured")
        await aconnection.execute(
            "UPDATE ai_agents SET config = '{\"upgrade_degraded\": true}'"
            " WHERE type = 'test_writer'"
        )
        await configured
        await daemon.upkeep.tidy()
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 1  # still open

        await aconnection.execute("DELETE FROM ai_provider_state")
        for _ in range(2):
            await daemon.upkeep.tidy()
        second = await count(aconnection, UPGRADE, f"upgrade:{first}")
        row = await becomes(aconnection, second, "completed")
        assert (row["mode"], row["on_unavailable"]) == ("full", "wait")
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 2


async def test_an_upgrade_keeps_within_the_budget_and_is_not_upgraded_itself(
    database: str, aconnection: Connection
) -> None:
    """With the budget spent it waits for the next day instead of degrading again."""
    async with (
        ModelServer().running() as server,
        running(database, CATALOG, openai_base_url=server.url, poll_seconds=FOREVER) as daemon,
    ):
        await aconnection.execute(
            "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('global', 'day', 0)"
        )
        configured = daemon.signals.expect("configured")
        await aconnection.execute("UPDATE ai_agents SET config = '{\"upgrade_degraded\": true}'")
        await configured
        [first] = await insert(aconnection, "test_writer", topic="rain")
        row = await becomes(aconnection, first, "completed")
        assert row["degraded_reason"] == "budget_exhausted"

        await daemon.upkeep.tidy()
        second = await count(aconnection, UPGRADE, f"upgrade:{first}")
        snoozed = "SELECT count(*) FROM ai_attempts WHERE outcome = 'snoozed'"
        await eventually(lambda: count(aconnection, snoozed))
        row = await becomes(aconnection, second, "pending")
        assert row["run_after"] > row["created_at"]
        await daemon.upkeep.tidy()
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 2
        assert server.count() == 0
