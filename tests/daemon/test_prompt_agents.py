"""Agents that consist of a row in ai_agents: at work at once, and as strict as any other."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from daemon.demo.model_server import ModelServer
from daemon.service import Daemon
from tests.kit import provider
from tests.kit.agents import CATALOG
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, request, running

Connection = psycopg.AsyncConnection[Any]
HAIKU: dict[str, Any] = {
    "kind": "prompt",
    "system": "Write a haiku about the topic.",
    "input_schema": {
        "properties": {
            "topic": {"type": "string", "maxLength": 20},
            "class": {"enum": ["a", "b"]},
        },
        "required": ["topic"],
    },
    "output_schema": {
        "properties": {"topic": {"type": "string"}, "stars": {"type": "integer", "maximum": 5}},
        "required": ["topic", "stars"],
    },
}


@asynccontextmanager
async def at_work(database: str, **values: Any) -> AsyncIterator[tuple[ModelServer, Daemon]]:
    """A daemon that knows no prompt agent, and its model."""
    async with ModelServer().running() as server:
        wanted = {"openai_base_url": server.url, "poll_seconds": FOREVER} | values
        async with running(database, CATALOG, **wanted) as daemon:
            yield server, daemon


async def write(connection: Connection, task_type: str = "haiku", **changes: Any) -> None:
    await connection.execute(
        "INSERT INTO ai_agents (name, type, config) VALUES (%s, %s, %s)",
        (task_type.title(), task_type, json.dumps(HAIKU | changes)),
    )


async def rewrite(connection: Connection, task_type: str = "haiku", **changes: Any) -> None:
    await connection.execute(
        "UPDATE ai_agents SET config = %s WHERE type = %s",
        (json.dumps(HAIKU | changes), task_type),
    )


async def result(connection: Connection, request_id: int) -> dict[str, Any]:
    cursor = await connection.execute(
        "SELECT result FROM ai_results WHERE request_id = %s", (request_id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


async def test_a_row_is_an_agent_at_once(database: str, aconnection: Connection) -> None:
    """Row and request committed together are answered, in full mode, with a cost and a version."""
    async with at_work(database) as (server, _):
        async with aconnection.transaction():
            await write(aconnection)
            [first] = await insert(aconnection, "haiku", topic="rain", extra=1)
        row = await becomes(aconnection, first, "completed")
        assert (row["mode"], row["agent_version"]) == ("full", 1)
        assert row["cost_usd"] > 0
        answer = await result(aconnection, first)
        assert answer["topic"] == "rain"
        assert answer["data_warnings"] == ["unknown_input_key: extra"]
        body = server.calls[0].body
        assert body["messages"][0]["content"].startswith(HAIKU["system"])
        assert '{"input":{"topic":"rain"},"views":{}}' in body["messages"][1]["content"]
        assert body["response_format"]["json_schema"]["strict"] is True
    assert await count(aconnection, "SELECT count(*) FROM ai_cost_check") == 1


async def test_requests_that_came_before_the_row_are_answered_by_every_daemon(
    database: str, aconnection: Connection
) -> None:
    """Of two daemons that learn of the row together, both take its requests."""
    async with at_work(database) as (_, one), at_work(database) as (_, other):
        await write(aconnection)
        both = (one, other)
        await eventually(lambda: all("haiku" in one.registry.claimable() for one in both))
        ids = await insert(aconnection, "haiku", 30, topic="rain")
        for request_id in ids:
            await becomes(aconnection, request_id, "completed")


async def test_inputs_are_checked_with_sentences(database: str, aconnection: Connection) -> None:
    """A bad input is refused unseen by any attempt, with the field and what would be right."""
    await write(aconnection)
    async with at_work(database) as (server, _):
        messages = []
        for bad in ({}, {"topic": "x" * 21}, {"topic": "x", "class": "c"}):
            [request_id] = await insert(aconnection, "haiku", **bad)
            row = await becomes(aconnection, request_id, "failed")
            assert (row["error"]["code"], row["attempt"]) == ("invalid_input", 0)
            assert "class, topic" in row["error"]["hint"]
            messages.append(row["error"]["message"])
        assert server.count() == 0
    assert messages[0] == "input_data.topic is missing; it is required"
    assert "at most 20 characters" in messages[1]
    assert messages[2] == "input_data.class is \"c\"; expected 'a' or 'b'"


async def test_answers_are_mended_repaired_or_refused(
    database: str, aconnection: Connection
) -> None:
    """Numbers are clamped and told, a wrong answer is sent back once, a refusal is an error."""
    await write(aconnection)
    async with at_work(database) as (server, _):
        server.script = deque([provider.hostile(stars=99)])
        [clamped] = await insert(aconnection, "haiku", topic="a")
        await becomes(aconnection, clamped, "completed")
        answer = await result(aconnection, clamped)
        assert answer["stars"] == 5
        assert answer["data_warnings"] == ["answer_mended: stars: clamped to 5"]

        server.script = deque([provider.text("{}")])
        [repaired] = await insert(aconnection, "haiku", topic="b")
        await becomes(aconnection, repaired, "completed")
        assert server.count() == 3

        server.script = deque([provider.refusal()])
        [refused] = await insert(aconnection, "haiku", topic="c")
        row = await becomes(aconnection, refused, "failed")
        assert row["error"]["code"] == "provider_refused"


async def test_a_bad_row_takes_out_that_agent_alone(
    database: str, aconnection: Connection
) -> None:
    """The reason stands on the row and in the request's error; mended, it works at once."""
    async with at_work(database) as (_, daemon):
        await write(aconnection, output_schema={"properties": {"a": {"type": "strin"}}})
        await write(aconnection, "poem")
        [broken] = await insert(aconnection, "haiku", topic="x")
        [fine] = await insert(aconnection, "poem", topic="x")
        [other] = await insert(aconnection, "test_echo")
        row = await becomes(aconnection, broken, "failed")
        assert row["error"]["code"] == "agent_misconfigured"
        assert "output_schema.properties.a.type is 'strin'" in row["error"]["message"]
        await becomes(aconnection, fine, "completed")
        await becomes(aconnection, other, "completed")
        cursor = await aconnection.execute(
            "SELECT status, problem FROM ai_agents WHERE type IN ('haiku', 'poem') ORDER BY type"
        )
        (status, problem), healthy = await cursor.fetchall()
        assert (status, problem.split(" is ")[0]) == (
            "error",
            "config: output_schema.properties.a.type",
        )
        assert healthy == ("active", None)

        await rewrite(aconnection)
        await aconnection.execute("SELECT ai_retry(%s)", (broken,))
        row = await becomes(aconnection, broken, "completed")
        assert row["agent_version"] == 2
        assert daemon.registry.state("haiku") is not None


async def test_a_disabled_or_archived_row_refuses(database: str, aconnection: Connection) -> None:
    """Switched off: agent_disabled; archived: the type is unknown again."""
    await write(aconnection)
    async with at_work(database) as (_, daemon):
        for column, code in (
            ("enabled = false", "agent_disabled"),
            ("archived_at = now()", "unknown_task_type"),
        ):
            configured = daemon.signals.expect("configured")
            await aconnection.execute(f"UPDATE ai_agents SET {column} WHERE type = 'haiku'")
            await configured
            [request_id] = await insert(aconnection, "haiku", topic="x")
            row = await becomes(aconnection, request_id, "failed")
            assert row["error"]["code"] == code


async def test_views_are_read_only_once_and_only_allowed_ones(
    database: str, aconnection: Connection
) -> None:
    """A view of the list reaches the model as data; any other makes the row unusable."""
    await write(aconnection, views=["ai_queue_depth", "ai_agent_performance", "ai_cost_daily"])
    await write(aconnection, "spy", views=["ai_requests"])
    async with at_work(database) as (server, _):
        [request_id] = await insert(aconnection, "haiku", topic="queue")
        await becomes(aconnection, request_id, "completed")
        [spied] = await insert(aconnection, "spy", topic="x")
        row = await becomes(aconnection, spied, "failed")
        assert "ai_queue_depth" in row["error"]["message"]
        assert '"task_type":"test_echo"' in server.calls[0].body["messages"][1]["content"]
    kept = "SELECT count(*) FROM ai_steps WHERE request_id = %s AND name LIKE 'view:%%'"
    assert await count(aconnection, kept, request_id) == 3


async def test_limits_and_budgets_hold(database: str, aconnection: Connection) -> None:
    """max_usd of the row is met before any call; the request fails as it wishes."""
    await write(aconnection, max_usd="0.00000001", on_unavailable="fail")
    await write(aconnection, "tight", limits={"max_calls": 1, "max_input_bytes": 40})
    async with at_work(database) as (server, _):
        [poor] = await insert(aconnection, "haiku", topic="x")
        row = await becomes(aconnection, poor, "failed")
        assert row["error"]["code"] == "budget_exhausted"
        [long] = await insert(aconnection, "tight", topic="x", filler="y" * 40)
        row = await becomes(aconnection, long, "failed")
        assert row["error"]["code"] == "input_too_large"
        assert server.count() == 0

        server.script = deque([provider.text("{}")])
        [once] = await insert(aconnection, "tight", topic="x")
        row = await becomes(aconnection, once, "failed")
        assert row["error"]["code"] == "provider_unavailable"  # and no call is left for a repair
        assert (server.count(), row["cost_usd"] > 0) == (1, True)


async def test_without_a_model_it_waits_or_fails(database: str, aconnection: Connection) -> None:
    """No model: the request waits in the queue, unless it wished to fail."""
    await write(aconnection)
    async with at_work(database, openai_base_url=None):
        cursor = await aconnection.execute(
            "INSERT INTO ai_requests (task_type, input_data, on_unavailable)"
            " VALUES ('haiku', '{\"topic\": \"x\"}', 'fail') RETURNING id"
        )
        row = await cursor.fetchone()
        assert row is not None
        failed = await becomes(aconnection, row[0], "failed")
        assert failed["error"]["code"] == "provider_unavailable"
    assert await count(aconnection, "SELECT count(*) FROM ai_llm_calls") == 0


async def test_what_waits_for_money_goes_on_when_there_is_some(
    database: str, aconnection: Connection
) -> None:
    """A request that was put off until its budget renews is answered once an admin raises it."""
    await write(aconnection)
    await aconnection.execute(
        "INSERT INTO ai_budgets (scope, period, limit_usd)"
        " VALUES ('agent:haiku', 'month', 0), ('global', 'day', 0)"
    )
    raised = "UPDATE ai_budgets SET limit_usd = 1 WHERE scope = %s"
    async with at_work(database) as (server, daemon):
        [waiting] = await insert(aconnection, "haiku", topic="rain")

        async def put_off(scope: str) -> Any:
            row = await request(aconnection, waiting)
            budget = (row["error"] or {}).get("budget") or {}
            return row["status"] == "pending" and budget.get("scope") == scope

        # The one that renews last is named first.
        await eventually(lambda: put_off("agent:haiku"))
        await daemon.upkeep.afford()
        assert await put_off("agent:haiku")
        await aconnection.execute(raised, ("agent:haiku",))
        await daemon.upkeep.afford()
        await eventually(lambda: put_off("global"))
        assert server.count() == 0
        await aconnection.execute(raised, ("global",))
        await daemon.upkeep.afford()
        assert (await becomes(aconnection, waiting, "completed"))["error"] is None


async def test_a_row_without_its_kind_says_so(database: str, aconnection: Connection) -> None:
    """Who forgets the kind is told, instead of waiting for a daemon that has code for the type;
    of a row that may be another daemon's nothing is said."""
    kindless = {key: value for key, value in HAIKU.items() if key != "kind"}
    await aconnection.execute(
        "INSERT INTO ai_agents (name, type, config)"
        " VALUES ('Haiku', 'haiku', %s), ('Other', 'other', '{}')",
        (json.dumps(kindless),),
    )
    async with at_work(database):
        [asked] = await insert(aconnection, "haiku", topic="rain")
        row = await becomes(aconnection, asked, "failed")
        assert row["error"]["code"] == "agent_misconfigured"
        told = "SELECT count(*) FROM ai_agents WHERE problem LIKE 'config.kind is missing: %%'"
        assert await count(aconnection, told) == 1
        await rewrite(aconnection)
        [asked] = await insert(aconnection, "haiku", topic="rain")
        await becomes(aconnection, asked, "completed")
        assert await count(aconnection, told) == 0


async def test_nobody_is_advised_to_do_without_what_an_agent_needs(
    database: str, aconnection: Connection
) -> None:
    """An agent that has no answer of its own fails without a model, whatever is wished."""
    await write(aconnection)
    async with at_work(database, openai_base_url=None):
        for wish in ("fail", "degrade"):
            cursor = await aconnection.execute(
                "INSERT INTO ai_requests (task_type, input_data, on_unavailable)"
                " VALUES ('haiku', '{\"topic\": \"rain\"}', %s) RETURNING id",
                (wish,),
            )
            [[asked]] = await cursor.fetchall()
            error = (await becomes(aconnection, asked, "failed"))["error"]
            assert "OPENAI_API_KEY" in error["hint"] and "degrade" not in error["hint"]
