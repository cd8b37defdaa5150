"""A plan becomes workout templates of the main app: once, complete, and only where it can be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from daemon.demo.gym import Variant, load
from daemon.model import Complete
from daemon.statements import load as statements
from daemon.store import Store
from tests.sql.driver import Queue

NO = (
    "CREATE FUNCTION app_no() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE 'Jane Roe is pregnant'; END $$;"
    "CREATE {kind} TRIGGER app_no {moment} ON workout_templates {how}"
    " FOR EACH ROW EXECUTE FUNCTION app_no()"
)
BEFORE = NO.format(kind="", moment="BEFORE INSERT", how="")
LATE = NO.format(kind="CONSTRAINT", moment="AFTER INSERT", how="DEFERRABLE INITIALLY DEFERRED")
CHECK = "ALTER TABLE workout_templates ADD CONSTRAINT app_names CHECK (name NOT LIKE 'Day%')"
REFUSALS = [
    (
        CHECK,
        "CheckViolation, SQLSTATE 23514, by app_names",
        "ALTER TABLE workout_templates DROP CONSTRAINT app_names",
    ),
    (
        BEFORE,
        "RaiseException, SQLSTATE P0001, by app_no",
        "DROP TRIGGER app_no ON workout_templates",
    ),
    (
        LATE,
        "RaiseException, SQLSTATE P0001, by app_no",
        "DROP TRIGGER app_no ON workout_templates",
    ),
    (
        "ALTER TABLE workout_templates RENAME COLUMN category TO kind",
        "UndefinedColumn, SQLSTATE 42703, by ai_save_plan_v2",
        "ALTER TABLE workout_templates RENAME COLUMN kind TO category",
    ),
]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with AsyncConnectionPool[AsyncConnection[Any]](
        database, min_size=1, max_size=2, open=False, kwargs={"autocommit": True}
    ) as pool:
        made = Store(pool, statements())
        yield made
        await made.close()


def session(day: int = 1, **changes: Any) -> dict[str, Any]:
    lines = [
        {"exercise_id": number, "order": number, "sets": 3, "reps": "10", "rest_seconds": 60,
         "duration_seconds": None, "weight": "RPE 7", "notes": "Slowly."}
        for number in (1, 2, 999_999)
    ]  # fmt: skip
    return {
        "day": day, "name": f"Day {day}", "description": "A plan.", "category": "strength",
        "difficulty": "beginner", "duration_minutes": 40, "created_by": 1, "rows": lines,
    } | changes  # fmt: skip


def save(queue: Queue, request_id: int, *sessions: dict[str, Any]) -> list[int]:
    rows = queue.run(
        "result_saved_plans", request_id=request_id, agent_version=1, rows=json.dumps(sessions)
    )
    return [row["template_id"] for row in rows if row["template_id"] is not None]


@pytest.mark.parametrize("variant", ["A", "B"])
def test_written_once(database: str, queue: Queue, variant: Variant) -> None:
    """Each session is one template with the exercises that exist, whatever is tried again."""
    load(database, variant=variant, clients=3)
    before = queue.value("SELECT count(*) FROM workout_templates")
    first = save(queue, 7, session(1), session(2))
    assert len(first) == 2
    assert save(queue, 7, session(1), session(2)) == []
    assert queue.value("SELECT count(*) FROM workout_templates") == before + 2
    (template,) = queue.rows("SELECT * FROM workout_templates WHERE id = %s", first[0])
    assert (template["created_by"], template["is_public"]) == (1, False)
    assert template["created_at"] is not None
    lines = queue.rows(
        'SELECT exercise_id, "order", sets, reps FROM workout_exercises'
        ' WHERE workout_template_id = %s ORDER BY "order"',
        first[0],
    )
    assert [tuple(line.values()) for line in lines] == [(1, 1, 3, "10"), (2, 2, 3, "10")]


@pytest.mark.parametrize("changes", [{"created_by": 999_999}, {"created_by": None}, {"rows": []}])
def test_nothing_by_halves(database: str, queue: Queue, changes: dict[str, Any]) -> None:
    """Without the trainer or any known exercise nothing is written, and nothing is noted."""
    load(database, clients=3)
    assert save(queue, 7, session(**changes)) == []
    assert queue.rows("SELECT * FROM ai_saved_plans") == []


def test_not_where_the_tables_are_missing(
    database: str, connection: psycopg.Connection[Any], queue: Queue
) -> None:
    """In the shape without templates, and without any main app, nothing is written or fails."""
    assert save(queue, 7, session()) == []
    load(database, variant="C", clients=3)
    assert save(queue, 7, session()) == []
    assert connection.execute("SELECT count(*) FROM ai_saved_plans").fetchone() == (0,)


def test_found_where_the_agents_find_them(database: str, queue: Queue) -> None:
    """The app's tables stand in another schema of the search_path, in which a trigger of theirs
    finds what it needs as well; ours are found as ever, and the path is left as it was."""
    load(database, clients=3)
    queue.rows("CREATE SCHEMA gym")
    for table in ("workout_templates", "workout_exercises", "exercises", "trainers"):
        queue.rows(f"ALTER TABLE {table} SET SCHEMA gym")
    queue.rows("CREATE TABLE gym.changes (template_id integer)")
    queue.rows(
        "CREATE FUNCTION gym.noted() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO changes VALUES (new.id); RETURN new; END $$"
    )
    queue.rows(
        "CREATE TRIGGER noted AFTER INSERT ON gym.workout_templates"
        " FOR EACH ROW EXECUTE FUNCTION gym.noted()"
    )
    assert save(queue, 7, session()) == []
    queue.rows("SET search_path = public, gym")
    (template,) = save(queue, 7, session())
    assert queue.value("SELECT template_id FROM gym.changes") == template
    assert queue.value("SELECT template_id FROM ai_saved_plans") == template
    assert queue.value("SELECT current_setting('search_path')") == "public, gym"


@pytest.mark.parametrize(
    ("refuse", "why", "allow"), REFUSALS, ids=["constraint", "trigger", "at the commit", "column"]
)
async def test_what_the_app_refuses_is_told(
    database: str, store: Store, queue: Queue, refuse: str, why: str, allow: str
) -> None:
    """The answer counts and says that its plan is not saved and by what, without the words of a
    trigger; once it can be written it is, and the warning goes. Others' plans are written."""
    load(database, clients=3)
    queue.rows(refuse)
    queue.insert_many(1)
    [claimed] = (await store.claim("w1", ["work"], 1, 30.0)).requests
    output = {"status": "ok", "data_warnings": ["not_saved: else", "goal_status_wrong: 1"]}
    end = Complete(output, "deterministic", rows={"ai_saved_plans": [session(1), session(2)]})
    request_id = claimed.authority.request_id
    verdicts = await store.complete("w1", [(claimed.authority, end, None)])
    assert set(verdicts.values()) == {"accepted"}
    told = "SELECT result -> 'data_warnings' AS told FROM ai_results WHERE request_id = %s"
    warning = (
        f"not_saved: the database refuses the plan: {why}. It is tried again every few minutes"
    )
    for _ in range(2):
        assert queue.value(told, request_id) == [*output["data_warnings"], warning]
        assert queue.rows("SELECT * FROM ai_saved_plans") == []
        assert await store.redo_projections() == 0
    queue.rows(allow)
    assert await store.redo_projections() == 1
    assert queue.value(told, request_id) == output["data_warnings"]
    assert queue.value("SELECT count(*) FROM ai_saved_plans WHERE template_id > 0") == 2
