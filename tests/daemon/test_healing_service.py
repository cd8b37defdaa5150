"""Healing and alerts inside a running daemon."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from agents.health.checks import CheckResult
from daemon.commands.run import _exit_code
from daemon.errors import EXIT_TRY_AGAIN, RestartWanted
from daemon.service import Daemon
from tests.kit.agents import CATALOG
from tests.kit.receiver import receiver
from tests.kit.signals import eventually
from tests.kit.worker import count, running, settings

RULE = "SELECT count(*) FROM ai_healing_actions WHERE rule = %s AND outcome = 'done'"
BAD = CheckResult("queue.depth", "queue", "critical", 9000.0, "count", 500.0, 5000.0, "full")


async def healed(connection: psycopg.AsyncConnection[Any], rule: str) -> None:
    async def look() -> bool:
        return await count(connection, RULE, rule) == 1

    await eventually(look, what=f"{rule} is written down")


async def test_dead_listener_is_replaced(
    database: str, aconnection: psycopg.AsyncConnection[Any]
) -> None:
    """A killed listening connection hears again within seconds, and a row says so."""
    async with running(database) as daemon:
        await healed(aconnection, "set_guards")
        hearing = daemon.listener.signals.expect("hearing")
        await aconnection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ai-daemon/%/listener'"
        )
        await hearing
        await healed(aconnection, "restart_listener")


async def test_lost_lease_is_rescued_and_written_down(
    database: str, aconnection: psycopg.AsyncConnection[Any]
) -> None:
    """A request whose worker died is rescued, with healing off too, and a row says so."""
    async with running(database, enable_self_healing=False) as daemon:
        # Together, as the daemon would refuse what nobody answers.
        async with aconnection.transaction():
            await aconnection.execute("INSERT INTO ai_requests (task_type) VALUES ('absent')")
            await aconnection.execute(
                "UPDATE ai_requests SET status = 'running', fence = 1, started_at = now()"
            )
            await aconnection.execute(
                "INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id,"
                " expires_at)"
                " SELECT id, 1, 'absent', '', 'gone', now() - interval '1 min' FROM ai_requests"
            )
            await aconnection.execute(
                "INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)"
                " SELECT id, 1, 1, 'gone', now() FROM ai_requests"
            )
        await daemon.upkeep.reap()
        await healed(aconnection, "rescue_lease")


async def test_wanted_restart_ends_with_75(database: str) -> None:
    """A worker that wants a fresh process drains, and ends so that its supervisor starts one."""
    daemon = Daemon(settings(database), CATALOG)
    ready = daemon.signals.expect("ready", 30.0)
    task = asyncio.create_task(daemon.run())
    await ready
    daemon.restart("memory is used up")
    with pytest.raises(BaseExceptionGroup) as raised:
        await task
    assert raised.group_contains(RestartWanted, match="memory is used up")
    assert _exit_code(raised.value) == EXIT_TRY_AGAIN
    assert daemon.vitals.state == "draining"


async def test_trouble_reaches_the_webhook(
    database: str, aconnection: psycopg.AsyncConnection[Any]
) -> None:
    """What the health checks find three times in a row is delivered, and checked sooner."""
    async with (
        receiver() as takes,
        running(database, alert_webhook_url=takes.url, secret_key="k") as daemon,
    ):
        for _ in range(3):
            await daemon.alerts.round([BAD])
            await aconnection.execute(
                "UPDATE ai_alert_states SET sampled_at = now() - interval '1 minute'"
            )
        await aconnection.execute("UPDATE ai_alert_deliveries SET next_at = now()")
        await eventually(lambda: takes.came, what="the alert is delivered")
        assert takes.came[0].json["check"] == "queue.depth"


async def test_what_may_become_an_alert_is_checked_sooner(database: str) -> None:
    """A check with its first bad sample is due at once, whatever its pace."""
    async with running(database) as daemon:
        health = daemon.health
        await health.look()
        slow = "database.size"
        assert slow not in {result.check for result in await health.look()}
        health.attend({slow}, ())
        assert slow in {result.check for result in await health.look()}


async def test_deaf_listener_is_polled_around(database: str) -> None:
    """While notifications do not arrive the queue is looked at every two seconds at least."""
    async with running(database, poll_seconds=60.0) as daemon:
        claimer = daemon._claimer
        assert claimer is not None
        assert claimer._poll() == 60.0
        daemon.listener._hearing = False
        assert claimer._poll() == 2.0
