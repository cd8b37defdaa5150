"""Which part gets which input, and what its status means for the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agents.base import AgentError

Json = Any

PROGRESS, WORKOUT, SCHEDULE = "progress_monitoring", "workout_optimization", "scheduling"

_ALL = ("client_id", "trainer_id", "as_of", "timezone", "narrative")
FIELDS: Mapping[str, tuple[str, ...]] = {
    PROGRESS: (
        *_ALL,
        *("current_metrics", "goal_metrics", "historical_data", "history", "units"),
        "time_period",
    ),
    WORKOUT: (
        *_ALL,
        *("goals", "fitness_level", "available_equipment", "equipment", "time_per_session"),
        *("sessions_per_week", "duration_weeks", "focus_areas", "count", "preferences"),
        *("avoid_exercises", "conditions", "injuries", "age", "clearance", "adaptations"),
    ),
    SCHEDULE: (
        *_ALL,
        *("preferred_times", "duration", "duration_minutes", "horizon_days", "availability"),
        *("slot_step_minutes", "min_notice_hours", "min_gap_hours", "buffer_minutes"),
        *("blackout_dates", "location", "existing_sessions"),
    ),
}
"""Fields of a review's request that each part is given. How often sessions take place is for the
plan to say, so scheduling gets ``sessions_per_week`` from there."""

PLAN_WEEKS = 4
"""Of the plan, where the caller does not say."""
GAP_HOURS = 48
MOST_SLOTS = 5
"""Times that one answer of scheduling can hold."""

WHOLE = frozenset({"ok", "relaxed", "cold_start"})
"""A part with another status leaves the review partial."""
ABOUT_THE_REQUEST = frozenset(
    {"invalid_input", "input_too_large", "client_not_found", "trainer_not_found", "not_assigned"}
)
"""Errors that are no part's own: the request as a whole cannot be answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a part: its result, or its error, or the reason why it was not asked."""

    result: Mapping[str, Json] | None = None
    error: AgentError | None = None
    skipped: str = ""

    @property
    def status(self) -> str:
        """The result's own, or ``failed``, or ``skipped``."""
        if self.result is not None:
            return str(self.result.get("status", "ok"))
        return "failed" if self.error is not None else "skipped"

    @property
    def whole(self) -> bool:
        """Whether nothing is missing here."""
        return self.status in WHOLE

    def json(self) -> dict[str, Json]:
        """The part of the answer."""
        if self.result is not None:
            return dict(self.result)
        if self.error is None:
            return {"status": "skipped", "why": self.skipped}
        told = {"code": self.error.code, "message": self.error.message, "hint": self.error.hint}
        return {"status": "failed", "error": told}


def input_of(part: str, given: Mapping[str, Json]) -> dict[str, Json]:
    """The fields of ``given`` that ``part`` knows."""
    return {name: given[name] for name in FIELDS[part] if name in given}


def workout_input(given: Mapping[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    """A request for a plan: what the caller said, then what the progress asks for."""
    asked = input_of(WORKOUT, given)
    if "duration_weeks" not in asked and "focus_areas" not in asked:
        asked["duration_weeks"] = PLAN_WEEKS
    wished = asked.get("adaptations", ())
    words = [*wished, *changes.get("adaptations", ())] if isinstance(wished, list) else wished
    asked |= changes
    if words:
        asked["adaptations"] = list(dict.fromkeys(words)) if isinstance(words, list) else words
    return asked


def sessions_of(plan: Outcome) -> int:
    """Sessions a week of a plan; 0 where there is none."""
    return len(_first_week(plan.result))


def _first_week(plan: Mapping[str, Json] | None) -> Sequence[Mapping[str, Json]]:
    weeks = plan.get("weeks") if plan is not None else None
    workouts: Sequence[Mapping[str, Json]] = weeks[0]["workouts"] if weeks else ()
    return workouts


def gap_of(given: Mapping[str, Json]) -> timedelta:
    """From start to start of the client's sessions, as a request asks scheduling for it."""
    return timedelta(hours=float(given.get("min_gap_hours", GAP_HOURS)))


def schedule_input(given: Mapping[str, Json], plan: Mapping[str, Json] | None) -> dict[str, Json]:
    """A request for times of the plan's sessions; for one session where there is no plan."""
    asked: dict[str, Json] = {"min_gap_hours": GAP_HOURS} | input_of(SCHEDULE, given)
    workouts = _first_week(plan)
    if not workouts:
        return asked
    asked["sessions_per_week"] = min(len(workouts), MOST_SLOTS)
    if "duration" not in asked and "duration_minutes" not in asked:
        longest = max(workout["estimated_minutes"] for workout in workouts)
        asked["duration"] = 5 * -(-longest // 5)
    return asked
