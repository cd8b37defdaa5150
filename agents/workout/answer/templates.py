"""A plan's first week as workout templates of the main app, where an admin switched that on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.workout.answer.models import WorkoutPlan

TABLES = frozenset({"workout_templates", "workout_exercises", "exercises", "trainers"})
_NAME_LENGTH = 200


def why_not(trainer_id: int | None, tables: frozenset[str]) -> str | None:
    """Why no plan of this client can be saved, as a warning; None if it can."""
    missing = sorted(TABLES - tables)
    if missing:
        return f"not_saved: this database has no {', '.join(missing)}"
    if trainer_id is None:
        return "not_saved: a template belongs to a trainer, and nobody is in charge of the client"
    return None


def templates(output: WorkoutPlan, trainer_id: int | None) -> list[Mapping[str, Any]]:
    """A row of `ai_saved_plans` per session that holds exercises the main app knows."""
    if trainer_id is None or output.kind != "plan" or output.status not in ("ok", "relaxed"):
        return []
    goal = output.profile.goal.replace("_", " ")
    return [
        {
            "day": workout.day,
            "name": f"AI plan for client {output.client_id}: {workout.title}, day {workout.day}"[
                :_NAME_LENGTH
            ],
            "description": f"First week of a plan for {goal}. {output.disclaimer}",
            "category": "strength",
            "difficulty": output.profile.level,
            "duration_minutes": workout.estimated_minutes,
            "created_by": trainer_id,
            "rows": [row.model_dump(mode="json") for row in workout.template_rows],
        }
        for workout in output.weeks[0].workouts
        if workout.template_rows
    ]
