"""A plan becomes workout templates of the main app: once, complete, and only where it can be."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from daemon.demo.gym import Variant, load
from tests.sql.driver import Queue


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
