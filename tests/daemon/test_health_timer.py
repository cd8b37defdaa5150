"""A living daemon looks at itself: states, metrics, subscribers, requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from agents.catalog import AGENTS
from agents.health.checks import COMPONENTS, CheckResult, Status
from daemon.service import Daemon
from tests.daemon.health_world import unhurried
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import becomes, count, insert, running

CATALOG = {"health_check": AGENTS["health_check"]}
Connection = psycopg.AsyncConnection[Any]


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


async def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode())
        return await cursor.fetchall()


async def test_a_look(database: str, aconnection: Connection) -> None:
    """A look writes a state per component, sets the metrics and tells who subscribed."""
    told: list[Sequence[CheckResult]] = []

    async def hear(results: Sequence[CheckResult]) -> None:
        told.append(results)

    async with running(database, CATALOG) as daemon:
        assert daemon.health._lag._counts_from > 0, "what its start held up does not count"
        daemon.health.subscribers.append(hear)
        first = await daemon.health.look()
        second = await daemon.health.look()
        metrics = daemon.meters.expose().decode()
    assert [r.check for r in first if r.alarming] == []
    assert {r.component for r in first} == set(COMPONENTS)
    assert [r.check for r in second] == ["database.connect"], "nothing else is due yet"
    assert told == [first, second]
    states = await rows(aconnection, "SELECT * FROM ai_system_health ORDER BY id")
    assert [state["component"] for state in states] == list(COMPONENTS)
    assert {state["status"] for state in states} == {"healthy"}
    assert all(state["worker_id"] == daemon.worker_id for state in states)
    assert states[0]["metrics"]["database.bytes"] > 1e6
    assert 'ai_health_check_status{check="queue.depth",status="healthy"} 1.0' in metrics
    assert 'ai_health_check_value{check="queue.depth"} 0.0' in metrics
    assert "ai_pool_wait_seconds" in metrics


async def test_paces(database: str) -> None:
    """Each minute brings the checks of a minute, the others keep their own pace."""
    now = [1000.0]
    async with running(database, CATALOG) as daemon:
        daemon.health._monotonic = lambda: now[0]
        first = await daemon.health.look()
        now[0] += 58
        minute = {r.check for r in await daemon.health.look()}
        now[0] += 900
        quarter = {r.check for r in await daemon.health.look()}
    assert {"queue.depth", "listener.canary"} <= minute
    assert "database.size" not in minute
    assert {"queue.depth", "database.size"} <= quarter
    assert "database.duplicate_index" not in quarter
    assert len(first) > len(quarter) > len(minute)


async def test_away(database: str) -> None:
    """While the database is away the state is told from memory, and the daemon lives on."""
    with Proxy.before(database) as proxy:
        async with running(proxy.through(database), CATALOG) as daemon:
            await daemon.health.look()
            daemon.health._due.clear()
            proxy.refuse()
            results = {r.check: r for r in await daemon.health.look()}
            assert results["database.connect"].status == "critical"
            states = {state.component: state.status for state in daemon.health.states}
            assert states["database"] == "critical"
            assert len(daemon.health.latest) == len(results)
            proxy.forward()
            daemon.health._due.clear()

            async def back() -> bool:
                daemon.health._due.clear()
                fresh = {r.check: r.status for r in await daemon.health.look()}
                return fresh["database.connect"] == "healthy"

            await eventually(back, what="the database is seen again")


async def test_deaf(database: str) -> None:
    """A listener that hears nothing is found by its canary, although its session is there."""
    async with running(database, CATALOG) as daemon:
        await daemon.health.look()
        daemon.listener._heard_monotonic -= 60
        results = await daemon.health._checker.run({"listener.canary", "listener.sessions"})
        found = {r.check: r for r in results}
    assert found["listener.canary"].status == "critical"
    assert "DATABASE_UNPOOLED_URL" in found["listener.canary"].message
    assert found["listener.sessions"].status == "healthy"


async def test_our_sessions_killed(database: str, aconnection: Connection) -> None:
    """A daemon whose every session was killed finds its way back, and says so."""
    async with running(database, CATALOG) as daemon:
        await daemon.health.look()
        await aconnection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ai-daemon/%' AND datname = current_database()"
        )

        async def well() -> bool:
            daemon.health._due.clear()
            return not [r for r in await daemon.health.look() if r.alarming]

        await eventually(well, 20, what="all is well again")


async def test_a_request(database: str, aconnection: Connection) -> None:
    """On demand all checks run at once; thresholds of the request and of the config count."""
    async with running(database, CATALOG) as daemon:
        (plain,) = await insert(aconnection, "health_check")
        await becomes(aconnection, plain, "completed")
        await aconnection.execute(
            "UPDATE ai_agents SET config = %s WHERE type = 'health_check'",
            [json.dumps({"thresholds": {"database.connections": {"warning": 0}}})],
        )
        await daemon.signals.expect("configured", 10)
        (lasting,) = await insert(aconnection, "health_check", checks=["database.connections"])
        await becomes(aconnection, lasting, "completed")
        (once,) = await insert(
            aconnection, "health_check", thresholds={"queue.depth": {"critical": 0}}
        )
        await becomes(aconnection, once, "completed")
        results = await rows(aconnection, "SELECT request_id, mode, result FROM ai_results")
    found = {row["request_id"]: row["result"] for row in results}
    assert {row["mode"] for row in results} == {"deterministic"}
    assert found[plain]["status"] == "healthy"
    assert len(found[plain]["checks"]) > 50
    states = await rows(aconnection, "SELECT component, request_id FROM ai_system_health")
    assert {s["component"] for s in states} == set(COMPONENTS)
    lasting_checks = {c["check"]: c["status"] for c in found[lasting]["checks"]}
    assert lasting_checks == {"database.connect": "healthy", "database.connections": "warning"}
    once_checks = {c["check"]: c["status"] for c in found[once]["checks"]}
    assert once_checks["queue.depth"] == "critical"
    queue = await rows(
        aconnection, "SELECT status FROM ai_system_health WHERE component = 'queue'"
    )
    assert [row["status"] for row in queue] == ["healthy"], "bent limits make no state"


async def test_schedule(database: str, aconnection: Connection) -> None:
    """The agent comes with a schedule of five minutes, which stays away once it was deleted."""
    async with running(database, CATALOG):
        (row,) = await rows(aconnection, "SELECT * FROM ai_schedules")
        assert (row["task_type"], row["trigger"]) == ("health_check", "every 5 minutes")
        assert row["input_data"] == {"explain": False}
        await aconnection.execute("DELETE FROM ai_schedules")
    async with running(database, CATALOG):
        assert await count(aconnection, "SELECT count(*) FROM ai_schedules") == 0


async def test_a_value_that_is_no_more_is_not_shown(database: str) -> None:
    """Nobody waits for a lock any more, or nobody can see it: 45 seconds would be untrue."""
    blocked = CheckResult("database.blocked", "database", "critical", 45.0)
    async with running(database, CATALOG) as daemon:
        daemon.health._count([blocked])
        assert 'ai_health_check_value{check="database.blocked"} 45.0' in shown(daemon)
        statuses: tuple[Status, ...] = ("healthy", "unknown")
        for status in statuses:
            daemon.health._count([replace(blocked, status=status, value=None)])
            assert 'ai_health_check_value{check="database.blocked"}' not in shown(daemon)


def shown(daemon: Daemon) -> str:
    return daemon.meters.expose().decode()
