"""What nobody needs a clearance for: walking, mobility, balance; and the drills around a session.

`safe_minimum` is the answer while a red flag stands: no strength work at all, effort 3 of 10 at
most, filtered by the same condition rules as everything else. It is never empty, because a stop
without anything to do instead is ignored: where the client's wishes to avoid things leave less
than three gentle exercises, health and equipment alone decide, and the answer says so. `warmup`
and `cooldown` are built here too, from drills that load nothing and put nobody on the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.allowed import Selection, limits_for, select
from agents.workout.planning.problem import WEEKDAYS
from agents.workout.planning.session_time import COOLDOWN_SECONDS, exercise_seconds
from agents.workout.profile import Limits, Profile
from agents.workout.screening.conditions import Restrictions

GENTLE_RPE = 3.0
FEWEST_SHOWN = 3
_WALKS = ("easy_walk", "treadmill_walk", "march_in_place", "seated_march")
_CARDIO = (
    "stationary_bike", "elliptical", "treadmill_walk", "brisk_walk", "rowing_ergometer",
    "march_in_place", "step_touch", "seated_march", "seated_punches",
    "seated_arm_swing",
)  # fmt: skip
_WALK_SECONDS, _MOST_WALK_SECONDS = 300, 1200
_DRILL_SECONDS = 30
_MOST_DRILLS = 5

# Known by their names alone, so the names promise nothing a condition could forbid.
_EASY_START = ("Walking on the spot", "Easy arm and leg movement", "Slow steps side to side")
_DYNAMIC = ("Hip and shoulder circles", "Practice sets without load")
_CALM_END = ("Slow walking and calm breathing", "Easy stretching while seated", "Calm breathing")
_BALANCE = ("Stand on one foot with support", "Stand heel to toe with support")
# The same for who sits: the four lists in the same order.
_SEATED = (
    ("Easy arm circles while seated", "Easy punches while seated"),
    ("Shoulder circles while seated", "Practice sets without load"),
    ("Calm breathing", "Easy arm stretching while seated"),
    ("Reach to all sides while seated", "Turn and look back while seated"),
)
DRILL_NAMES = tuple(
    dict.fromkeys(
        name for names in (_EASY_START, _DYNAMIC, _CALM_END, _BALANCE, *_SEATED) for name in names
    )
)


@dataclass(frozen=True, slots=True)
class Drill:
    """A warm-up or cool-down item; kind is `balance` or None."""

    name: str
    seconds: int
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class GentleItem:
    """One walking, mobility or balance exercise of a safe minimum; `seconds` of its one set."""

    exercise: Exercise
    seconds: int


@dataclass(frozen=True, slots=True)
class GentleSession:
    """One day of a safe minimum, Monday 1."""

    weekday: int
    items: tuple[GentleItem, ...]


@dataclass(frozen=True, slots=True)
class SafeMinimum:
    """Gentle movement for a week. others: all that the client may do gently, for pages that must
    show three exercises when a short session with a long warm-up holds only one or two.
    despite_wishes: some of it was to be avoided, or less than three exercises were left."""

    limits: Limits
    sessions: tuple[GentleSession, ...]
    others: tuple[GentleItem, ...]
    despite_wishes: bool = False


def warmup(profile: Profile, limits: Limits, allowed: Callable[[str], bool]) -> tuple[Drill, ...]:
    """At least `limits.warmup_seconds` of drills; from 65 on one of them is for balance.

    allowed: whether the client may be shown a drill of this name.
    """
    start, dynamic, _, balance = _drill_names(profile)
    seconds = limits.warmup_seconds
    drills: list[Drill] = []
    if profile.age is not None and profile.age >= 65:
        name = _first(balance, allowed)
        drills.append(Drill(name, 60, "balance"))
        seconds -= 60
    half = seconds // 2 // 30 * 30
    drills.insert(0, Drill(_first(start, allowed), seconds - half))
    drills.append(Drill(_first(dynamic, allowed), half))
    return tuple(drills)


def cooldown(profile: Profile, allowed: Callable[[str], bool]) -> tuple[Drill, ...]:
    """Three minutes to come down."""
    return (Drill(_first(_drill_names(profile)[2], allowed), COOLDOWN_SECONDS),)


def _drill_names(profile: Profile) -> tuple[Sequence[str], ...]:
    """Names of drills: to start, dynamic, to end, for balance."""
    if "wheelchair" in profile.conditions:
        return _SEATED
    return _EASY_START, _DYNAMIC, _CALM_END, _BALANCE


def _first(names: Sequence[str], allowed: Callable[[str], bool]) -> str:
    return next((name for name in names if allowed(name)), "Gentle movement of your choice")


def session_cardio(exercises: Iterable[Exercise]) -> tuple[Exercise, ...]:
    """Cardio without impact for the end of sessions, the better known first; may be empty."""
    by_key = {e.key: e for e in exercises if e.pattern == "cardio" and e.impact == 0}
    return tuple(by_key[key] for key in _CARDIO if key in by_key)


def safe_minimum(
    profile: Profile, restrictions: Restrictions, library: Iterable[Exercise]
) -> SafeMinimum:
    """One week to repeat until somebody with authority said yes: the wished days, within minutes.

    Each session has balance and mobility first and a walk to end with.
    """
    exercises = tuple(library)
    limits = limits_for(profile, restrictions)
    wished = _gentle(select(profile, restrictions, exercises))
    shown = wished
    despite_wishes = len(wished) < FEWEST_SHOWN
    if despite_wishes:
        safe = _gentle(select(profile, restrictions, exercises, frozenset({"avoid_list"})))
        shown = [*wished, *(exercise for exercise in safe if exercise not in wished)]
    hold = min(_DRILL_SECONDS, limits.max_hold_seconds)
    return SafeMinimum(
        limits=limits,
        sessions=_sessions(profile, limits, wished or shown),
        others=tuple(GentleItem(exercise, hold) for exercise in shown),
        despite_wishes=despite_wishes,
    )


def _gentle(selection: Selection) -> list[Exercise]:
    return [
        exercise
        for exercise in sorted(selection.allowed.values(), key=lambda e: (not e.staple, e.key))
        if exercise.pattern == "mobility"
        or (exercise.pattern == "balance" and exercise.fall_risk < 2)
        or exercise.key in _WALKS
    ]


def _sessions(
    profile: Profile, limits: Limits, gentle: Sequence[Exercise]
) -> tuple[GentleSession, ...]:
    balance = [e for e in gentle if e.pattern == "balance"]
    mobility = [e for e in gentle if e.pattern == "mobility"]
    by_key = {e.key: e for e in gentle}
    walk = next((by_key[key] for key in _WALKS if key in by_key), None)
    budget = 60 * profile.minutes - limits.warmup_seconds - COOLDOWN_SECONDS
    sessions = []
    for day, weekday in enumerate(WEEKDAYS[profile.days]):
        drills = [*_turned(balance, day)[:1], *_turned(mobility, day)[: _MOST_DRILLS - 1]]
        sessions.append(GentleSession(weekday, _fitted(drills, walk, budget, limits)))
    return tuple(sessions)


def _turned(items: Sequence[Exercise], by: int) -> list[Exercise]:
    if not items:
        return []
    start = by % len(items)
    return [*items[start:], *items[:start]]


def _fitted(
    drills: Sequence[Exercise], walk: Exercise | None, budget: int, limits: Limits
) -> tuple[GentleItem, ...]:
    items: list[GentleItem] = []
    left = budget
    hold = min(_DRILL_SECONDS, limits.max_hold_seconds)
    reserve = _WALK_SECONDS // 2 if walk is not None else 0
    for exercise in drills:
        needed = _seconds(exercise, hold)
        if needed + (reserve if len(items) >= 2 else 0) <= left:
            items.append(GentleItem(exercise, hold))
            left -= needed
    if walk is not None:
        for seconds in range(_MOST_WALK_SECONDS, 59, -60):
            if _seconds(walk, seconds) <= left:
                items.append(GentleItem(walk, seconds))
                break
    return tuple(items)


def _seconds(exercise: Exercise, hold: int) -> int:
    return exercise_seconds(exercise, sets=1, reps=1, hold=hold, rest=0)
