"""ai_system_health as states: when a row begins, when it is touched, whose word counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

START = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
Database = psycopg.Connection[Any]


def put(
    connection: Database,
    status: str,
    worst: str | None = None,
    *,
    minutes: float = 0,
    worker: str = "w1",
    component: str = "queue",
    request_id: int | None = None,
) -> int:
    state = {
        "component": component,
        "status": status,
        "message": f"it is {status}",
        "metrics": {"queue.depth": minutes},
        "worst_check": worst,
        "checks_total": 7,
        "checks_unknown": 1,
    }
    row = connection.execute(
        "SELECT ai_health_state_v1(%s, %s, %s, %s)",
        (json.dumps([state]), worker, request_id, START + timedelta(minutes=minutes)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def rows(connection: Database, columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {columns} FROM ai_system_health ORDER BY id".encode()
    ).fetchall()


def test_touched_while_it_stays(connection: Database) -> None:
    """A state that goes on is one row, with the newest values and the time it began."""
    assert put(connection, "healthy") == 1
    assert put(connection, "healthy", minutes=1) == 0
    assert put(connection, "healthy", minutes=2, request_id=7) == 0
    assert rows(connection, "since, checked_at, metrics, checks_unknown, request_id") == [
        (START, START + timedelta(minutes=2), {"queue.depth": 2}, 1, 7)
    ]


def test_new_when_it_changes(connection: Database) -> None:
    """Another status begins a row, and so does another worst check."""
    put(connection, "healthy")
    assert put(connection, "warning", "queue.depth", minutes=1) == 1
    assert put(connection, "warning", "queue.rejected", minutes=2) == 1
    assert put(connection, "healthy", minutes=3) == 1
    assert rows(connection, "status, worst_check, since") == [
        ("healthy", None, START),
        ("warning", "queue.depth", START + timedelta(minutes=1)),
        ("warning", "queue.rejected", START + timedelta(minutes=2)),
        ("healthy", None, START + timedelta(minutes=3)),
    ]


def test_new_on_the_hour(connection: Database) -> None:
    """Every hour has a row of its own, so that values can be followed; since stays."""
    put(connection, "healthy")
    assert put(connection, "healthy", minutes=49) == 0
    assert put(connection, "healthy", minutes=51) == 1
    assert rows(connection, "since") == [(START,), (START,)]


def test_the_worst_of_several_daemons_stands(connection: Database) -> None:
    """One daemon's trouble is not painted over by another one's health while it is fresh."""
    put(connection, "critical", "listener.canary", worker="w1")
    assert put(connection, "healthy", minutes=1, worker="w2") == 0
    assert rows(connection, "status, worker_id") == [("critical", "w1")]
    assert put(connection, "healthy", minutes=1.2, worker="w1") == 1
    put(connection, "critical", "listener.canary", minutes=2, worker="w1")
    assert put(connection, "healthy", minutes=4, worker="w2") == 1, "w1 has gone"


def test_two_daemons_do_not_flap(connection: Database) -> None:
    """Two that are as bad for different reasons are one state, not a row a minute each."""
    put(connection, "warning", "workers.loop_lag", worker="w1")
    for minute in range(1, 5):
        assert put(connection, "warning", "workers.memory", minutes=minute, worker="w2") == 0
        assert put(connection, "warning", "workers.loop_lag", minutes=minute, worker="w1") == 0
    assert len(rows(connection, "id")) == 1


def test_an_older_service_is_left_alone(connection: Database) -> None:
    """Rows that an older service wrote are neither continued nor changed."""
    connection.execute(
        "INSERT INTO ai_system_health (component, status, checked_at) VALUES ('queue', 'ok', %s)",
        (START,),
    )
    assert put(connection, "healthy", minutes=1) == 1
    assert rows(connection, "worker_id, checked_at") == [
        (None, START),
        ("w1", START + timedelta(minutes=1)),
    ]


def test_components_do_not_mix(connection: Database) -> None:
    """Each component has its own history."""
    put(connection, "warning", "queue.depth")
    assert put(connection, "healthy", minutes=1, component="agents") == 1
    assert rows(connection, "component, status") == [("queue", "warning"), ("agents", "healthy")]
