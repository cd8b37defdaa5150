"""The checks of a chaos run can fail: each finds the wrong that it is there for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon.demo.model_server import ModelServer
from tests.chaos.agents import CATALOG
from tests.chaos.app import App
from tests.chaos.hosts import fences
from tests.chaos.invariants import CHECKS, findings, unpaid
from tests.kit.worker import becomes, insert, running

Connection = psycopg.AsyncConnection[Any]
MODEL = "gpt-4o-mini"

FORGERIES = {
    "not ended": "UPDATE ai_requests SET status = 'pending'",
    "ended more than once": """
        INSERT INTO chaos_steps (request_id, fence, old, new)
        SELECT id, fence, 'running', 'completed' FROM ai_requests""",
    "completed and no result, or the other way round": "DELETE FROM ai_results",
    "a fence given twice, or not the last claim's": "UPDATE ai_requests SET fence = fence + 1",
    "a claim without an attempt row": "DELETE FROM ai_attempts",
    "attempt is not the number of attempts used": "UPDATE ai_requests SET attempt = attempt + 1",
    "an attempt without an end": "UPDATE ai_attempts SET outcome = NULL",
    "not exactly one attempt that completed": "UPDATE ai_attempts SET outcome = 'failed'",
    "the result of another attempt": "UPDATE ai_attempts SET fence = fence + 1",
    "a lease without a running request": """
        INSERT INTO ai_leases SELECT id, fence, task_type, fair_key, 'w', now()
        FROM ai_requests LIMIT 1""",
    "a limit exceeded": "UPDATE chaos_steps SET over = 'chaos_labour: 2 of 1'",
    "budgets differ from the ledger": "UPDATE ai_budgets SET spent_usd = spent_usd + 0.1",
    "a budget exceeded": "UPDATE ai_budgets SET limit_usd = spent_usd / 2",
    "a cost that does not follow from the usage": "UPDATE ai_llm_calls SET cost_usd = 9",
    "a call that nobody settled": "UPDATE ai_llm_calls SET status = 'started'",
}
"""How each wrong comes about, with all triggers and constraints of the service asleep."""

SEEN = {
    "result written twice": "UPDATE ai_results SET created_at = clock_timestamp()",
    "a limit exceeded": """
        INSERT INTO ai_control (task_type, concurrency) VALUES ('*', 1)
            ON CONFLICT (task_type) DO UPDATE SET concurrency = 1;
        UPDATE ai_requests SET status = 'running'""",
}
"""What the run's own triggers must notice. They alone are awake."""


DROP_CHECKS = """
DO $$ DECLARE v_one record; BEGIN
    FOR v_one IN SELECT conrelid::regclass AS here, conname FROM pg_constraint
        WHERE contype = 'c' AND conrelid::regclass::text LIKE 'ai\\_%'
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', v_one.here, v_one.conname); END LOOP;
END $$
"""


async def test_each_wrong_is_found(
    watched: str, aconnection: Connection, models: ModelServer
) -> None:
    """Nothing is found where all is well; then each check finds what was forged for it."""
    await aconnection.execute(
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('all', 'month', 5)"
    )
    async with running(watched, CATALOG, openai_base_url=models.url, openai_model=MODEL):
        for request_id in await insert(aconnection, "chaos_labour", 2, calls=2):
            await becomes(aconnection, request_id, "completed")
    found = findings(watched, calls=models.calls)
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert FORGERIES.keys() | SEEN.keys() == CHECKS.keys()

    with psycopg.connect(watched, autocommit=True) as connection:
        connection.execute(DROP_CHECKS)
        for name, forgery in FORGERIES.items():
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(forgery.encode())
                assert connection.execute(CHECKS[name].encode()).fetchall(), name
        connection.execute("ALTER TABLE ai_requests ENABLE ALWAYS TRIGGER chaos_step")
        connection.execute("ALTER TABLE ai_results ENABLE ALWAYS TRIGGER chaos_answer")
        for name, forgery in SEEN.items():
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(forgery.encode())
                assert connection.execute(CHECKS[name].encode()).fetchall(), name


async def test_calls_that_do_not_match_the_ledger_are_found(
    watched: str, aconnection: Connection, models: ModelServer
) -> None:
    """A call too many at the provider, one too few, and the same one bought again."""
    async with running(watched, CATALOG, openai_base_url=models.url, openai_model=MODEL):
        [request_id] = await insert(aconnection, "chaos_labour", calls=2)
        await becomes(aconnection, request_id, "completed")
    first, second = models.calls

    def wrong(*calls: Any, forgiven: tuple[int, ...] = ()) -> set[str]:
        with psycopg.connect(watched, row_factory=psycopg.rows.dict_row) as connection:
            return {name for name, lines in unpaid(connection, calls, forgiven).items() if lines}

    assert wrong(first, second) == set()
    assert wrong(first) == {"booked and never bought"}
    assert wrong(first, second, second) == {
        "bought and on no ledger",
        "bought twice without doubt",
    }
    assert wrong(first, second, second, forgiven=(request_id,)) == set()
    # Two of three were booked, but the second was the first once more.
    assert wrong(first, first) == {"bought twice without doubt"}


@pytest.mark.parametrize(
    ("state", "forgiven"),
    [("57P01", True), ("08006", True), ("25006", True), ("40P01", False), ("42501", False)],
)
def test_an_app_forgives_only_absence(watched: str, state: str, forgiven: bool) -> None:
    """A database that is away is met again; any other error that the app meets is told."""
    app = App(watched, random.Random(1))
    raised: psycopg.Error = psycopg.errors.lookup(state)("what the server said")
    assert app._missed("insert", raised) is forgiven
    assert (len(app.absences), len(app.errors)) == (int(forgiven), int(not forgiven))


async def test_an_app_finds_what_was_lost_or_not_told(
    watched: str, aconnection: Connection
) -> None:
    """A confirmed request that is gone, an end that nobody told, and one that never was."""
    app = App(watched, random.Random(1))
    app.insert(3)
    [gone, silent, *_] = sorted(app.confirmed)
    assert app.lost() == []
    await aconnection.execute("DELETE FROM ai_requests WHERE id = %s", (gone,))
    assert [f"request {gone}" in line for line in app.lost()] == [True]
    await aconnection.execute(
        "INSERT INTO chaos_steps (request_id, fence, old, new)"
        " VALUES (%s, 1, 'running', 'completed')",
        (silent,),
    )
    app.heard = [[0.0, 1e12]]
    app.told[7] = ["failed"]
    not_told, not_so = app.untold()
    assert (f"request {silent}" in not_told, "request 7" in not_so) == (True, True)
    assert app.ends_judged == 1


async def test_an_app_is_told_once_of_an_end_that_came_twice(
    watched: str, aconnection: Connection
) -> None:
    """A request failed unheard, was retried and failed again: the second was told."""
    app = App(watched, random.Random(1))
    await aconnection.execute(
        "INSERT INTO chaos_steps (at, request_id, fence, old, new)"
        " SELECT to_timestamp(seconds), 52, seconds, 'running', 'failed'"
        " FROM (VALUES (10), (20)) AS ends (seconds)"
    )
    app.heard = [[15.0, 25.0]]
    app.told[52] = ["failed"]
    assert (app.untold(), app.ends_judged) == ([], 1)
    app.told[52] = []
    assert app.untold() == ["not told: request 52 is failed"]


async def test_work_that_is_given_up_too_late_is_found(
    watched: str, aconnection: Connection, tmp_path: Path
) -> None:
    """Who gives work up before the next one begins is in time, whoever does so after is not."""
    logged = '{"message": "lease_lost", "reason": "not renewed in time", "request_id": %d,'
    logged += ' "fence": 1, "time": "2030-01-01T12:00:%02dZ"}\n'
    (tmp_path / "daemon.log").write_text("noise\n" + logged % (1, 5) + logged % (2, 9))
    await aconnection.execute(
        "INSERT INTO chaos_steps (at, request_id, fence, old, new) SELECT"
        " '2030-01-01T12:00:07Z', request_id, 2, 'pending', 'running'"
        " FROM generate_series(1, 2) AS request_id"
    )
    in_time, late = fences(watched, tmp_path)
    assert in_time == 1
    assert late == ["request 2, fence 1: 2.00 s after the next one began"]
