"""Which exercises of the library a client may be shown at all, and why the others are out.

Four filters, in the order a person would give the reason: health, equipment, level, own wish. A
filter can be left out by name, which is how an impossible request learns which wish hinders it;
health never is when something is shown to the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.workout.exercises.exercise import Exercise
from agents.workout.profile import Limits, Profile
from agents.workout.screening.conditions import Restrictions, allows_jumps
from agents.workout.wishes import matches

FILTERS = ("contra_flag", "equipment", "level", "avoid_list")


@dataclass(frozen=True, slots=True)
class Selection:
    """allowed: by key, sorted. excluded: key to the filter that took it out."""

    allowed: Mapping[str, Exercise]
    excluded: Mapping[str, str]


def select(
    profile: Profile,
    restrictions: Restrictions,
    exercises: Iterable[Exercise],
    without: frozenset[str] = frozenset(),
) -> Selection:
    """`exercises` sorted into allowed and excluded; filters named in `without` are left out."""
    allowed: dict[str, Exercise] = {}
    excluded: dict[str, str] = {}
    for exercise in sorted(exercises, key=lambda e: e.key):
        reason = _excluded_by(profile, restrictions, exercise, without)
        if reason is None:
            allowed[exercise.key] = exercise
        else:
            excluded[exercise.key] = reason
    return Selection(allowed, excluded)


def _excluded_by(
    profile: Profile, restrictions: Restrictions, exercise: Exercise, without: frozenset[str]
) -> str | None:
    if "contra_flag" not in without and restrictions.forbids(exercise) is not None:
        return "contra_flag"
    if "equipment" not in without and not exercise.requires <= profile.equipment:
        return "equipment"
    if "level" not in without and exercise.level > profile.level:
        return "level"
    if "avoid_list" not in without and any(matches(exercise, wish) for wish in profile.avoid):
        return "avoid_list"
    return None


def limits_for(profile: Profile, restrictions: Restrictions) -> Limits:
    """What health and age add to the goal's scheme."""
    codes = profile.conditions
    jumps = allows_jumps(profile.level, profile.age, codes) and "beta_blocker" not in codes
    return Limits(
        reps=restrictions.reps,
        rpe=float(restrictions.rpe_cap or 10),
        max_sets=restrictions.set_cap or 99,
        max_hold_seconds=restrictions.hold_cap_seconds or 120,
        warmup_seconds=restrictions.warmup_seconds,
        pull_first=restrictions.pull_at_least_push,
        jumps=jumps,
        heart_rate=profile.age is not None and not restrictions.rpe_only,
        notes=restrictions.notes,
    )
