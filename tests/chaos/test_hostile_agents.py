"""Agents that misbehave: each costs an attempt, never the daemon, its slots or its leases."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.chaos.agents import CATALOG, DEEDS
from tests.chaos.invariants import violations
from tests.kit.worker import FOREVER, becomes, insert, request, running

Connection = psycopg.AsyncConnection[Any]
BY_THREAD = [f"thread: {deed}" for deed in ("exit", "recurse", "interrupt", "stop iteration")]

# A StopIteration that leaves a thread gets lost in asyncio before Python 3.12.
CODES = {"shield": {"timeout"}, "thread: stop iteration": {"timeout", "agent_error"}}


async def single_try(connection: Connection, task_type: str, how: str) -> int:
    """A request that is not tried again."""
    async with connection.transaction():
        [request_id] = await insert(connection, task_type, how=how)
        await connection.execute(
            "UPDATE ai_requests SET max_attempts = 1 WHERE id = %s", (request_id,)
        )
    return request_id


@pytest.mark.parametrize("task_type", ["chaos_villain", "chaos_rogue"])
async def test_whatever_an_agent_raises(
    task_type: str, watched: str, aconnection: Connection
) -> None:
    """sys.exit, KeyboardInterrupt, endless recursion, its own cancellation, a shield: inside a
    graph's node, in its thread or without a graph, each ends its own request and nothing else."""
    # LangGraph survives a GeneratorExit no better than its own generators do: it warns for long.
    in_a_graph = [*DEEDS.keys() - {"generator exit"}, *BY_THREAD]
    deeds = in_a_graph if task_type == "chaos_villain" else DEEDS
    async with running(watched, CATALOG, worker_concurrency=4, poll_seconds=FOREVER) as daemon:
        ids = {how: await single_try(aconnection, task_type, how) for how in deeds}
        for how, request_id in ids.items():
            row = await becomes(aconnection, request_id, "failed", 30)
            assert row["error"]["code"] in CODES.get(how, {"agent_error"}), (how, row["error"])
            assert row["attempt"] == 1
        [after] = await insert(aconnection, "test_echo", text="still here")
        await becomes(aconnection, after, "completed")
    assert daemon.leases.count == 0
    assert violations(watched) == []


async def test_slot_of_a_shielded_agent_is_free_again(
    watched: str, aconnection: Connection
) -> None:
    """The only slot is taken back at the deadline and its grace, and used by the next request."""
    async with running(watched, CATALOG, worker_concurrency=1, poll_seconds=FOREVER):
        stubborn = await single_try(aconnection, "chaos_rogue", "shield")
        [after] = await insert(aconnection, "test_echo")
        await becomes(aconnection, stubborn, "failed", 30)
        await becomes(aconnection, after, "completed")
        assert (await request(aconnection, stubborn))["error"]["code"] == "timeout"
    assert violations(watched) == []
