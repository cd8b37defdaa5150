"""``make migration``: every migration on a database with a million requests and a busy app.

From an older service's tables, in one go and step by step, to this code's schema. Each table is
filled as soon as it exists. The main app works on all of them in the meantime, each statement on a
connection and a thread of its own; shown is how long the slowest took during each step, and how
often each was done: what never was has proved nothing.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from daemon import migrate
from daemon.demo.gym.schema import DDL
from tests.kit.postgres import throwaway

ROWS = {
    "ai_agent_executions": 0.1,
    "ai_system_health": 0.5,
    "ai_code_suggestions": 0.05,
    "ai_requests": 1.0,
    "ai_results": 1.0,
    "ai_attempts": 1.0,
    "ai_llm_calls": 0.5,
    "ai_workout_plans": 0.3,
    "ai_audit_log": 0.1,
    "ai_progress_reports": 0.5,
    "ai_schedule_suggestions": 0.5,
    "ai_feedback": 0.2,
}
"""How many there are for each request."""
FILL = """
INSERT INTO ai_agent_executions (agent_id, status, input_data)
SELECT 1, 'completed', '{"client_id": 7}'
FROM generate_series(1, %(rows)s);
INSERT INTO ai_system_health (component, status, message, metrics, checked_at)
SELECT 'part ' || n %% 5, 'ok', 'fine', '{"ms": 12}', now() - n * interval '1 minute'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description, suggestion,
    status, created_at)
SELECT 'a/' || n, 'bug', 'major', 'wrong', 'right', 'pending', now()
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_requests (task_type, input_data, status, started_at, finished_at, mode)
SELECT 'workout_optimization', jsonb_build_object('client_id', n %% 5000), 'completed', now(),
    now() - n * interval '7 seconds', 'full'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_results (request_id, task_type, mode, result)
SELECT n, 'workout_optimization', 'full', '{"days": [1, 2, 3]}'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at, finished_at,
    outcome)
SELECT n, 1, 1, 'w', now(), now(), 'completed'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type,
    model, status, cost_state, finished_at)
SELECT n, sha256(n::text::bytea), 1, 1, gen_random_uuid(), 1, 'w', 'x', 'm', 'done', 'none',
    now()
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_workout_plans (request_id, client_id, status, kind, plan)
SELECT n, n %% 5000, 'ok', 'plan', '{}'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_audit_log (actor, channel, action, target)
SELECT 'user:1', 'sql', 'look', 'x'
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_progress_reports (request_id, client_id, status, ord, as_of, p_reach_365)
SELECT n, n %% 5000, 'on_track', 1, current_date, 0.5
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_schedule_suggestions (request_id, client_id, status, kind, rank, slot_start_utc,
    slot_local, tz, duration_minutes, p_attend, p_lo, p_hi, basis_sessions)
SELECT n, n %% 5000, 'ok', 'slot', 1, now(), now(), 'UTC', 60, 0.5, 0.4, 0.6, 9
FROM generate_series(1, %(rows)s) n;
INSERT INTO ai_feedback (request_id, verdict)
SELECT n, 'helpful'
FROM generate_series(1, %(rows)s) n;
"""

OLDER = frozenset({"ai_system_health", "ai_code_suggestions", "ai_agent_executions"})
"""What the older service fills, with its own words; `fill` is told that they are full."""

# What the app does all the time, by the table that it needs.
HABITS = {
    "asks": ("ai_requests", "INSERT INTO ai_requests (task_type) VALUES ('progress_monitoring')"),
    "cancels": (
        "ai_requests",
        (
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id ="
            " (SELECT max(id) FROM ai_requests)"
        ),
    ),
    "reads results": ("ai_results", "SELECT result FROM ai_results WHERE request_id = 7"),
    "reads plans": ("ai_workout_plans", "SELECT plan FROM ai_workout_plans WHERE client_id = 7"),
    "reads forecasts": (
        "ai_progress_reports",
        "SELECT p50_date FROM ai_progress_reports WHERE client_id = 7",
    ),
    "reads times": (
        "ai_schedule_suggestions",
        "SELECT slot_local FROM ai_schedule_suggestions WHERE client_id = 7",
    ),
    "reads agents": ("ai_agents", "SELECT name, status FROM ai_agents"),
    "reads health": (
        "ai_system_health",
        "SELECT status FROM ai_system_health ORDER BY id DESC LIMIT 1",
    ),
    "writes health": (
        "ai_system_health",
        "INSERT INTO ai_system_health (component, status) VALUES ('older', 'healthy')",
    ),
    "decides": (
        "ai_code_suggestions",
        "UPDATE ai_code_suggestions SET description = 'known' WHERE id = 7",
    ),
}
TABLES = frozenset(table for table, _ in HABITS.values())
PAUSE_SECONDS = 0.02
ENOUGH_MS = 1000
Held = dict[str, list[tuple[str, str, int]]]
"""By revision: table, mode of its lock, and how many of its rows were read meanwhile."""


class Habitual:
    """The main app: every habit again and again. slowest_ms: by habit, since the last `reset`.

    done: how often, by habit, in all. worst_ms: of them all, for the caller to keep.
    """

    def __init__(self, dsn: str) -> None:
        self.slowest_ms: dict[str, float] = {}
        self.worst_ms = 0.0
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._dsn = dsn
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=[name], name=name, daemon=True)
            for name in HABITS
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(30)
            if thread.is_alive():
                self.errors.append(f"{thread.name}: has not come through")

    @property
    def never(self) -> list[str]:
        """Habits that were not done even once."""
        return [habit for habit in HABITS if not self.done[habit]]

    def reset(self) -> None:
        self.slowest_ms = dict.fromkeys(HABITS, 0.0)

    def _live(self, habit: str) -> None:
        try:
            self._repeat(habit)
        except psycopg.Error as error:
            self.errors.append(f"{habit} is over: {error}")

    def _repeat(self, habit: str) -> None:
        table, statement = HABITS[habit]
        with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=None) as connection:
            while not self._enough.wait(PAUSE_SECONDS):
                there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
                if there.fetchone() != (True,):
                    continue
                began = time.monotonic()
                try:
                    connection.execute(statement.encode())
                    self.done[habit] += 1
                except psycopg.Error as error:
                    self.errors.append(f"{habit}: {error}")
                took = 1000 * (time.monotonic() - began)
                self.slowest_ms[habit] = max(self.slowest_ms.get(habit, 0.0), took)


def older(dsn: str, requests: int) -> None:
    """An older service's tables, as full as they would be beside so many requests."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((DDL / "older_ai.sql").read_bytes())
        connection.execute("INSERT INTO ai_agents (name, type) VALUES ('Older', 'older')")
    fill(dsn, requests, set())


def fill(dsn: str, requests: int, full: set[str]) -> None:
    """Fill every table that exists and is not ``full`` yet, without triggers, and say so there."""
    statements = [statement.strip() for statement in FILL.split(";") if statement.strip()]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            table = statement.split()[2]
            there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
            if table not in full and there == (True,):
                full.add(table)
                connection.execute(statement.encode(), {"rows": int(requests * ROWS[table])})
                connection.execute(f"ANALYZE {table}".encode())


@contextmanager
def held_locks(found: Held) -> Iterator[None]:
    """Note, before each commit of a migration, which tables it holds, how, and how many of their
    rows it has read meanwhile. By the revision that the database is at, then."""

    before: dict[str, int] = {}

    def begin(connection: sa.Connection) -> None:
        # What earlier transactions read may still be counted here.
        rows = connection.exec_driver_sql(
            "SELECT relid::regclass::text, seq_tup_read FROM pg_stat_xact_user_tables"
        )
        before.clear()
        before.update((table, read) for table, read in rows)

    def look(connection: sa.Connection) -> None:
        rows = connection.exec_driver_sql(
            "SELECT (SELECT version_num FROM ai_alembic_version), l.relation::regclass::text,"
            " l.mode, s.seq_tup_read"
            " FROM pg_locks l JOIN pg_stat_xact_user_tables s ON s.relid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock',"
            " 'ExclusiveLock', 'AccessExclusiveLock')"
        ).fetchall()
        for revision, table, mode, read in rows:
            lock = (table, mode, read - before.get(table, 0))
            found.setdefault(revision, []).append(lock)

    events: list[tuple[str, Any]] = [("begin", begin), ("commit", look)]
    for name, listener in events:
        sa.event.listen(sa.Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in events:
            sa.event.remove(sa.Engine, name, listener)


def growing(held: Held, revisions: Sequence[str]) -> list[tuple[str, str, str, int]]:
    """What was read through while it was held against the app, by these revisions."""
    return [
        (revision, table, mode, rows)
        for revision in revisions
        for table, mode, rows in held.get(revision, ())
        if table in TABLES and rows > 0
    ]


def complaints(app: Habitual) -> list[str]:
    """What the app would say of a run."""
    slow = [f"waited for {app.worst_ms:.0f} ms"] if app.worst_ms > ENOUGH_MS else []
    return [*app.errors[:5], *slow, *(f"{habit}: never done" for habit in app.never)]


def main(argv: list[str] | None = None) -> int:
    """The command. Exit code 1 if the app met an error, could not do something even once, or
    waited for more than a second for anything but the adoption of the older tables."""
    parser = argparse.ArgumentParser(prog="make migration", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args(argv)
    console = Console()
    table = Table("to", "seconds", "slowest of the app, ms", "which")
    each = run(chosen.rows, list(migrate.revisions()[1:]), table)
    table.add_section()
    whole = run(chosen.rows, [migrate.head()], table)
    console.print(table, times({"step by step": each, "in one go": whole}))
    wrong = [*complaints(each), *complaints(whole)]
    for line in wrong:
        console.print(line, markup=False)
    return 1 if wrong else 0


def times(apps: Mapping[str, Habitual]) -> Table:
    """How often each habit was done."""
    table = Table("the app", *apps)
    for habit in HABITS:
        table.add_row(habit, *(f"{app.done[habit]:,}" for app in apps.values()))
    return table


def run(rows: int, revisions: list[str], table: Table) -> Habitual:
    """From an older service's tables to each revision in turn, under an app that goes on."""
    with throwaway() as server:
        dsn = server.dsn()
        older(dsn, rows)
        full = set(OLDER)
        with Habitual(dsn) as app:
            for revision in revisions:
                app.reset()
                began = time.monotonic()
                migrate.upgrade(dsn, to=revision)
                took = time.monotonic() - began
                time.sleep(0.2)  # what waited has come through
                habit, slowest = max(app.slowest_ms.items(), key=lambda item: item[1])
                if revision != revisions[0]:  # the adoption rewrites tables: it is only shown
                    app.worst_ms = max(app.worst_ms, slowest)
                table.add_row(revision, f"{took:.2f}", f"{slowest:.0f}", habit)
                if revision != revisions[-1]:
                    fill(dsn, rows, full)
    return app


if __name__ == "__main__":
    sys.exit(main())
