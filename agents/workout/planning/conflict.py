"""When no week is possible: which rules hinder each other, and the cheapest wish to change.

The rules in conflict are found by leaving them out one at a time: what stays impossible without a
rule does not need it in the explanation. The remedy is searched among the wishes only (minutes,
days, equipment, what is avoided), never among the rules of health, and the cheapest that works is
named. The recommendations then come from the week that this change would allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.allowed import limits_for, select
from agents.workout.planning.problem import Problem, problem_for
from agents.workout.planning.solver import Solution, solve
from agents.workout.profile import Profile
from agents.workout.screening.conditions import Restrictions
from agents.workout.wishes import implied

_PROBE_SECONDS = 0.1
_MINUTES = range(15, 121, 5)
# Least telling first: a rule near the end stays in the explanation if any does.
_RULES = (
    "deload", "session_cap", "vol_max", "push_pull", "dup", "recovery48", "level", "equipment",
    "avoid_list", "contra_flag", "count", "time_max",
)  # fmt: skip
_FILTERS = frozenset({"level", "equipment", "avoid_list", "contra_flag"})
_WHY = {
    "deload": "a plan of this length needs a lighter week",
    "session_cap": "one muscle can only take so many sets in a session",
    "vol_max": "one muscle can only take so many sets in a week",
    "push_pull": "pushing and pulling must balance",
    "dup": "an exercise may not be repeated too often",
    "recovery48": "a muscle needs a day of rest between sessions",
    "level": "harder exercises are not for this level",
    "equipment": "little equipment is available",
    "avoid_list": "many exercises are avoided",
    "contra_flag": "health conditions rule many exercises out",
    "count": "a session needs at least two exercises",
    "time_max": "the session is too short for warm-up, exercises and cool-down",
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """rules: ids that hinder each other. why, suggestion: sentences. change: field and new value.

    profile, solution, problem: the week that the change allows; None where no change of one wish
    helps.
    """

    rules: tuple[str, ...]
    why: str
    suggestion: str
    change: Mapping[str, Any]
    profile: Profile
    problem: Problem | None = None
    solution: Solution | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    cost: int
    rule: str
    suggestion: str
    change: Mapping[str, Any]
    profile: Profile


def explain(
    profile: Profile, restrictions: Restrictions, exercises: Iterable[Exercise]
) -> Conflict:
    """Why no week exists for `profile`, and what would change that."""
    library = tuple(exercises)

    def problem(wanted: Profile, without: frozenset[str] = frozenset()) -> Problem:
        chosen = select(wanted, restrictions, library, without & _FILTERS)
        limits = limits_for(wanted, restrictions)
        built = problem_for(wanted, limits, chosen.allowed.values())
        return replace(built, without=without - _FILTERS)

    rules = _minimal_conflict(profile, problem)
    for change in sorted(_changes(profile), key=lambda change: change.cost):
        found = problem(change.profile)
        solution = solve(found, "tight", most_cost=None, deterministic_seconds=_PROBE_SECONDS)
        if solution is not None:
            named = tuple(dict.fromkeys((*rules, change.rule)))
            return Conflict(
                named,
                _sentence(named),
                change.suggestion,
                change.change,
                change.profile,
                found,
                solution,
            )
    return Conflict(
        rules,
        _sentence(rules),
        "Change several wishes at once, or ask a trainer in person.",
        {},
        profile,
    )


def _minimal_conflict(
    profile: Profile, problem: Callable[[Profile, frozenset[str]], Problem]
) -> tuple[str, ...]:
    out: frozenset[str] = frozenset()
    for rule in _RULES:
        trial = out | {rule}
        probe = problem(profile, trial)
        if solve(probe, "least", most_cost=10_000, deterministic_seconds=_PROBE_SECONDS) is None:
            out = trial
    kept = tuple(rule for rule in _RULES if rule not in out)
    return kept or ("count",)


def _sentence(rules: Iterable[str]) -> str:
    reasons = [_WHY[rule] for rule in rules if rule in _WHY]
    return "No week fits because " + ", and ".join(reasons) + "."


def _changes(profile: Profile) -> Iterator[_Change]:
    for step, minutes in enumerate(m for m in _MINUTES if m > profile.minutes):
        yield _Change(
            2 * step + 2,
            "time_max",
            f"Plan {minutes} minutes for each session.",
            {"time_per_session": minutes},
            replace(profile, minutes=minutes),
        )
    for days in range(profile.days - 1, 0, -1):
        yield _Change(
            5 * (profile.days - days),
            "days",
            f"Train on fewer days: {days} a week.",
            {"sessions_per_week": days},
            replace(profile, sessions_per_week=days),
        )
    for place in range(len(profile.avoid)):
        rest = (*profile.avoid[:place], *profile.avoid[place + 1 :])
        yield _Change(
            4,
            "avoid_list",
            "Allow one of the avoided movements again.",
            {"avoid_exercises_left": len(rest)},
            replace(profile, avoid=rest),
        )
    if len(profile.avoid) > 1:
        yield _Change(
            9,
            "avoid_list",
            "Allow the avoided movements again.",
            {"avoid_exercises_left": 0},
            replace(profile, avoid=()),
        )
    for cost, item in enumerate(("bands", "dumbbells", "kettlebell", "machine")):
        if item not in profile.equipment:
            more = implied({*profile.equipment, item})
            yield _Change(
                6 + cost,
                "equipment",
                f"Make more equipment available: {item}.",
                {"available_equipment": sorted(more)},
                replace(profile, equipment=more),
            )
