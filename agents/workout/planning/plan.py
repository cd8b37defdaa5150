"""From a profile to all weeks of a plan: select, solve, polish, periodise, in one call.

Pure computation over plain values, so it runs in a thread and gives the same plan for the same
profile on every machine. The outcome is a :class:`Built` plan, or the :class:`Conflict` that says
why there is none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from agents.workout.exercises.exercise import MUSCLES, Exercise
from agents.workout.planning.allowed import Selection, limits_for, select
from agents.workout.planning.conflict import Conflict, explain
from agents.workout.planning.gentle import session_cardio
from agents.workout.planning.polish import polish
from agents.workout.planning.problem import (
    Draft,
    Problem,
    missing_patterns,
    problem_for,
    shortfalls,
)
from agents.workout.planning.progression import Week, periodise
from agents.workout.planning.solver import Solution, plan_week
from agents.workout.planning.volume import MUSCLE_INDEX, as_sets, floor_halves
from agents.workout.profile import Limits, Profile
from agents.workout.screening.conditions import Restrictions

_SWAPPED_SHARE = 0.4
_VARIETY_NEEDS = 3


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A wish that was given up: rule id, muscle or pattern, what was wanted and what is there."""

    id: str
    target: str
    wanted: int | float
    got: int | float
    why: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Built:
    """A finished plan. draft: its first week; quality: points and points by part."""

    profile: Profile
    limits: Limits
    selection: Selection
    problem: Problem
    draft: Draft
    weeks: tuple[Week, ...]
    cardio: tuple[Exercise, ...]
    relaxed: tuple[Relaxed, ...]
    minimal: bool
    quality: float
    parts: Mapping[str, float]
    weekly_volume: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Solved:
    """A safe week before polishing."""

    problem: Problem
    solution: Solution
    selection: Selection


@dataclass(frozen=True, slots=True)
class Polished:
    """A good week before it becomes a plan."""

    solved: Solved
    draft: Draft
    quality: float
    parts: Mapping[str, float]
    cardio: tuple[Exercise, ...]


def build(
    profile: Profile,
    restrictions: Restrictions,
    library: Mapping[str, Exercise],
    weights: Mapping[str, int] | None = None,
) -> Built | Conflict:
    """The plan for `profile` out of `library`. weights: key -> -3..3, soft wishes only."""
    solved = solve_week(profile, restrictions, library)
    if isinstance(solved, Conflict):
        return solved
    return plan_weeks(polish_week(solved, weights))


def solve_week(
    profile: Profile, restrictions: Restrictions, library: Mapping[str, Exercise]
) -> Solved | Conflict:
    """The week that gives up least, or why there is none."""
    chosen = select(profile, restrictions, library.values())
    problem = problem_for(profile, limits_for(profile, restrictions), chosen.allowed.values())
    solution = plan_week(problem)
    if solution is None:
        return explain(profile, restrictions, library.values())
    solved = Solved(problem, solution, chosen)
    if "plateau_variety" not in profile.adaptations:
        return solved
    fewer = _without_some(problem, polish_week(solved).draft)
    other = plan_week(fewer)
    if other is None or other.cost > solution.cost:
        return solved
    return Solved(fewer, other, chosen)


def changed_week(
    conflict: Conflict, restrictions: Restrictions, library: Mapping[str, Exercise]
) -> Built | None:
    """The one-week plan that the change named in `conflict` would give, None without one."""
    if conflict.problem is None or conflict.solution is None:
        return None
    chosen = select(conflict.profile, restrictions, library.values())
    shown = replace(conflict.profile, weeks=1)
    solved = Solved(replace(conflict.problem, profile=shown), conflict.solution, chosen)
    return plan_weeks(polish_week(solved))


def polish_week(solved: Solved, weights: Mapping[str, int] | None = None) -> Polished:
    """The same week, better: thousands of changes that break no rule."""
    profile = solved.problem.profile
    wanted = profile.goal in ("weight_loss", "endurance")
    cardio = session_cardio(solved.selection.allowed.values()) if wanted else ()
    draft, quality, parts = polish(
        solved.problem,
        solved.solution.draft,
        seed=seed_of(profile),
        cardio=bool(cardio),
        weights=weights,
    )
    return Polished(solved, draft, quality, parts, cardio)


def plan_weeks(polished: Polished) -> Built:
    """All weeks of the plan."""
    solved = polished.solved
    problem, allowed = solved.problem, solved.selection.allowed
    return Built(
        profile=problem.profile,
        limits=problem.limits,
        selection=solved.selection,
        problem=problem,
        draft=polished.draft,
        weeks=periodise(problem, polished.draft, lambda e: allowed.get(e.variant_up or "")),
        cardio=polished.cardio,
        relaxed=_relaxed(problem, polished.draft),
        minimal=solved.solution.minimal,
        quality=polished.quality,
        parts={name: round(points, 2) for name, points in polished.parts.items()},
        weekly_volume=_weekly_volume(polished.draft),
    )


def seed_of(profile: Profile) -> str:
    """The same text for the same profile, whatever process asks."""
    plain = asdict(profile)
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=sorted).encode()).hexdigest()


def _without_some(problem: Problem, usual: Draft) -> Problem:
    """`problem` without 40 % of the exercises in `usual`, those that have an alternative."""
    keys = sorted({item.option.key for item in usual.items()})
    alike = Counter(option.exercise.pattern for option in problem.options)
    pattern = {option.key: option.exercise.pattern for option in problem.options}
    replaceable = [key for key in keys if alike[pattern[key]] >= _VARIETY_NEEDS]
    out = set(replaceable[: math.ceil(_SWAPPED_SHARE * len(keys))])
    return replace(problem, options=tuple(o for o in problem.options if o.key not in out))


def _weekly_volume(draft: Draft) -> dict[str, int | float]:
    sums = dict.fromkeys(MUSCLES, 0)
    for item in draft.items():
        for index, halves in item.option.halves:
            sums[MUSCLES[index]] += halves * item.sets
    return {muscle: as_sets(halves) for muscle, halves in sums.items() if halves}


def _relaxed(problem: Problem, draft: Draft) -> tuple[Relaxed, ...]:
    profile, items = problem.profile, tuple(draft.items())
    found = []
    if profile.days < profile.sessions_per_week:
        found.append(
            Relaxed(
                "days",
                "week",
                profile.sessions_per_week,
                profile.days,
                "Who is still growing trains strength on three days a week, never two in a row."
                if profile.young
                else "Beginners and clients of sixty-five and older need two days of rest a week.",
                "Play and sport belong to the other days."
                if profile.young
                else "Walk on one of the other days.",
            )
        )
    groups = {option.group for option in problem.options}
    for group in missing_patterns(items):
        possible = group in groups
        name = group.replace("_", " ")
        if group == "push" and problem.limits.pull_first and "pull" not in groups:
            found.append(
                Relaxed(
                    "patterns",
                    group,
                    1,
                    0,
                    "No pull exercise is left, and a painful shoulder gets no push without one.",
                    "Add equipment for a pull, or allow pulls again.",
                )
            )
            continue
        found.append(
            Relaxed(
                "patterns",
                group,
                1,
                0,
                f"The minutes do not hold a {name} exercise beside the others."
                if possible
                else f"No {name} exercise is left with this equipment, level, health and wishes.",
                "Plan longer sessions or one more day."
                if possible
                else "Add equipment, or ask a trainer for a variant in person.",
            )
        )
    wanted = floor_halves(profile.level)
    trained = {index for option in problem.options for index, _ in option.halves}
    for muscle, short in shortfalls(problem, items).items():
        possible = MUSCLE_INDEX[muscle] in trained
        found.append(
            Relaxed(
                "vol_min",
                muscle,
                as_sets(wanted),
                as_sets(wanted - short),
                f"The sessions are too short, or too few exercises are allowed, for more {muscle}."
                if possible
                else f"No allowed exercise trains the {muscle}.",
                "Plan longer sessions or one more day."
                if possible
                else "Add equipment, or ask a trainer for a variant in person.",
            )
        )
    return tuple(found)
