"""Fills the gaps of a request from the main app's tables, then from defaults, and says which.

The order for each field is fixed: what the caller said, what the tables show, a default. Nothing
is asked back, because a caller that gets no plan shows a random one. Doubtful values are replaced
and named in `data_warnings`; where each value came from stands in `profile.sources`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from agents.crm.history import RECENT_WEEKS, TrainingHistory
from agents.crm.rows import ClientWorkoutRow
from agents.workout import wishes
from agents.workout.exercises.catalogue import find
from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.gentle import DRILL_NAMES
from agents.workout.profile import LEVELS, MAX_BUILT_WEEKS, Goal, Profile
from agents.workout.request import WorkoutConfig, WorkoutRequest

_PLAUSIBLE_AGE = range(4, 111)
_MINUTES = (15, 120)
_INTERMEDIATE_SESSIONS = 24
_DEFAULT_COUNT = 5
_NO_WEIGHT_LOSS = frozenset(
    {"pregnancy", "pregnancy_complication", "postpartum", "eating_disorder", "youth"}
)
_AGAINST_LOSING = {"youth": "an age under 16"}

V = TypeVar("V")


@dataclass(slots=True)
class Gathered:
    """A profile in the making: warnings and sources are collected along the way."""

    warnings: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        """Add a warning once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def pick(self, name: str, *candidates: tuple[V | None, str]) -> V | None:
        """The first candidate that is known, its source noted under `name`."""
        for value, source in candidates:
            if value is not None:
                self.sources[name] = source
                return value
        return None


def fill(
    request: WorkoutRequest,
    history: TrainingHistory | None,
    config: WorkoutConfig,
    library: Mapping[str, Exercise],
    resting_heart_rate: int | None = None,
) -> tuple[Profile, tuple[str, ...]]:
    """(profile without conditions, warnings). history: None where there is no main app."""
    into = Gathered()
    workouts = _current(history)
    focus_muscles, focus_words = wishes.focus(request.focus_areas or ())
    if focus_words.unknown:
        into.warn(f"focus_unknown: {focus_words.unknown} of focus_areas matched no known area")
    duration = _duration(request, config, into)
    minutes = into.pick(
        "minutes",
        (request.time_per_session, "request"),
        (_clamped(history.median_minutes if history else None, *_MINUTES), "sessions.duration"),
        (config.default_minutes, "default"),
    )
    days = into.pick(
        "sessions_per_week",
        (request.sessions_per_week, "request"),
        (_frequency(workouts), "client_workouts.frequency_per_week"),
        (_done_per_week(history), "sessions.completed"),
        (config.default_sessions_per_week, "default"),
    )
    profile = Profile(
        client_id=request.client_id,
        kind=request.kind,
        goal=_goal(request, history, focus_words.known, into),
        level=_level(request, history, workouts, into),
        equipment=_equipment(request, workouts, into),
        minutes=minutes or config.default_minutes,
        sessions_per_week=days or config.default_sessions_per_week,
        weeks=min(duration, MAX_BUILT_WEEKS),
        duration_weeks=duration,
        age=_age(request, history, into),
        focus=focus_muscles,
        focus_areas=focus_words.known,
        count=request.count or _DEFAULT_COUNT,
        preferred=_preferred(request, library, into),
        avoid=_avoided(request, library, into),
        continuity=_continuity(workouts),
        resting_heart_rate=resting_heart_rate,
        adaptations=request.adaptations,
        sources=into.sources,
    )
    return profile, tuple(into.warnings)


def healthy_goal(profile: Profile) -> tuple[Profile, tuple[str, ...]]:
    """(the client with a goal that their health allows, warnings).

    Nobody helps a pregnant client, one under 16 or one with an eating disorder to lose weight.
    Sources: NICE PH27 (no dieting in pregnancy), doi 10.1136/bjsports-2023-106994 (eating
    disorders), doi 10.1542/peds.2016-1649 (no dieting of the young but under a doctor's care).
    """
    against = sorted(profile.conditions & _NO_WEIGHT_LOSS)
    if profile.goal != "weight_loss" or not against:
        return profile, ()
    sources = {**profile.sources, "goal": "health"}
    why = ", ".join(_AGAINST_LOSING.get(code, code) for code in against)
    warning = f"goal_changed: {why} speaks against losing weight; planned for general fitness"
    return replace(profile, goal="general", sources=sources), (warning,)


def moment(request: WorkoutRequest, now: datetime, zone: str) -> datetime:
    """The instant at which the tables are read; later rows do not exist."""
    if request.as_of is None:
        return now
    if request.as_of.tzinfo is not None:
        return request.as_of
    return request.as_of.replace(tzinfo=request.zone(zone))


def _clamped(value: int | None, low: int, high: int) -> int | None:
    return None if value is None else min(max(value, low), high)


def _current(history: TrainingHistory | None) -> Sequence[ClientWorkoutRow]:
    """The client's templates, active ones first, newest first."""
    if history is None:
        return ()
    return sorted(history.workouts, key=lambda row: row.status != "active")


def _duration(request: WorkoutRequest, config: WorkoutConfig, into: Gathered) -> int:
    default = 1 if request.kind == "recommendations" else config.default_weeks
    weeks = into.pick("duration_weeks", (request.duration_weeks, "request"), (default, "default"))
    if (weeks or default) > MAX_BUILT_WEEKS:
        into.warn(
            f"duration_cut: {MAX_BUILT_WEEKS} of {weeks} weeks were built; ask again for the rest"
        )
    return weeks or default


def _frequency(workouts: Iterable[ClientWorkoutRow]) -> int | None:
    found = next((row.frequency_per_week for row in workouts if row.frequency_per_week), None)
    return _clamped(found, 1, 6)


def _done_per_week(history: TrainingHistory | None) -> int | None:
    if history is None or not history.sessions_done_recently:
        return None
    return _clamped(math.ceil(history.sessions_done_recently / RECENT_WEEKS), 1, 6)


def _goal(
    request: WorkoutRequest,
    history: TrainingHistory | None,
    focus_words: Sequence[str],
    into: Gathered,
) -> Goal:
    asked = wishes.goal(wishes.pieces(request.goals or ()))
    if request.goals and asked.goal is None:
        into.warn("goal_unknown: goals matched no known goal")
    found = _settled(asked, "request", into)
    if found is not None:
        return found
    if history is not None:
        for priority in ("high", "medium", "low"):
            rows = [row for row in history.goals if row.priority == priority]
            texts = [f"{row.category or ''} {row.title or ''}" for row in rows]
            found = _settled(wishes.goal(texts), "goals", into)
            if found is not None:
                return found
        own = wishes.goal(wishes.pieces((history.client.goals or "",)))
        found = _settled(own, "clients.goals", into)
        if found is not None:
            return found
    found = _settled(wishes.goal(focus_words), "focus_areas", into)
    if found is None:
        into.sources["goal"] = "default"
        why = "no goal was understood" if request.goals else "nobody named a goal"
        into.warn(f"goal_assumed: {why}; planned for general fitness")
    return found or "general"


def _settled(wish: wishes.GoalWish, source: str, into: Gathered) -> Goal | None:
    if wish.opposed:
        into.warn(
            f"contradictory_goals: {source} ask for losing and gaining; planned as general fitness"
        )
    if wish.sport:
        into.warn(
            f"goal_sport: {source} name a sport or an event; its own practice, long distances and "
            "matches are not planned"
        )
    if wish.goal is not None:
        into.sources["goal"] = source
    return wish.goal


def _level(
    request: WorkoutRequest,
    history: TrainingHistory | None,
    workouts: Sequence[ClientWorkoutRow],
    into: Gathered,
) -> int:
    """0-2. Advanced only if the caller says so; the app sends `intermediate` when nobody did."""
    asked = LEVELS.index(request.fitness_level) if request.fitness_level else None
    template = _template_level(workouts)
    done = history.sessions_done if history else 0
    practised = 1 if done >= _INTERMEDIATE_SESSIONS else None
    weak = asked == 1 and request.duration_weeks is None and history is not None
    if weak and template == 0 and practised is None:
        into.warn("fitness_level_weak: the client's own template is for beginners; planned so")
        into.sources["level"] = "workout_templates.difficulty"
        return 0
    level = into.pick(
        "level",
        (asked, "request"),
        (template, "workout_templates.difficulty"),
        (practised, "sessions.completed"),
        (0, "default"),
    )
    if into.sources["level"] == "default":
        into.warn("fitness_level_assumed: nobody named a level; planned for a beginner")
    return level or 0


def _template_level(workouts: Iterable[ClientWorkoutRow]) -> int | None:
    for row in workouts:
        word = (row.template.difficulty or "").strip().lower() if row.template else ""
        if word in LEVELS:
            return min(1, LEVELS.index(word))
    return None


def _equipment(
    request: WorkoutRequest, workouts: Sequence[ClientWorkoutRow], into: Gathered
) -> frozenset[str]:
    if request.available_equipment:
        asked = wishes.equipment(request.available_equipment)
        if asked.unknown:
            into.warn(
                f"equipment_unknown: {asked.unknown} words of available_equipment match no "
                "equipment and were left out"
            )
        into.sources["equipment"] = "request"
        return frozenset(asked.known)
    words = [word for row in workouts if row.template for word in row.template.equipment]
    known = wishes.equipment(words)
    if len(known.known) > 1:
        into.sources["equipment"] = "workout_templates"
        return frozenset(known.known)
    into.sources["equipment"] = "default"
    into.warn("equipment_assumed: nobody named equipment; planned with bodyweight alone")
    return wishes.ALWAYS_THERE


def _age(request: WorkoutRequest, history: TrainingHistory | None, into: Gathered) -> int | None:
    stored = history.client.age if history else None
    for value, source in ((request.age, "request"), (stored, "clients.age")):
        if value is None:
            continue
        if value in _PLAUSIBLE_AGE:
            into.sources["age"] = source
            return value
        into.warn(f"implausible_age: {source} says {value}; taken as unknown")
    into.sources["age"] = "unknown"
    return None


def _preferred(
    request: WorkoutRequest, library: Mapping[str, Exercise], into: Gathered
) -> frozenset[str]:
    asked = wishes.pieces(request.preferences or ())
    wanted = [*asked, *wishes.lifts(request.goals or ())]
    if not wanted:
        return frozenset()
    names = wishes.Names(library.values())
    keys = {key for wish in wanted for key in names.meant_by(wish)}
    gear = set(wishes.equipment(wanted, inside=False).known) - wishes.ALWAYS_THERE
    keys |= {key for key, exercise in library.items() if gear & set(exercise.equipment)}
    if not keys and asked:
        into.warn("preferences_unknown: preferences match no exercise")
    return frozenset(keys)


def _avoided(
    request: WorkoutRequest, library: Mapping[str, Exercise], into: Gathered
) -> tuple[str, ...]:
    """The wishes that rule something out, one of those that rule out the same."""
    unwanted = wishes.pieces(request.avoid_exercises or ())
    if not unwanted:
        return ()
    names = wishes.Names(library.values(), also=DRILL_NAMES)
    kept: dict[frozenset[str], str] = {}
    unmatched = 0
    for wish in unwanted:
        meant = names.meant_by(wish)
        unmatched += not meant
        if meant:
            kept.setdefault(meant, wish)
    if unmatched:
        into.warn(f"avoid_unknown: {unmatched} of avoid_exercises match no exercise")
    return tuple(kept.values())


def _continuity(workouts: Sequence[ClientWorkoutRow]) -> frozenset[str]:
    """Catalogue keys of the exercises in the client's newest template."""
    for row in workouts:
        if row.template is None or not row.template.exercises:
            continue
        names = [line.exercise.name for line in row.template.exercises if line.exercise]
        return frozenset(known.key for name in names if (known := find(name)) is not None)
    return frozenset()
