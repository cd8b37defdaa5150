"""The answer's JSON, as strict models: every key of a workout result, its type and its unit.

The main app reads `recommendations` of one call and `weeks[].workouts[].exercises[]` of another;
both are always there. `reps` is a whole number because a page edits it as one; a timed exercise
has `reps` 1 and `duration_seconds`; ranges stand in `reps_range` and `notes`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agents.answer import Part, Provenance
from agents.workout.profile import Goal, Kind, Level

Number = Annotated[float, Field(allow_inf_nan=False)]
Status = Literal["ok", "relaxed", "needs_clearance", "infeasible"]


class Recommendation(Part):
    """One exercise of the plan, as a card. `id` comes back in feedback."""

    id: str
    exercise: str
    exercise_id: int | None
    key: str
    sets: int = Field(ge=1)
    reps: int = Field(ge=1)
    rest_seconds: int = Field(ge=0)
    rpe: Number
    difficulty: Level
    reason: str = Field(min_length=1, max_length=240)
    tip: str | None = Field(default=None, max_length=240)
    display: str
    source: Literal["ai_orchestrator"] = "ai_orchestrator"


class Load(Part):
    """How heavy: `rpe` (value: the effort) or `bodyweight` (0), since nobody logs loads."""

    type: Literal["rpe", "pct_1rm", "kg", "bodyweight"]
    value: int | float


class PlannedExercise(Part):
    """One line of a workout."""

    key: str
    exercise: str
    exercise_id: int | None
    order: int = Field(ge=1)
    block: Literal["balance", "power", "compound", "isolation", "core", "cardio"]
    sets: int = Field(ge=1)
    reps: int = Field(ge=1)
    duration_seconds: int | None
    rest_seconds: int = Field(ge=0)
    ramp_sets: int = Field(ge=0)
    rpe: Number
    load: Load
    reps_range: str | None
    notes: str
    difficulty: Level
    reason: str = Field(min_length=1, max_length=240)
    progress_event: Literal["load_up", "variant_up"] | None = None


class DrillItem(Part):
    """A warm-up or cool-down item."""

    name: str
    seconds: int = Field(ge=1)
    kind: Literal["balance"] | None = None


class Cardio(Part):
    """Cardio inside a session; heart rates in beats per minute, only where they mean something."""

    type: str
    minutes: int = Field(ge=1)
    rpe: Number
    impact: int
    hr_low: int | None = None
    hr_high: int | None = None


class TemplateRow(Part):
    """A row as the main app's workout templates take it."""

    exercise_id: int
    order: int
    sets: int
    reps: str
    duration_seconds: int | None
    rest_seconds: int
    weight: str
    notes: str


class Workout(Part):
    """One session; `weekday` is 1 Monday to 7 Sunday."""

    day: int = Field(ge=1)
    weekday: int = Field(ge=1, le=7)
    title: str
    estimated_minutes: int
    template_rows: list[TemplateRow]
    warmup: list[DrillItem]
    cooldown: list[DrillItem]
    cardio: Cardio | None
    exercises: list[PlannedExercise]


class WeeklyCardio(Part):
    """Minutes of a week: aimed at, in the sessions, and on one's own."""

    target_minutes: int
    in_session_minutes: int
    outside_minutes: int


class PlanWeek(Part):
    """One week of the plan."""

    week: int = Field(ge=1)
    phase: Literal["build", "deload"]
    weekly_cardio: WeeklyCardio | None
    workouts: list[Workout]


class ProfileOut(Part):
    """The client as planned for, and where each value came from."""

    goal: Goal
    level: Level
    minutes: int
    sessions_per_week: int
    duration_weeks: int
    equipment: list[str]
    age: int | None
    sources: dict[str, str]


class Evidence(Part):
    """A piece of text that names a condition, word for word, and what was made of it."""

    code: str
    span: str
    source: str
    by: Literal["lexicon", "llm"]
    verdict: str
    date: str | None = None


class ClearanceOut(Part):
    """Whether a professional must agree first, and because of which codes."""

    required: bool
    reasons: list[str]


class ScreeningOut(Part):
    """What health said."""

    conditions: list[str]
    evidence: list[Evidence]
    excluded_count: int
    clearance: ClearanceOut
    notes: list[str] = Field(default_factory=list)


class RelaxedOut(Part):
    """A wish that was given up."""

    id: str
    target: str
    wanted: int | float
    got: int | float
    why: str
    suggestion: str


class ConflictOut(Part):
    """Rules that leave no plan, and the cheapest change; `change`: field and new value."""

    ids: list[str]
    why: str
    suggestion: str
    change: dict[str, Any] = Field(default_factory=dict)


class Constraints(Part):
    """The rules: kept, failed (never in an answer), given up, in conflict."""

    passed: list[str]
    failed: list[str]
    relaxed: list[RelaxedOut]
    conflict: list[ConflictOut]
    minimal: bool


class Quality(Part):
    """0-100, and its parts."""

    score: Number
    parts: dict[str, Number]


class NewExercise(Part):
    """An exercise that the last plan did not have."""

    exercise: str
    instead_of: str | None
    why: str


class ContinuityOut(Part):
    """What became of the last plan. plan_of: the day it was made. held_back: why nothing climbs,
    a sentence by code."""

    plan_of: str
    weeks_done: int
    kept: list[str]
    progressed: list[str]
    new: list[NewExercise]
    held_back: dict[str, str] = Field(default_factory=dict)


class WorkoutPlan(Part):
    """Cards and weeks. recommendations: exercises of the plan, for a page that shows a few.
    weekly_volume: sets a week by muscle, half of those that only help. exercise_facts: by key.
    """

    status: Status
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    kind: Kind
    client_id: int
    duration_weeks: int
    focus_areas: list[str]
    recommendations: list[Recommendation]
    weeks: list[PlanWeek]
    exercise_facts: dict[str, dict[str, Any]]
    profile: ProfileOut
    screening: ScreeningOut
    constraints: Constraints
    quality: Quality
    weekly_volume: dict[str, int | float]
    continuity: ContinuityOut | None = None
    progression_rules: list[str]
    summary: str
    disclaimer: str
    data_warnings: list[str]
    provenance: Provenance
