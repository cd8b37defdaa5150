"""An agent that runs another inside its request: what it learns, and what others see."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from daemon.context import AttemptContext
from tests.kit.gyms import App, gym_app
from tests.kit.inside_agents import CATALOG
from tests.kit.worker import becomes

Connection = psycopg.AsyncConnection[Any]


def test_an_inner_agent_that_begins_late_hears_of_the_drain_too() -> None:
    """What asks to be told once the worker already drains is told at once, however deep inside."""
    nothing: Any = None
    outermost = AttemptContext(nothing, nothing, nothing, nothing, nothing, "outer")
    middle = outermost.inside("middle", {}, nothing, nothing, (0, 50))
    inner = middle.inside("inner", {}, nothing, nothing, (0, 50))
    outermost.drain()
    told: list[str] = []
    inner.on_drain(lambda: told.append("inner"))
    assert told == ["inner"]


async def outer(app: App, **given: Any) -> str:
    row = await app.ask("test_outer", **given)
    assert row["status"] == "completed", row["error"]
    assert row["attempt"] == 1
    return str(row["result"]["said"])


async def test_every_end_is_one_that_can_be_caught(database: str) -> None:
    """Whatever ends the inner agent arrives as an AgentError, without a client's data."""
    async with gym_app(database, CATALOG) as app:
        assert await outer(app) == "inner"
        assert await outer(app, end="error") == "agent_error: chosen"
        bug = await outer(app, end="bug")
        assert bug.startswith(
            "agent_error: test_inner: RuntimeError in tests/kit/inside_agents.py"
        )
        assert "secret" not in bug
        late = await outer(app, end="late")
        assert late == "timeout: test_inner: the agent gave no answer within 0.5 seconds"
        assert (await outer(app, end="timeout")).startswith(
            "agent_error: test_inner: TimeoutError"
        )


async def test_inputs_for_the_inner_agent_are_checked_first(database: str) -> None:
    """What the inner agent cannot use is refused before an attempt, with the field's name."""
    async with gym_app(database, CATALOG) as app:
        row = await app.ask("test_outer", number=12)
        assert (row["status"], row["attempt"]) == ("failed", 0)
        assert row["error"]["code"] == "invalid_input"
        assert "input_data.number is 12" in row["error"]["message"]
        assert row["error"]["hint"].startswith("the fields of test_outer: ")


async def test_agents_that_are_not_there(database: str) -> None:
    """One that nobody has, and one that is switched off, are told apart."""
    async with gym_app(database, CATALOG) as app:
        row = await app.ask("test_elsewhere")
        assert row["result"]["said"] == "unknown_task_type"
        configured = app.daemon.signals.expect("configured")
        await app.connection.execute(
            "UPDATE ai_agents SET enabled = false WHERE type = 'test_inner'"
        )
        await configured
        row = await app.ask("test_outer")
        assert (row["status"], row["error"]["code"]) == ("failed", "agent_disabled")


async def test_steps_are_visible_in_order(database: str) -> None:
    """Start and end of each inner agent are events, and the percentage never falls."""
    async with gym_app(database, CATALOG) as app:
        row = await app.ask("test_outer", end="error")
        cursor = await app.connection.execute(
            "SELECT node, percent, message FROM ai_request_events WHERE request_id = %s"
            " AND node = 'test_inner' ORDER BY id",
            (row["id"],),
        )
        assert await cursor.fetchall() == [
            ("test_inner", 0, "started"),
            ("test_inner", 40, "failed: agent_error"),
            ("test_inner", 40, "started"),
            ("test_inner", 90, "done"),
        ]


@pytest.mark.parametrize("drained", [False, True])
async def test_a_cancel_reaches_the_inner_agent(
    database: str, aconnection: Connection, drained: bool
) -> None:
    """A request is cancelled, and an attempt given back, while an inner agent is at work."""
    async with gym_app(database, CATALOG, drain_seconds=0) as app:
        request_id = await app.submit("test_waiting")
        await becomes(aconnection, request_id, "running")
        if not drained:
            await aconnection.execute(
                "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
            )
            assert (await app.ended(request_id))["status"] == "cancelled"
    if drained:
        row = await becomes(aconnection, request_id, "pending")
        assert row["attempt"] == 0
