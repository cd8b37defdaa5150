"""The answer as a typed row, for questions in SQL that nobody wants to ask of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.workout.answer.models import PlanWeek, WorkoutPlan


def plan_row(
    output: WorkoutPlan, trainer_id: int | None, solve_ms: int | None
) -> Mapping[str, Any]:
    """The row for `ai_workout_plans`, its items nested under `items`."""
    profile, constraints = output.profile, output.constraints
    return {
        "client_id": output.client_id,
        "trainer_id": trainer_id,
        "status": output.status,
        "llm_used": output.provenance.llm.used,
        "kind": output.kind,
        "goal": profile.goal,
        "fitness_level": profile.level,
        "sessions_per_week": profile.sessions_per_week,
        "minutes": profile.minutes,
        "weeks": len(output.weeks),
        "constraints_passed": len(constraints.passed),
        "relaxed": [f"{item.id}:{item.target}" for item in constraints.relaxed],
        "conditions": output.screening.conditions,
        "excluded_count": output.screening.excluded_count,
        "needs_clearance": output.screening.clearance.required,
        "quality_score": output.quality.score,
        "minimal": constraints.minimal,
        "solve_ms": solve_ms,
        "plan": output.model_dump(mode="json", include={"weeks", "recommendations", "summary"}),
        "items": _items(output.weeks),
    }


def _items(weeks: Sequence[PlanWeek]) -> list[dict[str, Any]]:
    return [
        {
            "week": week.week,
            "day": workout.day,
            "ord": line.order,
            "key": line.key,
            "exercise_id": line.exercise_id,
            "exercise": line.exercise,
            "sets": line.sets,
            "reps": line.reps,
            "duration_seconds": line.duration_seconds,
            "rest_seconds": line.rest_seconds,
            "rpe": line.rpe,
        }
        for week in weeks
        for workout in week.workouts
        for line in workout.exercises
    ]
