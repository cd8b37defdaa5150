"""How a goal turns into repetitions, rest and sets, and how conditions narrow that.

Two columns of every goal: compound exercises and all others. A condition's range of repetitions is
intersected with the goal's; where they do not meet the condition wins, because a goal is a wish
and a condition is not. Inside the allowed range sits a smaller one that a coach would write: where
a block starts, where its repetitions stop rising.

Sources: ACSM position stands 2009 and 2026, NSCA 2019 for the young.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.workout.exercises.exercise import Exercise
from agents.workout.profile import Goal, Limits, Profile

Span = tuple[int, int]
STRENGTH_PATTERNS_NOT = frozenset({"cardio", "mobility", "balance"})
SHORTEST_HOLD_SECONDS = 10
STEADY_HOLD_SECONDS = 20
LONGEST_HOLD_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Column:
    """Bounds of one kind of exercise. reps, rest: allowed; floor, start, top: as a coach would.

    rest in seconds; usual_rest is what a session with time to spare gets.
    """

    reps: Span
    rest: Span
    floor: int
    start: int
    top: int
    usual_rest: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """All numbers of one client's plan but the exercises. hold: seconds of a timed set."""

    compound: Column
    other: Column
    sets: Span
    hold: Span
    rpe: float
    rpe_cap: float

    def column(self, exercise: Exercise) -> Column:
        """The column that `exercise` follows."""
        return self.compound if exercise.compound else self.other


# goal: (reps, rest, (floor, start, top), usual rest) for compound, then other; sets.
_Row = tuple[Span, Span, tuple[int, int, int], int]
_TABLE: dict[Goal, tuple[_Row, _Row, Span]] = {
    "strength": (
        ((1, 6), (120, 300), (3, 4, 6), 150),
        ((6, 15), (60, 180), (6, 8, 12), 75),
        (2, 5),
    ),
    "hypertrophy": (
        ((6, 15), (60, 180), (6, 8, 12), 90),
        ((6, 15), (45, 120), (8, 10, 15), 60),
        (2, 4),
    ),
    "weight_loss": (
        ((8, 15), (30, 90), (8, 10, 15), 60),
        ((8, 15), (30, 90), (8, 12, 15), 45),
        (2, 4),
    ),
    "endurance": (
        ((15, 25), (15, 60), (15, 15, 20), 45),
        ((15, 25), (15, 60), (15, 15, 20), 30),
        (2, 3),
    ),
    "general": (
        ((8, 15), (45, 120), (8, 10, 15), 75),
        ((8, 15), (30, 120), (8, 12, 15), 60),
        (2, 3),
    ),
}
_BEGINNER_STRENGTH: Span = (8, 12)
_REST_WHEN_REPS_REPLACED: Span = (30, 300)
_GENTLE_SETS: Span = (1, 3)
_START_RPE = (6.0, 7.0, 8.0)
_RPE_CAPS = (8.0, 9.0, 9.0)


def scheme_for(profile: Profile, limits: Limits) -> Scheme:
    """The numbers for this client: goal, then level and age, then conditions."""
    compound, other, sets = _TABLE[profile.goal]
    if profile.goal == "strength" and profile.level == 0:
        compound = (_BEGINNER_STRENGTH, compound[1], (8, 8, 12), 120)
    if profile.gentle:
        sets = _GENTLE_SETS
    cap = min(_RPE_CAPS[profile.level], limits.rpe)
    start = min(_START_RPE[profile.level], cap)
    if "ease_off" in profile.adaptations:
        start = max(3.0, start - 1)
        cap = max(3.0, cap - 1)
    return Scheme(
        compound=_narrowed(compound, limits, profile.goal),
        other=_narrowed(other, limits, profile.goal),
        sets=(min(sets[0], limits.max_sets), min(sets[1], limits.max_sets)),
        hold=(SHORTEST_HOLD_SECONDS, min(LONGEST_HOLD_SECONDS, limits.max_hold_seconds)),
        rpe=start,
        rpe_cap=cap,
    )


def _narrowed(row: _Row, limits: Limits, goal: Goal) -> Column:
    reps, rest, (floor, start, top), usual_rest = row
    if limits.reps is not None:
        low, high = max(reps[0], limits.reps[0]), min(reps[1], limits.reps[1])
        if low > high:
            low, high = limits.reps
            if goal == "strength":
                rest = _REST_WHEN_REPS_REPLACED
                usual_rest = min(usual_rest, 90)
        reps = (low, high)
    low, high = reps

    def clip(value: int) -> int:
        return min(max(value, low), high)

    return Column(reps, rest, clip(floor), clip(start), max(clip(start), clip(top)), usual_rest)


def block_of(exercise: Exercise) -> str:
    """Where in a session an exercise stands: the name of its block."""
    if exercise.pattern in ("balance", "mobility"):
        return "balance"
    if exercise.pattern in ("power", "cardio"):
        return exercise.pattern
    if exercise.pattern in ("core_flex", "core_anti", "iso_core"):
        return "core"
    return "compound" if exercise.compound else "isolation"


BLOCK_ORDER = {
    name: place
    for place, name in enumerate(("balance", "power", "compound", "isolation", "core", "cardio"))
}
