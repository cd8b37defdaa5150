"""A client is forgotten: one call, every table, and nothing comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from aiohttp import web

from agents.catalog import AGENTS
from daemon import cli
from daemon.demo.gym import Options, load
from daemon.demo.model_server import ModelServer, compose
from tests.daemon.test_privacy import INPUTS, stored
from tests.kit.documents import catalogued
from tests.kit.http import SERVICE_KEY, calling
from tests.kit.model_agents import CATALOG
from tests.kit.signals import eventually
from tests.kit.worker import becomes, count, insert, running

Connection = psycopg.AsyncConnection[Any]
AS_OF = datetime(2026, 11, 20, 9, tzinfo=UTC)
CLIENT = 770_077
"""Of the sample gym's clients one gets this number: it occurs nowhere else."""
MARK, ILL = "Zebulonquartermain", "frobnitzitis"


async def echo(server: ModelServer, request: web.Request, body: Mapping[str, Any]) -> Any:
    """A model that puts the client's name into every sentence."""
    answer = json.dumps(compose(body)).replace("a ", f"a {MARK} ")
    return server.answer(request, body, answer)


async def forget(connection: Connection, client_id: int) -> dict[str, Any]:
    cursor = await connection.execute("SELECT ai_forget_client(%s, 'dpo')", [client_id])
    row = await cursor.fetchone()
    assert row is not None
    counts: dict[str, Any] = row[0]
    return counts


async def held(connection: Connection) -> list[str]:
    """The tables, but for the audit log, in which anything of the client's stands."""
    found = {
        table for text in (MARK, ILL, str(CLIENT)) for table in await stored(connection, text)
    }
    return sorted(found - {"ai_audit_log"})


async def all_end(connection: Connection) -> None:
    open_ = "SELECT count(*) FROM ai_requests WHERE finished_at IS NULL"

    async def none() -> bool:
        return not await count(connection, open_)

    await eventually(none, 60.0, what="all requests have ended")


def rename(database: str, truth_id: int) -> None:
    """One client's rows under a number and with words that occur nowhere else."""
    note = f" {MARK} has asthma and pain in the left knee, {ILL}."
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # foreign keys
        columns = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND column_name = 'client_id' AND table_name NOT LIKE 'ai\\_%'"
        ).fetchall()
        for (table,) in columns:
            connection.execute(
                f"UPDATE {table} SET client_id = %s WHERE client_id = %s".encode(),
                (CLIENT, truth_id),
            )
        connection.execute(
            "UPDATE clients SET id = %s, name = %s, medical_conditions = %s WHERE id = %s",
            (CLIENT, MARK, note, truth_id),
        )
        connection.execute("UPDATE sessions SET notes = %s WHERE client_id = %s", (note, CLIENT))


async def test_nothing_is_left_of_a_client(database: str, aconnection: Connection) -> None:
    """After every agent worked for a client, his words and his number are in no table of ours;
    what it cost still is, and another client's rows are as they were."""
    truth = load(database, clients=4, as_of=AS_OF, options=Options())
    other, chosen, *_ = sorted(truth.clients)
    rename(database, chosen)
    async with (
        ModelServer().running() as server,
        running(database, AGENTS, openai_base_url=server.url),
    ):
        given = {
            agent.type: {"as_of": AS_OF.isoformat(), **INPUTS.get(agent.type, {})}
            for agent in catalogued()
        }
        asked = [
            (await insert(aconnection, name, client_id=other, **data))[0]
            for name, data in given.items()
        ]
        await all_end(aconnection)
        server.script.extend([echo] * 60)
        for client_id in (CLIENT, str(CLIENT)):
            for name, data in given.items():
                asked += await insert(aconnection, name, client_id=client_id, wishes=MARK, **data)
        week = {"task": "week", "demand": [{"client_id": CLIENT, "sessions": 1}]}
        asked += await insert(aconnection, "scheduling", trainer_id=1, **week)
        [refused] = await insert(aconnection, "scheduling", client_id=CLIENT, as_of=MARK)
        await all_end(aconnection)
        await becomes(aconnection, refused, "failed")
        await aconnection.execute(
            "INSERT INTO ai_feedback (item_id, verdict, reason, given_by)"
            " VALUES (%s, 'helpful', %s, 'trainer:1'), (%s, 'incorrect', 'no', %s)",
            [f"{asked[-2]}-1", MARK, str(asked[0]), f"client:{CLIENT}"],
        )
        await aconnection.execute(
            "INSERT INTO ai_schedules (name, task_type, trigger, input_data, enabled)"
            " VALUES ('monthly', 'client_review', '0 6 1 * *', %s, false),"
            " ('other', 'client_review', '0 6 1 * *', %s, false)",
            [json.dumps({"client_id": CLIENT, "note": MARK}), json.dumps({"client_id": other})],
        )
    where = await held(aconnection)
    assert {"ai_requests", "ai_results", "ai_llm_calls", "ai_feedback", "ai_schedules"} <= {*where}
    money = "SELECT round(sum(cost_usd) * 100000000) FROM ai_llm_calls"
    of_other = "SELECT count(*) FROM ai_results WHERE result @? '$.**.client_id ? (@ == %s)'"
    before = (await count(aconnection, money), await count(aconnection, of_other % other))
    # A request that went long ago is found by the rows that outlived it.
    for table, column in (("ai_requests", "id"), ("ai_results", "request_id")):
        await aconnection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT request_id FROM ai_workout_plans"
            " WHERE client_id = %s ORDER BY request_id LIMIT 1)".encode(),
            [CLIENT],
        )
    counts = await forget(aconnection, CLIENT)
    assert counts["ai_requests"] > 2 * 3
    assert counts["ai_schedules"] == 1
    assert counts["ai_llm_calls"] > 0
    assert await held(aconnection) == []
    assert (await count(aconnection, money), await count(aconnection, of_other % other)) == before
    again = await forget(aconnection, CLIENT)
    assert {table for table, rows in again.items() if rows} == set()
    cursor = await aconnection.execute(
        "SELECT actor, target, after FROM ai_audit_log WHERE action = 'forget_client' ORDER BY id"
    )
    assert await cursor.fetchall() == [
        ("dpo", f"client:{CLIENT}", counts),
        ("dpo", f"client:{CLIENT}", again),
    ]
    cursor = await aconnection.execute("SELECT * FROM ai_budget_check")
    assert [row for row in await cursor.fetchall() if any(row[2:])] == []


async def test_a_late_answer_is_not_written(database: str, aconnection: Connection) -> None:
    """A model call under way, and its attempt, end after their client was forgotten: the cost is
    noted, no word is, and the daemon goes on."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(server: ModelServer, request: web.Request, body: Mapping[str, Any]) -> Any:
        asked.set()
        await go.wait()
        return await echo(server, request, body)

    async with (
        ModelServer().running() as server,
        running(database, CATALOG, openai_base_url=server.url) as daemon,
    ):
        server.script.append(slow)
        [request_id] = await insert(aconnection, "test_writer", client_id=CLIENT, topic=MARK)
        await asyncio.wait_for(asked.wait(), 20.0)
        lost = daemon.leases.signals.expect("lost", 20.0)
        counts = await forget(aconnection, CLIENT)
        assert (counts["ai_requests"], counts["ai_attempts"]) == (1, 1)
        await lost
        go.set()
        [after] = await insert(aconnection, "test_writer", topic="another")
        await becomes(aconnection, after, "completed", 30.0)
    cursor = await aconnection.execute(
        "SELECT status, response, prompt FROM ai_llm_calls WHERE request_id = %s", [request_id]
    )
    [(_, response, prompt)] = await cursor.fetchall()
    assert (response, prompt) == (None, None)
    assert await held(aconnection) == []


async def test_the_call_that_ends_without_its_request(
    database: str, aconnection: Connection
) -> None:
    """Words of an answer that comes when its request has gone are not kept, its cost is."""
    async with (
        ModelServer().running() as server,
        running(database, CATALOG, openai_base_url=server.url),
    ):

        async def forgotten(server: ModelServer, request: web.Request, body: Any) -> Any:
            async with await psycopg.AsyncConnection.connect(
                database, autocommit=True
            ) as connection:
                await forget(connection, CLIENT)
            return await echo(server, request, body)

        server.script.append(forgotten)
        [request_id] = await insert(aconnection, "test_writer", client_id=CLIENT, topic=MARK)
        settled = "SELECT count(*) FROM ai_llm_calls WHERE request_id = %s AND status <> 'started'"
        await eventually(
            lambda: count(aconnection, settled, request_id), 20.0, what="the call is settled"
        )
    cursor = await aconnection.execute(
        "SELECT status, cost_usd > 0, response, prompt FROM ai_llm_calls"
    )
    assert await cursor.fetchall() == [("done", True, None, None)]
    assert await held(aconnection) == []
    assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 0


async def test_whoever_waits_for_it_is_told(database: str, aconnection: Connection) -> None:
    """A caller of the API whose request goes with its client hears that it was cancelled, at once;
    the same question afterwards is a new one."""
    question = {"task_type": "test_writer", "input_data": {"client_id": CLIENT}}
    await aconnection.execute(
        "INSERT INTO ai_control (task_type, paused) VALUES ('test_writer', true)"
    )
    async with (
        running(database, CATALOG, main_app_api_key=SERVICE_KEY) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):
        waiting = asyncio.create_task(app.post("/api/execute", **question))
        there = "SELECT count(*) FROM ai_requests"
        await eventually(lambda: count(aconnection, there), 20.0, what="the request is there")
        await forget(aconnection, CLIENT)
        answer = await waiting
        assert (answer.status, answer.body["code"]) == (409, "cancelled")
        again = await app.post("/api/execute", **question, wait_seconds=0)
        assert again.status == 202
        assert again.body["request_id"] != answer.body["request_id"]
        assert await count(aconnection, there) == 1


def test_the_command(
    database: str,
    connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    """`forget 7` prints the rows per table, and is a line of the audit log."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.delenv("DATABASE_UNPOOLED_URL", raising=False)
    connection.execute(
        "INSERT INTO ai_requests (task_type, input_data, requested_by, idempotency_key)"
        " VALUES ('work', '{\"client_id\": \" 7 \"}', 'trainer:1', 'a'),"
        " ('work', '{\"client_ids\": [3, 7]}', NULL, 'b'), ('work', '{}', ' Client:7', 'c'),"
        " ('work', '{\"client_id\": 77}', 'client:17', 'd')"
    )
    assert cli.main(["forget", "7", "--actor", "dpo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ai_requests"] == 3
    kept = connection.execute("SELECT idempotency_key FROM ai_requests").fetchall()
    assert kept == [("d",)]
    assert cli.main(["forget", "7"]) == 0
    assert "0  ai_requests" in capsys.readouterr().out
    noted = connection.execute(
        "SELECT actor, channel, origin <> '' FROM ai_audit_log ORDER BY id LIMIT 1"
    ).fetchone()
    assert noted == ("dpo", "cli", True)
    for wrong in ("0", "seven", "99999999999999999999"):
        with pytest.raises(SystemExit) as end:
            cli.main(["forget", wrong])
        assert end.value.code == 64


def test_somebody_holds_a_row(database: str, connection: psycopg.Connection[Any]) -> None:
    """A row that somebody holds is not waited for without end, and then nothing is erased."""
    connection.execute(
        "INSERT INTO ai_requests (task_type, input_data) VALUES ('work', '{\"client_id\": 7}')"
    )
    connection.execute("INSERT INTO ai_feedback (given_by, reason) VALUES ('client:7', 'x')")
    with psycopg.connect(database) as holder:
        holder.execute("SELECT * FROM ai_requests FOR UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("SELECT ai_forget_client(7)")
    assert connection.execute("SELECT count(*) FROM ai_feedback").fetchone() == (1,)
    for wrong in ("0", "NULL"):
        with pytest.raises(psycopg.errors.RaiseException):
            connection.execute(f"SELECT ai_forget_client({wrong})".encode())
