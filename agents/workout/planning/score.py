"""How good a week is beyond being safe: at most 100 points, no rule among them.

35 volume (six majors, with a little for arms, calves and core), 15 time used and doses that need
no hurry and come more than once (to set up for one set is seldom worth it), 15 goal and focus,
10 compound work on every day, 10 well-known exercises, 5 variety, 5 preferences, 5 continuity with
what the client did before. The weights are advice and may be tuned freely.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.workout.exercises.exercise import MINOR_MUSCLES, Exercise
from agents.workout.planning.problem import Item, Option, Problem
from agents.workout.planning.session_time import COOLDOWN_SECONDS
from agents.workout.planning.volume import MAJOR_INDEXES, MUSCLE_INDEX, target_halves

_MINORS = tuple(MUSCLE_INDEX[muscle] for muscle in MINOR_MUSCLES)
_TIME_SHARE = 0.85
_COMPOUND_SHARE = 0.6
_STAPLE_SHARE = 0.8
_DISTINCT_SHARE = 0.75
_CARDIO_MINUTES = 10
_KNOWN_SHARE, _KEPT_SHARE = 0.5, 0.7
_WEIGHTS = frozenset({"barbell", "dumbbells", "kettlebell", "machine", "cable"})
_STACKS = frozenset({"machine", "cable"})
_EASIER_FIT = 0.5
_BEHIND_NECK = -2.0
"""Far enough below nothing that no volume pays for it: only what a week lacks otherwise does."""


class Appeal:
    """What each option is worth to this client, worked out once."""

    def __init__(self, problem: Problem, *, cardio: bool, weights: Mapping[str, int]) -> None:
        profile = problem.profile
        self.cardio = cardio
        self.target = target_halves(profile.level)
        self.focus = tuple(
            MUSCLE_INDEX[muscle] for muscle in profile.focus if muscle in MUSCLE_INDEX
        )
        self.full_seconds = _TIME_SHARE * 60 * profile.minutes
        self.overhead = problem.limits.warmup_seconds + COOLDOWN_SECONDS
        opinions = profile.opinions
        self.weighed = bool(weights) or bool(profile.preferred) or bool(opinions)
        self.continues = bool(profile.continuity)
        # A template is a hint, half of it is enough; a plan of ours that was trained goes on.
        goes_on = profile.before is not None and "plateau_variety" not in profile.adaptations
        self.known_share = _KEPT_SHARE if goes_on else _KNOWN_SHARE
        exercises = {option.key: option.exercise for option in problem.options}
        self.fit = {
            option.key: goal_fit(option, profile.goal, profile.level)
            * _EASIER_FIT ** _steps_below(option, problem, exercises)
            for option in problem.options
        }
        self.liking = {
            option.key: weights.get(option.key, 0)
            + (3 if option.key in profile.preferred else 0)
            + opinions.get(option.key, 0.0)
            for option in problem.options
        }
        self.known = {option.key: option.key in profile.continuity for option in problem.options}


@dataclass(slots=True)
class Totals:
    """Sums over the week. cardio_minutes, seconds, mains: by training day, seconds without cardio,
    mains the compound exercises that train a major muscle."""

    cardio_minutes: list[int]
    muscles: int
    halves: list[int] = field(init=False)
    seconds: list[int] = field(init=False)
    mains: list[int] = field(init=False)
    uses: dict[str, int] = field(default_factory=dict)
    group_sets: dict[str | None, int] = field(init=False)
    group_items: dict[str | None, int] = field(init=False)
    sets: int = 0
    items: int = 0
    compound_sets: int = 0
    staples: int = 0
    contacts: int = 0
    easy: float = 0.0
    fit: float = 0.0
    liking: float = 0.0
    known: int = 0

    def __post_init__(self) -> None:
        groups = ("knee_dominant", "hinge", "push", "pull", "core", None)
        self.halves = [0] * self.muscles
        self.seconds = [0] * len(self.cardio_minutes)
        self.mains = [0] * len(self.cardio_minutes)
        self.group_sets = dict.fromkeys(groups, 0)
        self.group_items = dict.fromkeys(groups, 0)

    @property
    def idle_days(self) -> int:
        """Days without any compound exercise for a major muscle: nobody comes for calves alone."""
        return self.mains.count(0)

    def count(self, day: int, item: Item, sign: int, appeal: Appeal) -> None:
        """Add (`sign` 1) or take away (-1) an item's part of every sum but the volumes."""
        option = item.option
        key, sets = option.key, sign * item.sets
        self.seconds[day] += sign * item.seconds
        self.mains[day] += sign * bool(option.majors and option.exercise.compound)
        self.sets += sets
        self.items += sign
        self.group_sets[option.group] += sets
        self.group_items[option.group] += sign
        self.contacts += option.contacts * sets
        self.compound_sets += sets * option.exercise.compound
        self.staples += sign * option.exercise.staple
        self.fit += sets * appeal.fit[key]
        self.liking += sign * appeal.liking[key]
        self.known += sign * appeal.known[key]
        if item.sets > 1:
            if item.dose is option.usual:
                self.easy += sign
            elif item.dose is option.tight:
                self.easy += 0.5 * sign
        uses = self.uses.get(key, 0) + sign
        if uses:
            self.uses[key] = uses
        else:
            del self.uses[key]


def _steps_below(option: Option, problem: Problem, options: Mapping[str, Exercise]) -> int:
    """How many harder variants of it a practised client has open: what they have outgrown.

    A step is one that asks for no other implement, or from what has no load to raise. Source:
    ACSM 2009 (overload).
    """
    exercise, steps = option.exercise, 0
    while exercise.level < problem.profile.level:
        harder = options.get(exercise.variant_up or "")
        if harder is None or not (_unloaded(exercise) or harder.equipment == exercise.equipment):
            break
        exercise, steps = harder, steps + 1
    return steps


def _unloaded(exercise: Exercise) -> bool:
    return exercise.own_weight or _WEIGHTS.isdisjoint(exercise.equipment)


def goal_fit(option: Option, goal: str, level: int) -> float:
    """How well an exercise serves a goal at a level 0-2: 0-1, less than nothing behind the neck.

    A band pulls most where the movement ends, and nobody knows how much; what beginners do with
    their own body is soon too easy to grow by; what goes behind the neck does the same in front of
    it, where shoulders mind it less. Few heavy repetitions need a load that can be raised far, for
    the advanced a free one (ACSM 2009).
    """
    exercise = option.exercise
    if "behind_neck" in exercise.flags:
        return _BEHIND_NECK
    weighted = not _unloaded(exercise)
    if goal == "strength":
        if not exercise.compound:
            return 0.4
        if not weighted:
            return 0.6 if exercise.level else 0.3
        if "barbell" in exercise.equipment:
            return 1.0
        stacked = not _STACKS.isdisjoint(exercise.equipment)
        return (0.85 if level == 2 else 1.0) if stacked else 0.8
    if goal == "hypertrophy":
        if weighted:
            return 1.0
        return 0.8 if "bands" in exercise.equipment else 0.6 if exercise.level else 0.4
    if goal == "endurance":
        return 1.0 if exercise.compound else 0.8
    return 1.0 if exercise.compound else 0.8 if option.block == "core" else 0.6


def _use(share: float) -> float:
    """0-1: what a session's share of the wished time is worth. The emptier a session, the more a
    minute in it, so that days come out alike."""
    idle = max(0.0, 1.0 - share)
    return 1.0 - idle * math.sqrt(idle)


def score(totals: Totals, appeal: Appeal) -> tuple[float, dict[str, float]]:
    """(points, points by part)."""
    halves, target = totals.halves, appeal.target
    majors = sum(min(halves[m], target) for m in MAJOR_INDEXES) / (len(MAJOR_INDEXES) * target)
    minors = sum(min(2 * halves[m], target) for m in _MINORS) / (len(_MINORS) * target)
    days = len(totals.seconds)
    used = sum(
        _use((appeal.overhead + seconds + 60 * minutes) / appeal.full_seconds)
        for seconds, minutes in zip(totals.seconds, totals.cardio_minutes, strict=True)
    )
    items = totals.items or 1
    sets = totals.sets or 1
    fit = totals.fit / sets
    if appeal.cardio:
        moving = min(1.0, sum(totals.cardio_minutes) / (_CARDIO_MINUTES * days))
        fit = 0.7 * fit + 0.3 * moving
    if appeal.focus:
        wanted = 1.25 * target
        focus = sum(min(halves[m], wanted) for m in appeal.focus) / (len(appeal.focus) * wanted)
        fit = 0.4 * fit + 0.6 * focus
    liking = min(1.0, max(0.0, 0.4 + totals.liking / (2.0 * items))) if appeal.weighed else 1.0
    known = min(1.0, totals.known / (items * appeal.known_share)) if appeal.continues else 1.0
    parts = {
        "volume": 31.0 * majors + 4.0 * minors,
        "time": 10.0 * used / days + 5.0 * totals.easy / items,
        "goal_and_focus": 15.0 * fit,
        "compound": 10.0
        * min(1.0, totals.compound_sets / (sets * _COMPOUND_SHARE))
        * (1.0 - totals.idle_days / days),
        "staples": 10.0 * min(1.0, totals.staples / (items * _STAPLE_SHARE)),
        "variety": 5.0 * min(1.0, len(totals.uses) / (items * _DISTINCT_SHARE)),
        "preferences": 5.0 * liking,
        "continuity": 5.0 * known,
    }
    return sum(parts.values()), parts
