"""How long a session takes, in whole seconds, by the same sum for the solver and the page.

A session is its warm-up, its cool-down, a minute per minute of cardio, and for each exercise: the
time to set up, a minute for each ramp set, the sets themselves (both sides of a one-sided
exercise), the rests between them, and a minute to change over.

Source: doi 10.1007/s40279-021-01490-1 (time-efficient training); the minute to change over is a
convention of this project.
"""

from __future__ import annotations

from agents.workout.exercises.exercise import Exercise

CHANGE_OVER_SECONDS = 60
RAMP_SET_SECONDS = 60
COOLDOWN_SECONDS = 180


def set_seconds(exercise: Exercise, reps: int, hold: int | None) -> int:
    """Seconds under way in one set; `hold` replaces the repetitions of a timed exercise."""
    once = hold if hold is not None else reps * exercise.seconds_per_rep
    return once * (2 if exercise.unilateral else 1)


def exercise_seconds(
    exercise: Exercise, *, sets: int, reps: int, hold: int | None, rest: int, ramp_sets: int = 0
) -> int:
    """Seconds from picking the exercise up to standing at the next one."""
    return (
        exercise.setup_seconds
        + RAMP_SET_SECONDS * ramp_sets
        + sets * set_seconds(exercise, reps, hold)
        + (sets - 1) * rest
        + CHANGE_OVER_SECONDS
    )


def whole_minutes(seconds: int) -> int:
    """Seconds as minutes, rounded up: nobody is told less than it takes."""
    return -(-seconds // 60)
