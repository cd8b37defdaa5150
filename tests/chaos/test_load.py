"""Floods, hogs, old snapshots and people who change their minds."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from daemon.service import Daemon
from tests.chaos.agents import CATALOG
from tests.chaos.invariants import violations
from tests.kit.process import DaemonProcess
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, request, running
from tests.sql.driver import Queue

Connection = psycopg.AsyncConnection[Any]
LOOKS_PER_SECOND = 20
LOOKS_BESIDES = 10
"""Until it is clear that rings lead to nothing, and for the request that comes in the end."""


def looks(daemon: Daemon) -> float:
    """How often it has looked for work so far."""
    return sum(
        sample.value
        for metric in daemon.meters.wakeups.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


async def test_flood_of_notifications(watched: str, aconnection: Connection, capsys: Any) -> None:
    """10,000 notifications, of the largest size, forged and malformed ones among them, lead to at
    most 20 looks at the queue a second, no sweep for each, no log of them, and work goes on."""
    payloads = [
        "",
        "x" * 7_999,
        '{"cancel": ',
        '{"cancel": "1; drop table"}',
        '{"cancel": 999999}',
        '{"cancel": 7',
        '{"id": 1, "status": "completed"}',
        "\u202e\x7f",
    ]
    async with running(watched, CATALOG, poll_seconds=FOREVER) as daemon:
        lines_before = len(capsys.readouterr().out.splitlines())
        began, looked, swept = (
            time.monotonic(),
            looks(daemon),
            daemon.upkeep.signals.counts["sweep"],
        )
        for start in range(0, 10_000, 100):
            await aconnection.execute(
                "SELECT pg_notify('ai_requests', left(p || n, 7999))"
                " FROM unnest(%s::text[]) WITH ORDINALITY AS u (p, n)",  # equal ones would be one
                ([payloads[(start + i) % len(payloads)] for i in range(100)],),
            )
        [request_id] = await insert(aconnection, "test_echo")
        await becomes(aconnection, request_id, "completed")
        seconds = time.monotonic() - began
        most = LOOKS_PER_SECOND * seconds + LOOKS_BESIDES
        assert looks(daemon) - looked <= most
        assert daemon.upkeep.signals.counts["sweep"] - swept <= LOOKS_PER_SECOND * seconds + 5
        assert lines_before + len(capsys.readouterr().out.splitlines()) < 40
    assert violations(watched) == []


async def test_readers_that_hold_every_connection(watched: str, aconnection: Connection) -> None:
    """Fifty slow reads take every reader's connection; claims, results and leases have their own
    and do not wait for a single one of them."""
    async with running(watched, CATALOG, lease_seconds=3.0) as daemon:
        held, over = [], asyncio.Event()

        async def read() -> None:
            async with daemon.database.reader.connection(timeout=300.0) as connection:
                held.append(connection)
                await over.wait()

        reads = [asyncio.create_task(read()) for _ in range(50)]
        await eventually(lambda: len(held) == 4, what="every reader is busy")
        ids = await insert(aconnection, "chaos_labour", 20)
        renewed = daemon.leases.signals.expect("renewed")
        for request_id in [*ids, *await insert(aconnection, "chaos_labour", seconds=1.5)]:
            await becomes(aconnection, request_id, "completed")
        await renewed
        assert len(held) == 4
        over.set()
        await asyncio.gather(*reads)
    assert violations(watched) == []


async def test_app_commits_late(watched: str, aconnection: Connection) -> None:
    """A request in a transaction that stays open is seen the moment it commits, although requests
    with later numbers were answered before, and with no poll to help."""
    async with running(watched, CATALOG, poll_seconds=FOREVER):
        async with await psycopg.AsyncConnection.connect(watched) as app:
            [late] = await insert(app, "test_echo")
            for _ in range(3):
                [request_id] = await insert(aconnection, "test_echo")
                await becomes(aconnection, request_id, "completed")
                assert request_id > late
            await app.commit()
        await becomes(aconnection, late, "completed")
    assert violations(watched) == []


async def test_cancel_races_completion(watched: str, aconnection: Connection) -> None:
    """Cancels that meet requests in every state: each request ends once, as completed or as
    cancelled, and only a completed one has a result; whoever is told of both is told the truth."""
    rng = random.Random(1)
    async with (
        await psycopg.AsyncConnection.connect(watched, autocommit=True) as canceller,
        running(watched, CATALOG, poll_seconds=FOREVER, worker_concurrency=8),
    ):
        cancelled = []
        for _ in range(60):
            [request_id] = await insert(
                aconnection, "chaos_labour", seconds=rng.choice([0.0, 0.0, 0.02, 30.0])
            )
            await asyncio.sleep(rng.random() * 0.03)
            await canceller.execute(
                "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
            )
            cancelled.append(request_id)
        ends = set()
        for request_id in cancelled:

            async def ended(one: int = request_id) -> Any:
                row = await request(aconnection, one)
                return row if row["finished_at"] else None

            ends.add((await eventually(ended))["status"])
        assert ends == {"completed", "cancelled"}
    assert violations(watched) == []


async def test_cancel_buys_nothing_more(
    watched: str, aconnection: Connection, models: Any
) -> None:
    """A cancel between two calls of an attempt: the next call is not made."""
    async with running(watched, CATALOG, openai_base_url=models.url, openai_model="gpt-4o-mini"):
        [request_id] = await insert(aconnection, "chaos_labour", calls=1, seconds=30.0)
        await eventually(models.count)
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
        )
        row = await becomes(aconnection, request_id, "cancelled")
        assert row["cost_usd"] > 0
    assert violations(watched, calls=models.calls) == []


async def test_input_of_fifty_megabytes(watched: str, aconnection: Connection) -> None:
    """A request of 50 MB is refused unread: an error that names both sizes, no attempt, and the
    daemon's memory does not grow by it."""
    program = (sys.executable, "-m", "tests.chaos.child")
    with DaemonProcess({"DATABASE_URL": watched}, (), program=program) as daemon:
        await daemon.await_event("ready", 30)
        [first] = await insert(aconnection, "test_echo")
        await becomes(aconnection, first, "completed")
        before = peak_kilobytes(daemon.pid)
        cursor = await aconnection.execute(
            "INSERT INTO ai_requests (task_type, input_data) VALUES"
            " ('test_echo', jsonb_build_object('text', repeat('x', 50000000))) RETURNING id"
        )
        row = await cursor.fetchone()
        assert row is not None
        refused = "SELECT error || jsonb_build_object('a', attempt) FROM ai_requests WHERE id = %s"
        await eventually(
            lambda: count(aconnection, "SELECT count(*) FROM ai_requests WHERE status = 'failed'")
        )
        cursor = await aconnection.execute(refused.encode(), row)
        [[error]] = await cursor.fetchall()
        assert (error["code"], error["a"]) == ("input_too_large", 0)
        assert len(json.dumps(error)) < 500
        assert peak_kilobytes(daemon.pid) - before < 20_000
    assert violations(watched) == []


def peak_kilobytes(pid: int) -> int:
    """The most memory a process ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_snapshot_that_is_held(database: str, connection: psycopg.Connection) -> None:
    """While somebody's old snapshot keeps every finished row in the index, a claim still finds the
    one live request behind them, at a price that grows with their number and not with its square.
    """
    queue, finished = Queue(connection), 3_000
    # Counted by autovacuum, so few rows would be read without an index, which is not the matter.
    connection.execute("ALTER TABLE ai_requests SET (autovacuum_enabled = false)")
    queue.control("*", concurrency=1_000)
    queue.control("work", concurrency=1_000)
    with psycopg.connect(database) as holder:
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT FROM ai_requests")
        queue.insert_many(finished)
        while claimed := queue.claim("w1", 500):
            for start in range(0, len(claimed), 100):
                queue.complete("w1", *(queue.end(row) for row in claimed[start : start + 100]))
        live = queue.insert()
        with connection.transaction():
            assert [row["id"] for row in queue.claim("w1")] == [live]
            blocks = queue.value(
                "SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class"
                " WHERE oid = 'ai_requests'::regclass OR oid IN (SELECT indexrelid"
                " FROM pg_index WHERE indrelid = 'ai_requests'::regclass)"
            )
        assert finished < blocks < 100 * finished
