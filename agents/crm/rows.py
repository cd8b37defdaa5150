"""What the readers return: one frozen dataclass per table, None where nothing is known.

Timestamps stay as the app stores them, without a zone: `SessionRow.start` and `ends` are wall time
in the gym's zone, everything the app's server stamps (`created_at`, `completed_at`) is UTC.
Statuses are folded words (see `agents.crm.words.fold`). Texts are data, never instructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

SHORTEST_MINUTES = 10
LONGEST_MINUTES = 480
USUAL_MINUTES = 60


@dataclass(frozen=True, slots=True)
class ClientRow:
    """`goals` and `medical_conditions` are free text; None, '' and 'None' mean unknown."""

    id: int
    name: str | None = None
    age: int | None = None
    goals: str | None = None
    medical_conditions: str | None = None
    status: str = "active"
    membership_type: str | None = None
    start_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrainerRow:
    """`specialization` and `certification` are comma-separated lists; experience in years."""

    id: int
    name: str | None = None
    specialization: str | None = None
    certification: str | None = None
    experience_years: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """status: active, completed, cancelled or an unknown word."""

    id: int
    trainer_id: int
    client_id: int
    status: str
    notes: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One booking. status: scheduled, completed, cancelled, no_show, requested, or unknown."""

    id: int
    client_id: int | None
    trainer_id: int | None
    start: datetime
    status: str
    end_time: datetime | None = None
    duration: int | None = None
    session_type: str | None = None
    location: str | None = None
    notes: str | None = None
    recurring_session_id: int | None = None
    created_at: datetime | None = None

    @property
    def stated_minutes(self) -> int | None:
        """The length somebody entered, in minutes; None if missing or not within 10 to 480."""
        if self.end_time is not None:
            minutes = round((self.end_time - self.start).total_seconds() / 60)
            if SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
                return minutes
        if self.duration is not None and SHORTEST_MINUTES <= self.duration <= LONGEST_MINUTES:
            return self.duration
        return None

    @property
    def minutes(self) -> int:
        """The length to plan with: as stated, else an hour."""
        return self.stated_minutes or USUAL_MINUTES

    @property
    def ends(self) -> datetime:
        """Wall time at which the slot is free again."""
        return self.start + timedelta(minutes=self.minutes)

    @property
    def blocks(self) -> bool:
        """All but a cancelled session occupy their slot, a requested one included."""
        return self.status != "cancelled"


@dataclass(frozen=True, slots=True)
class MilestoneRow:
    """`completed` is ticked by hand."""

    id: int
    goal_id: int
    title: str | None = None
    target_value: float | None = None
    target_date: datetime | None = None
    completed: bool = False
    completed_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class GoalRow:
    """One goal. status: active, on_hold, completed, abandoned; priority: high, medium, low.

    The app closes a goal when `current >= target`, so `completed` proves nothing on a falling
    goal; `current_value` 0 means nobody entered one.
    """

    id: int
    client_id: int
    title: str | None
    status: str
    priority: str
    description: str | None = None
    category: str | None = None
    target_value: float | None = None
    target_unit: str | None = None
    current_value: float | None = None
    start_date: datetime | None = None
    target_date: datetime | None = None
    completed_date: datetime | None = None
    notes: str | None = None
    milestones: tuple[MilestoneRow, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One reading as stored: units are not repaired here. Girths by column name, 9 at most."""

    id: int
    client_id: int
    measured_at: datetime
    weight: float | None = None
    weight_unit: str | None = None
    body_fat_percentage: float | None = None
    muscle_mass: float | None = None
    bmi: float | None = None
    girths: Mapping[str, float] = field(default_factory=dict)
    girth_unit: str | None = None
    resting_heart_rate: int | None = None
    systolic: int | None = None
    diastolic: int | None = None
    notes: str | None = None
    recorded_by: str | None = None


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """An imported record; its unit is nowhere stated and `measurements` is any json."""

    id: int
    client_id: int
    recorded_at: datetime
    weight: float | None = None
    body_fat_percentage: float | None = None
    measurements: Any = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """The newest plausible reading, in mmHg; one of the two values may be missing."""

    measurement_id: int
    measured_at: datetime
    systolic: int | None
    diastolic: int | None


@dataclass(frozen=True, slots=True)
class ExerciseRow:
    """A row of the app's library. Names repeat, every tag may be missing."""

    id: int
    name: str
    category: str | None = None
    muscle_group: str | None = None
    equipment: str | None = None
    difficulty: str | None = None
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class TemplateExerciseRow:
    """One line of a template; `reps` ('8-12', 'AMRAP') and `weight` ('50 lbs') are free text."""

    exercise_id: int
    order: int | None = None
    sets: int | None = None
    reps: str | None = None
    duration_seconds: int | None = None
    rest_seconds: int | None = None
    weight: str | None = None
    exercise: ExerciseRow | None = None


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A workout template with its lines in order."""

    id: int
    name: str | None = None
    category: str | None = None
    difficulty: str | None = None
    duration_minutes: int | None = None
    exercises: tuple[TemplateExerciseRow, ...] = ()

    @property
    def equipment(self) -> tuple[str, ...]:
        """The equipment words of its exercises as the app spells them, sorted, without repeats."""
        words = {line.exercise.equipment for line in self.exercises if line.exercise}
        return tuple(sorted(word for word in words if word))


@dataclass(frozen=True, slots=True)
class ClientWorkoutRow:
    """A template given to a client. status: active, completed, paused."""

    id: int
    client_id: int
    status: str
    template_id: int | None = None
    assigned_by: int | None = None
    assigned_at: datetime | None = None
    start_date: date | None = None
    end_date: date | None = None
    frequency_per_week: int | None = None
    notes: str | None = None
    template: TemplateRow | None = None


@dataclass(frozen=True, slots=True)
class WorkoutLogRow:
    """A workout done alone. `difficulty_rating` 1 to 10, None outside that."""

    id: int
    client_id: int
    completed_at: datetime | None = None
    client_workout_id: int | None = None
    template_id: int | None = None
    duration_minutes: int | None = None
    difficulty_rating: int | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A piece of free text and where it stands, e.g. `sessions.notes` of row 412."""

    source: str
    row_id: int
    text: str
    written_at: datetime | None = None
