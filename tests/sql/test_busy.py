"""Migrating a full database while the main app works on it: what is held, and for how long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from daemon import migrate
from tests.kit.signals import until
from tests.sql.busy import TABLES, fill, held_locks, older

REQUESTS = 20_000
WAITING = (
    "SELECT count(*) FROM pg_locks WHERE relation = 'ai_audit_log'::regclass AND NOT granted"
    " AND mode = 'AccessExclusiveLock'"
)


def test_no_lock_grows_with_the_rows(empty_database: str) -> None:
    """From the adoption on, no migration reads through a table while it holds it against the app:
    what the app waits for takes no longer on a million rows."""
    older(empty_database, REQUESTS)
    full = {"ai_system_health", "ai_code_suggestions", "ai_agent_executions"}
    held: dict[str, list[tuple[str, str, int]]] = {}
    for revision in ("0002_functions", "0005_scheduling", "0008_feedback", migrate.head()):
        with held_locks(held):
            migrate.upgrade(empty_database, to=revision)
        fill(empty_database, REQUESTS, full)
    assert held.keys() >= {"0002_functions", "0006_for_each", "0009_code", "0011_access"}
    grows = [
        (revision, table, mode, rows)
        for revision, locks in held.items()
        for table, mode, rows in locks
        if revision > "0002_functions" and table in TABLES and rows > 0
    ]
    assert grows == []


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
