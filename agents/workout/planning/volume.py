"""Weekly sets per muscle, counted in halves so that every sum stays a whole number.

A set counts 1 for each primary and 1/2 for each secondary muscle, here 2 and 1 halves.

Sources: doi 10.1007/s40279-021-01490-1 (least), doi 10.1007/s40279-025-02344-w (most and the
fractional count); the cap per session is a convention.
"""

from __future__ import annotations

from agents.workout.exercises.exercise import MAJOR_MUSCLES, MUSCLES, Exercise

MUSCLE_INDEX = {muscle: index for index, muscle in enumerate(MUSCLES)}
MAJOR_INDEXES = tuple(MUSCLE_INDEX[muscle] for muscle in MAJOR_MUSCLES)
SESSION_CAP_HALVES = 20

_FLOORS = (4, 6, 8)
_TARGETS = (8, 12, 16)
_CEILINGS = (12, 18, 24)


def floor_halves(level: int) -> int:
    """Least weekly halves for a major muscle at `level` 0-2."""
    return 2 * _FLOORS[level]


def target_halves(level: int) -> int:
    """Weekly halves to aim at for a major muscle."""
    return 2 * _TARGETS[level]


def ceiling_halves(level: int) -> int:
    """Most weekly halves for any muscle."""
    return 2 * _CEILINGS[level]


def halves_per_set(exercise: Exercise) -> tuple[tuple[int, int], ...]:
    """(muscle index, halves) of one set; a muscle named twice counts once, as primary."""
    primary = set(exercise.prim)
    return tuple((MUSCLE_INDEX[muscle], 2) for muscle in MUSCLES if muscle in primary) + tuple(
        (MUSCLE_INDEX[muscle], 1)
        for muscle in MUSCLES
        if muscle in exercise.sec and muscle not in primary
    )


def as_sets(halves: int) -> int | float:
    """Halves as sets: 7 -> 3.5, 8 -> 4."""
    return halves // 2 if halves % 2 == 0 else halves / 2
