"""From an INSERT to the answer, by the whole daemon in one process."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, request, running

Connection = psycopg.AsyncConnection[Any]


async def test_insert_is_answered_without_polling(database: str, aconnection: Connection) -> None:
    """A plain INSERT, without NOTIFY and without the poll, is answered."""
    async with running(database, poll_seconds=FOREVER):
        [request_id] = await insert(aconnection, "test_echo", text="hello")
        row = await becomes(aconnection, request_id, "completed")
        assert row["mode"] == "deterministic"
        cursor = await aconnection.execute(
            "SELECT result ->> 'said' FROM ai_results WHERE request_id = %s", (request_id,)
        )
        assert await cursor.fetchone() == ("hello",)


async def test_each_sleep_is_interrupted(database: str, aconnection: Connection) -> None:
    """However often the daemon falls asleep, the next INSERT wakes it, with no poll to help."""
    async with running(database, poll_seconds=FOREVER):
        for _ in range(30):
            [request_id] = await insert(aconnection, "test_echo")
            await becomes(aconnection, request_id, "completed", 5.0)


async def test_insert_racing_with_sleep_is_not_missed(
    database: str, aconnection: Connection
) -> None:
    """Requests committed while the daemon lies down are found, with no poll to help."""
    async with running(database, poll_seconds=FOREVER) as daemon:
        for _ in range(30):
            up = daemon.listener.signals.expect("lying")
            await daemon.listener.get_up()
            daemon.listener.wake.set()
            inserting = asyncio.create_task(insert(aconnection, "test_echo", 3))
            await up
            for request_id in await inserting:
                await becomes(aconnection, request_id, "completed", 5.0)


async def test_rolled_back_insert_is_never_seen(database: str, aconnection: Connection) -> None:
    """What the app rolls back leaves no attempt."""
    async with running(database):
        async with await psycopg.AsyncConnection.connect(database) as app:
            await insert(app, "test_echo")
            await app.rollback()
        [request_id] = await insert(aconnection, "test_echo")
        await becomes(aconnection, request_id, "completed")
        assert await count(aconnection, "SELECT count(*) FROM ai_attempts") == 1


async def test_later_run_after_is_kept(database: str, aconnection: Connection) -> None:
    """A request with a later run_after starts when it is due, with no poll to help."""
    async with running(database, poll_seconds=FOREVER):
        cursor = await aconnection.execute(
            "INSERT INTO ai_requests (task_type, run_after)"
            " VALUES ('test_echo', clock_timestamp() + interval '1.5 seconds') RETURNING id"
        )
        found = await cursor.fetchone()
        assert found is not None
        row = await becomes(aconnection, found[0], "completed")
        assert row["started_at"] >= row["run_after"]


async def test_request_for_later_beside_one_for_now(
    database: str, aconnection: Connection
) -> None:
    """What is due in a moment is not forgotten over what came with it and was due at once."""
    async with running(database, poll_seconds=FOREVER):
        cursor = await aconnection.execute(
            "INSERT INTO ai_requests (task_type, run_after) VALUES ('test_echo', now()),"
            " ('test_echo', now() + interval '1 second') RETURNING id"
        )
        for (request_id,) in await cursor.fetchall():
            await becomes(aconnection, request_id, "completed")


async def test_slot_that_becomes_free_while_getting_up(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that ends while the doorbell is given back makes the next one start."""
    async with running(database, poll_seconds=FOREVER, worker_concurrency=1) as daemon:
        get_up = daemon.listener.get_up

        async def slowly() -> None:
            await get_up()
            await eventually(lambda: not daemon.vitals.running(), what="the attempt has ended")

        monkeypatch.setattr(daemon.listener, "get_up", slowly)
        for request_id in await insert(aconnection, "test_echo", 3):
            await becomes(aconnection, request_id, "completed")


async def test_unknown_type_fails_at_once(database: str, aconnection: Connection) -> None:
    """An unknown task type is failed with a hint, without an attempt and without the poll."""
    async with running(database, poll_seconds=FOREVER):
        [request_id] = await insert(aconnection, "test_ecko")
        row = await becomes(aconnection, request_id, "failed", 3.0)
        assert row["error"]["code"] == "unknown_task_type"
        assert "test_echo" in row["error"]["message"]
        assert (row["attempt"], row["fence"]) == (0, 0)


async def test_nonsense_behind_a_long_wait_fails_at_once(
    database: str, aconnection: Connection
) -> None:
    """However many good requests of a paused agent stand before it, nonsense is told at once."""
    async with running(database, poll_seconds=FOREVER):
        await aconnection.execute("UPDATE ai_control SET paused = true")
        async with aconnection.transaction():
            await insert(aconnection, "test_echo", 2000)
            [request_id] = await insert(aconnection, "nonsense")
        await becomes(aconnection, request_id, "failed")


async def test_nonsense_that_is_held_is_left_alone(database: str, aconnection: Connection) -> None:
    """Intake does not run in circles over a request that somebody holds."""
    [request_id] = await insert(aconnection, "nonsense")
    async with await psycopg.AsyncConnection.connect(database) as app:
        await app.execute("SELECT FROM ai_requests WHERE id = %s FOR UPDATE", (request_id,))
        async with running(database, poll_seconds=FOREVER) as daemon:
            assert await daemon.intake.check_once() == 0
            await app.rollback()
            await insert(aconnection, "test_echo")
            await becomes(aconnection, request_id, "failed")


async def test_bad_input_is_told_while_every_slot_is_taken(
    database: str, aconnection: Connection
) -> None:
    """With every slot busy, nonsense is still refused."""
    async with running(database, poll_seconds=FOREVER, worker_concurrency=1, drain_seconds=0):
        [busy] = await insert(aconnection, "test_sleep", seconds=60)
        await becomes(aconnection, busy, "running")
        [request_id] = await insert(aconnection, "nonsense")
        await becomes(aconnection, request_id, "failed", 5.0)


async def test_slots_are_never_exceeded(database: str, aconnection: Connection) -> None:
    """WORKER_CONCURRENCY bounds what runs, and everything is answered in the end."""
    async with running(database, worker_concurrency=3) as daemon:
        ids = await insert(aconnection, "test_sleep", 12, seconds=0.05)
        most = 0
        while daemon.completer.signals.counts["flushed"] < 1 or daemon.vitals.running():
            most = max(most, daemon.vitals.running())
            await asyncio.sleep(0.005)
        for request_id in ids:
            await becomes(aconnection, request_id, "completed")
        assert most <= 3


async def test_cancel_of_a_running_request(database: str, aconnection: Connection) -> None:
    """A cancel stops a running request long before the next heartbeat."""
    async with running(database, poll_seconds=FOREVER, lease_seconds=600):
        [request_id] = await insert(aconnection, "test_sleep", seconds=60)
        await becomes(aconnection, request_id, "running")
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
        )
        await becomes(aconnection, request_id, "cancelled", 5.0)


async def test_cancel_that_nobody_heard(database: str, aconnection: Connection) -> None:
    """A cancel while the listening connection is away is learned as soon as there is one."""
    async with running(database, poll_seconds=FOREVER, lease_seconds=600) as daemon:
        [request_id] = await insert(aconnection, "test_sleep", seconds=60)
        await becomes(aconnection, request_id, "running")
        connect, cancelled = daemon.listener._connect, asyncio.Event()

        async def connect_later() -> Any:
            await cancelled.wait()
            return await connect()

        daemon.listener._connect = connect_later
        await aconnection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ai-daemon/%/listener' AND datname = current_database()"
        )
        await eventually(lambda: not daemon.listener.hearing, what="its connection is gone")
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
        )
        cancelled.set()
        await becomes(aconnection, request_id, "cancelled")


async def test_cancel_of_a_pending_request(database: str, aconnection: Connection) -> None:
    """A cancel of a request that waits ends it without an attempt."""
    async with running(database):
        cursor = await aconnection.execute(
            "INSERT INTO ai_requests (task_type, run_after)"
            " VALUES ('test_echo', now() + interval '1 hour') RETURNING id"
        )
        found = await cursor.fetchone()
        assert found is not None
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", found
        )
        row = await becomes(aconnection, found[0], "cancelled", 5.0)
        assert row["attempt"] == 0


async def test_failures_are_retried_and_then_final(database: str, aconnection: Connection) -> None:
    """An agent that always breaks is tried three times; the error names no client's data."""
    async with running(database):
        [request_id] = await insert(aconnection, "test_crash", text="error")

        async def exhausted() -> Any:
            # Backoff is not what is tested here.
            await aconnection.execute(
                "UPDATE ai_requests SET run_after = now() WHERE id = %s AND status = 'pending'",
                (request_id,),
            )
            await aconnection.execute("NOTIFY ai_requests")
            return (await request(aconnection, request_id))["status"] == "failed"

        await eventually(exhausted)
        row = await request(aconnection, request_id)
        assert row["attempt"] == 3
        assert row["error"]["code"] == "agent_error"
        assert "secret-of-a-client" not in str(row["error"])


async def test_hostile_agents_do_not_take_the_daemon_down(
    database: str, aconnection: Connection
) -> None:
    """sys.exit, endless recursion, a refusal to be cancelled cost an attempt, not the daemon."""
    async with running(database, drain_seconds=0):
        ids = [
            *(await insert(aconnection, "test_crash", text="exit")),
            *(await insert(aconnection, "test_crash", text="recurse")),
            *(await insert(aconnection, "test_stubborn", seconds=2)),
        ]

        async def tried() -> Any:
            return await count(aconnection, "SELECT count(*) FROM ai_attempts") >= len(ids)

        await eventually(tried)
        [last] = await insert(aconnection, "test_echo")
        await becomes(aconnection, last, "completed")


async def test_agent_switched_off_by_sql_refuses_at_once(
    database: str, aconnection: Connection
) -> None:
    """An edit of ai_agents counts without a restart."""
    async with running(database) as daemon:
        configured = daemon.signals.expect("configured")
        await aconnection.execute("UPDATE ai_agents SET enabled = false WHERE type = 'test_echo'")
        await configured
        [request_id] = await insert(aconnection, "test_echo")
        row = await becomes(aconnection, request_id, "failed")
        assert row["error"]["code"] == "agent_disabled"
