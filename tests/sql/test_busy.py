"""Migrating a full database while the main app works on it: what is held, and for how long."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa

from daemon import migrate
from tests.kit.signals import until
from tests.sql.busy import (
    HABITS,
    OLDER,
    Habitual,
    Held,
    complaints,
    fill,
    growing,
    held_locks,
    older,
)

REQUESTS = 20_000
WAITING = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'ai_audit_log'::regclass AND NOT granted"
    " AND mode = 'AccessExclusiveLock'"
)
BLOCKED = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'ai_workout_plans'::regclass AND NOT granted"
)


def test_no_lock_grows_with_the_rows(empty_database: str) -> None:
    """From the adoption on, no migration reads through a table while it holds it against the app:
    what the app waits for takes no longer on a million rows."""
    older(empty_database, REQUESTS)
    full = set(OLDER)
    held: Held = {}
    for revision in ("0002_functions", "0005_scheduling", "0008_feedback", migrate.head()):
        with held_locks(held):
            migrate.upgrade(empty_database, to=revision)
        fill(empty_database, REQUESTS, full)
    assert held.keys() >= {"0002_functions", "0006_for_each", "0009_code", "0011_access"}
    assert growing(held, [name for name in held if name > "0002_functions"]) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE ai_requests ADD CONSTRAINT few CHECK (attempt < 1000)",
        "CREATE INDEX later ON ai_requests (requested_by)",
    ],
)
def test_a_lock_that_grows_is_found(database: str, change: str) -> None:
    """A change that reads through a table while it holds it against the app is seen as such."""
    fill(database, REQUESTS, set(OLDER))
    held: Held = {}
    engine = sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with held_locks(held), engine.begin() as connection:
        connection.exec_driver_sql(change)
    engine.dispose()
    found = growing(held, [migrate.head()])
    assert {(table, rows >= REQUESTS) for _, table, _, rows in found} == {("ai_requests", True)}


def test_an_app_that_waits_says_so(database: str) -> None:
    """Whoever is kept waiting counts for as long as that was, and longer than a second is told;
    nobody else is slowed down, and all that the app does was done."""
    with psycopg.connect(database) as blocker, Habitual(database) as app:
        until(lambda: not app.never, what="everything was done once")
        app.reset()
        blocker.execute("LOCK TABLE ai_workout_plans IN ACCESS EXCLUSIVE MODE")
        until(lambda: blocker.execute(BLOCKED).fetchone() == (1,), what="the app waits")
        began = time.monotonic()
        others = app.done.total() + 3 * len(HABITS)
        until(lambda: app.done.total() > others, what="the others go on")
        waited_ms = 1000 * (time.monotonic() - began)
        blocker.rollback()
        until(lambda: app.slowest_ms["reads plans"] > 0, what="it came through")
    assert app.slowest_ms["reads plans"] >= waited_ms
    assert complaints(app) == []
    app.worst_ms = 1001.0
    assert complaints(app) == ["waited for 1001 ms"]


def test_an_app_that_did_nothing_says_so(database: str) -> None:
    """What the app could not do even once is told, with its errors."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE ai_workout_plans CASCADE")
        connection.execute("ALTER TABLE ai_agents RENAME COLUMN status TO state")
    with Habitual(database) as app:
        until(lambda: app.errors and len(app.never) == 2, what="all others were done")
    said = complaints(app)
    assert said[-2:] == ["reads plans: never done", "reads agents: never done"]
    assert said[0].startswith('reads agents: column "status" does not exist')


def test_the_app_passes_a_waiting_migration(database: str) -> None:
    """While a migration waits for somebody's long transaction, the app's statements, which wait
    behind it, come through again and again."""
    migrate.downgrade(database, "0010_upkeep")
    with (
        psycopg.connect(database) as report,
        psycopg.connect(database, autocommit=True) as app,
        ThreadPoolExecutor(1) as pool,
    ):
        report.execute("LOCK TABLE ai_audit_log IN ACCESS SHARE MODE")
        migrated = pool.submit(migrate.upgrade, database)
        for _ in range(2):
            until(lambda: app.execute(WAITING).fetchone() == (1,), what="the migration waits")
            app.execute(
                "INSERT INTO ai_audit_log (actor, channel, action, target)"
                " VALUES ('user:1', 'sql', 'look', 'x')"
            )
            assert not migrated.done()
        report.rollback()
        assert migrated.result(timeout=60).after == migrate.head()
