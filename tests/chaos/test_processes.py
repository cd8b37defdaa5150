"""Workers that die, freeze, hang or are told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon.demo.model_server import ModelServer
from tests.chaos.agents import CATALOG
from tests.chaos.begun import SLOTS, too_many_at_once
from tests.chaos.invariants import violations
from tests.chaos.nursery import forked
from tests.kit.process import DaemonProcess
from tests.kit.provider import hang, honest
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, request, running

Connection = psycopg.AsyncConnection[Any]
MODEL = "gpt-4o-mini"
BACKLOG = 4000
UNENDED = "SELECT count(*) FROM ai_requests WHERE finished_at IS NULL"
HOLDERS = (
    "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted"
    " AND a.datname = current_database() AND a.application_name LIKE '%%/listener'"
)


def daemon_on(database: str, **env: str) -> DaemonProcess:
    """A daemon of its own with the fault agents, which does not poll."""
    program = (sys.executable, "-m", "tests.chaos.child")
    return DaemonProcess(
        {"DATABASE_URL": database, "POLL_SECONDS": "3600", **env}, (), program=program
    )


async def lapse(connection: Connection) -> None:
    """As if a lease time had passed for those who do not renew."""
    await connection.execute("UPDATE ai_leases SET expires_at = now() - interval '1 second'")


async def test_killed_between_commit_and_reply(
    watched: str, aconnection: Connection, models: ModelServer, tmp_path: Path
) -> None:
    """A worker killed when its result is committed and nobody was told: one result, no second
    attempt."""
    [request_id] = await insert(aconnection, "chaos_labour")
    trace = tmp_path / "trace"
    env = {"CHAOS_TRACE": str(trace), "CHAOS_DIE_AFTER": "commit<"}
    with forked(watched, tmp_path / "output", **env) as process:
        await asyncio.to_thread(process.join, 30)
        assert process.exitcode == -9
    await becomes(aconnection, request_id, "completed")
    async with running(watched, CATALOG) as daemon:
        await daemon.upkeep.reap()
        [after] = await insert(aconnection, "chaos_labour")
        await becomes(aconnection, after, "completed")
        row = await request(aconnection, request_id)
        assert (row["status"], row["attempt"], row["fence"]) == ("completed", 1, 1)
    assert violations(watched) == []


async def test_killed_in_a_backlog_of_short_attempts(
    watched: str, aconnection: Connection, tmp_path: Path
) -> None:
    """kill -9 while requests wait in the worker for their slots: each of all is answered once, and
    what had not begun has lost nothing but its lease."""
    await aconnection.execute(
        "INSERT INTO ai_control (task_type, concurrency) VALUES ('*', 1000), ('test_echo', 1000)"
        " ON CONFLICT (task_type) DO UPDATE SET concurrency = excluded.concurrency"
    )
    begun = tmp_path / "begun"
    env = {"CHAOS_BEGUN": str(begun), "WORKER_CONCURRENCY": str(SLOTS), "POLL_SECONDS": "3600"}
    with forked(watched, tmp_path / "output", **env) as process:
        await insert(aconnection, "test_echo", BACKLOG, text="a")
        ahead: set[tuple[int, int]] = set()
        while not ahead:
            await eventually(lambda: begun.exists() and begun.stat().st_size, 30, what="it works")
            await asyncio.sleep(0.01)
            os.kill(process.pid or 0, signal.SIGSTOP)
            cursor = await aconnection.execute(
                "SELECT id, fence FROM ai_requests WHERE status = 'running'"
            )
            lines = [line.split() for line in begun.read_text().splitlines()]
            ahead = set(await cursor.fetchall()) - {(int(i), int(f)) for i, f, _ in lines}
            assert await count(aconnection, UNENDED) > 0, "the backlog was too short"
            os.kill(process.pid or 0, signal.SIGKILL if ahead else signal.SIGCONT)
        await asyncio.to_thread(process.join, 30)
    assert too_many_at_once(begun) == []
    await lapse(aconnection)
    async with running(watched, CATALOG) as daemon:

        async def rescued() -> bool:
            await daemon.upkeep.reap()
            return await count(aconnection, UNENDED) == 0

        await eventually(rescued, 60, what="the others answer the rest")
    ends = "SELECT count(*) FROM ai_requests WHERE status = 'completed'"
    assert await count(aconnection, ends) == BACKLOG
    for request_id, fence in sorted(ahead)[:20]:
        row = await request(aconnection, request_id)
        assert (row["fence"], row["lost_count"]) == (fence + 1, 1)
    assert violations(watched) == []


async def test_killed_in_the_middle_of_a_model_call(
    watched: str, aconnection: Connection, models: ModelServer
) -> None:
    """kill -9 while the provider works: finished calls are replayed, the one under way is bought
    again and its first try shown as uncertain money."""
    models.script.extend([honest, hang])
    with daemon_on(watched, OPENAI_BASE_URL=models.url, OPENAI_MODEL=MODEL) as daemon:
        await daemon.await_event("ready", 30)
        [request_id] = await insert(aconnection, "chaos_labour", calls=3)
        await eventually(lambda: models.count() == 2, 30, what="the second call is under way")
        daemon.kill()
    await lapse(aconnection)
    async with running(watched, CATALOG, openai_base_url=models.url, openai_model=MODEL):
        row = await becomes(aconnection, request_id, "completed", 30)
    assert (row["mode"], row["attempt"]) == ("full", 2)
    assert models.count() == 4, "the first is replayed, the second asked again, the third new"
    states = "SELECT count(*) FROM ai_llm_calls WHERE status = %s"
    assert await count(aconnection, states, "done") == 3
    assert await count(aconnection, states, "uncertain") == 1
    assert violations(watched, calls=models.calls) == []


async def test_zombie_is_superseded_and_its_cost_kept(
    watched: str, aconnection: Connection, models: ModelServer
) -> None:
    """A worker stopped in the middle and continued when another has answered: the other's result
    stands, its own is superseded, kept with its cost on its attempt, and paid only once."""
    env = {"LEASE_SECONDS": "3", "OPENAI_BASE_URL": models.url, "OPENAI_MODEL": MODEL}
    with daemon_on(watched, **env) as zombie:
        await zombie.await_event("ready", 30)
        # It holds its event loop, so when it wakes up its answer comes before the bad news.
        [request_id] = await insert(
            aconnection, "chaos_deaf", calls=1, seconds=2.0, first_only=True
        )
        called = "SELECT count(*) FROM ai_llm_calls WHERE status = 'done'"
        await eventually(lambda: count(aconnection, called), 30, what="its call is paid")
        zombie.freeze()
        await lapse(aconnection)
        other = {"openai_base_url": models.url, "openai_model": MODEL}
        async with running(watched, CATALOG, **other):
            row = await becomes(aconnection, request_id, "completed", 30)
            zombie.thaw()
            told = await zombie.await_event("outcome_not_accepted", 30)
            assert told["verdict"] == "superseded"
        assert await request(aconnection, request_id) == row
        assert row["fence"] == 2
    cursor = await aconnection.execute(
        "SELECT outcome, cost_usd > 0, output -> 'fence' FROM ai_attempts ORDER BY fence"
    )
    assert await cursor.fetchall() == [("superseded", True, 1), ("completed", False, None)]
    assert models.count() == 1
    assert violations(watched, calls=models.calls) == []


async def test_frozen_sleeper_holds_up_nobody(watched: str, aconnection: Connection) -> None:
    """A worker stopped while it holds the doorbell: inserts commit at once, others serve them,
    and when it goes on it works again."""
    with daemon_on(watched) as sleeper:
        await sleeper.await_event("ready", 30)
        await eventually(lambda: count(aconnection, HOLDERS), what="it sleeps behind the bell")
        sleeper.freeze()
        async with running(watched, CATALOG, poll_seconds=FOREVER):
            await aconnection.execute("SET lock_timeout = '200ms'")
            for _ in range(5):
                [request_id] = await insert(aconnection, "test_echo")
                await becomes(aconnection, request_id, "completed")
        sleeper.thaw()
        [request_id] = await insert(aconnection, "test_echo")
        await becomes(aconnection, request_id, "completed", 30)
    assert violations(watched) == []


async def test_blocked_loop_keeps_its_work_and_recovers(
    watched: str, aconnection: Connection
) -> None:
    """An agent that holds the event loop for two lease times loses nothing, and neither do its
    neighbours; afterwards the worker answers as before."""
    with daemon_on(watched, LEASE_SECONDS="3") as blocked:
        await blocked.await_event("ready", 30)
        neighbours = await insert(aconnection, "chaos_labour", 3, seconds=1.0)
        [request_id] = await insert(aconnection, "chaos_deaf", seconds=6.0)
        await becomes(aconnection, request_id, "running")
        async with running(watched, {}, lease_seconds=3.0) as reaper:
            while (await request(aconnection, request_id))["status"] == "running":
                assert await reaper.upkeep.reap() == 0
                reaper.upkeep.sweep_soon()
                await reaper.upkeep.signals.expect("sweep")
        for one in [request_id, *neighbours]:
            row = await becomes(aconnection, one, "completed")
            assert (row["attempt"], row["lost_count"]) == (1, 0)
        [after] = await insert(aconnection, "test_echo")
        await becomes(aconnection, after, "completed")
    assert violations(watched) == []


async def test_work_of_a_dead_loop_moves_on(watched: str, aconnection: Connection) -> None:
    """A worker whose event loop never comes back ends itself with 70; another one answers."""
    with daemon_on(watched, LEASE_SECONDS="3", CHAOS_WEDGED_SECONDS="1") as stuck:
        await stuck.await_event("ready", 30)
        [request_id] = await insert(aconnection, "chaos_deaf", seconds=600.0, first_only=True)
        await becomes(aconnection, request_id, "running")
        assert await asyncio.to_thread(stuck.wait, 30) == 70
    async with running(watched, CATALOG, lease_seconds=3.0):
        row = await becomes(aconnection, request_id, "completed", 30)
    assert (row["attempt"], row["lost_count"]) == (2, 1)
    assert violations(watched) == []


async def test_drain_ends_graphs_at_a_step(watched: str, aconnection: Connection) -> None:
    """SIGTERM at full load: graphs stop at their next step, long before the time to drain is
    over, every attempt is given back, and another worker goes on."""
    with daemon_on(watched, WORKER_CONCURRENCY="20", DRAIN_SECONDS="600") as daemon:
        await daemon.await_event("ready", 30)
        ids = await insert(aconnection, "chaos_steps", 20, seconds=0.3)
        for request_id in ids:
            await becomes(aconnection, request_id, "running")
        daemon.terminate()
        assert await asyncio.to_thread(daemon.wait, 30) == 0
    for request_id in ids:
        row = await request(aconnection, request_id)
        assert (row["status"], row["attempt"], row["fence"]) == ("pending", 0, 1)
    await aconnection.execute(
        "UPDATE ai_requests SET input_data = '{\"seconds\": 0}' WHERE status = 'pending'"
    )
    async with running(watched, CATALOG):
        for request_id in ids:
            await becomes(aconnection, request_id, "completed", 30)
    assert violations(watched) == []


@pytest.mark.parametrize("task_type", ["test_stubborn", "chaos_thread"])
async def test_stop_does_not_wait_for_who_cannot_be_stopped(
    task_type: str, watched: str, aconnection: Connection
) -> None:
    """An agent that refuses to be cancelled, or computes in a thread that nobody can stop, does
    not keep the process alive beyond its drain."""
    with daemon_on(watched, DRAIN_SECONDS="1") as daemon:
        await daemon.await_event("ready", 30)
        [request_id] = await insert(aconnection, task_type, seconds=600.0)
        await becomes(aconnection, request_id, "running")
        daemon.terminate()
        assert await asyncio.to_thread(daemon.wait, 20) == 0
