"""Which metric a goal means, its target in that metric's unit, and the way that leads there.

A goal's row was typed by a person: the unit is free text or missing, the target may be an amount
("Lose 20 lbs") or live in the title only, and the app closes falling goals at their first update.
Nothing here looks at a forecast; `agents.progress.forecast` decides what became of a goal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.progress import units
from agents.progress.series import METRICS, Series, to_canonical, unit_word
from agents.progress.units import POUNDS_PER_KG, log_ratio

_LOSE = re.compile(r"\b(lose|loss|drop|shed|cut|reduce|lower|slim|bajar|perder)\b", re.IGNORECASE)
_GAIN = re.compile(r"\b(gain|build|bulk|add|put on|increase|raise|ganar|subir)\b", re.IGNORECASE)
_KEEP = re.compile(r"\b(maintain|maintenance|keep|hold|stay|mantener)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(kgs?|kilos?|lbs?|pounds?|cm|in(?:ch(?:es)?)?|%)(?![a-z])",
    re.IGNORECASE,
)
_BODY = re.compile(r"\b(weigh|get to|down to|up to|reach|lose|gain|drop|slim)\b", re.IGNORECASE)
_TITLE_METRICS = (
    ("body_fat", re.compile(r"\b(body[ -]?fat|fat percentage|bf)\b", re.IGNORECASE)),
    ("muscle_mass", re.compile(r"\b(muscle mass|lean mass)\b", re.IGNORECASE)),
    ("resting_heart_rate", re.compile(r"\b(heart rate|pulse|resting hr)\b", re.IGNORECASE)),
    ("waist", re.compile(r"\b(waist|belly)\b", re.IGNORECASE)),
    ("hips", re.compile(r"\bhips?\b", re.IGNORECASE)),
    ("chest", re.compile(r"\bchest\b", re.IGNORECASE)),
    ("thigh", re.compile(r"\bthighs?\b", re.IGNORECASE)),
    ("arm", re.compile(r"\b(arms?|biceps)\b", re.IGNORECASE)),
    ("calf", re.compile(r"\b(calf|calves)\b", re.IGNORECASE)),
)
_CATEGORY_DIRECTIONS = {"weight_loss": -1, "fat_loss": -1, "muscle_gain": 1, "weight_gain": 1}
_CATEGORY_METRICS = {"weight_loss": "weight", "fat_loss": "weight", "weight_gain": "weight"}
_UNMEASURED = frozenset({"strength", "endurance", "flexibility"})
_SMALLEST_SHARE_AS_TARGET = 0.45
_FIRST_READINGS, _CLEARLY = 3, 0.01


@dataclass(frozen=True, slots=True)
class GoalGiven:
    """A goal as a row or a request has it. start_day, target_day, closed_day: days since 1970."""

    goal_id: int | None
    category: str
    title: str = ""
    target: float | None = None
    unit: str | None = None
    priority: int = 1
    start_day: int | None = None
    target_day: int | None = None
    closed_day: int | None = None
    completed: bool = False
    metric: str | None = None
    asked: bool = False
    milestones: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class GoalRead:
    """A goal understood. metric: None where no reading measures it. target: in its unit.

    toward: -1 or 1. unit_guessed: the target's unit was told from its size. milestones: in the
    metric's unit. keeps: to stay there is the goal, not to arrive.
    """

    given: GoalGiven
    metric: str | None
    target: float | None
    toward: int
    unit_guessed: bool = False
    milestones: tuple[float, ...] = ()
    keeps: bool = False


def direction_of(goal: GoalGiven) -> int:
    """-1, 1, or 0 if neither category nor title says which way."""
    if goal.category in _CATEGORY_DIRECTIONS:
        return _CATEGORY_DIRECTIONS[goal.category]
    lose, gain = bool(_LOSE.search(goal.title)), bool(_GAIN.search(goal.title))
    return int(gain) - int(lose)


def says_pounds(goals: Sequence[GoalGiven]) -> bool:
    """Whether a weight goal's unit or title speaks of pounds."""
    for goal in goals:
        amount = _amount(goal.title)
        if unit_word(goal.unit) == "lbs" or (amount is not None and amount[1] == "lbs"):
            return True
    return False


def evidence(goals: Sequence[GoalGiven]) -> list[units.Goal]:
    """Weight targets whose unit was stated: evidence for the scale of the readings."""
    found = []
    for goal in goals:
        unit = unit_word(goal.unit)
        if goal.target is None or unit not in ("kg", "lbs", "st"):
            continue
        if _title_metric(goal.title) is not None or goal.category in _UNMEASURED:
            continue
        if goal.metric not in (None, "weight") or goal.category == "muscle_gain":
            continue
        kg = to_canonical(METRICS["weight"], goal.target, unit)
        if kg is not None and METRICS["weight"].low <= kg <= METRICS["weight"].high:
            found.append(units.Goal(kg, unit_known=True, direction=direction_of(goal)))
    return found


def read(goal: GoalGiven, series: Mapping[str, Series]) -> GoalRead:
    """What the goal means, given what was measured. series: by metric, may be empty."""
    name = metric_of(goal, series)
    if name is None:
        return GoalRead(goal, None, None, direction_of(goal))
    metric, measured = METRICS[name], series.get(name)
    toward = direction_of(goal)
    level = measured.usual if measured is not None and len(measured.days) else None
    target, guessed = _target(goal, name, level, measured)
    if target is not None and not metric.low <= target <= metric.high:
        target = None
    keeps = toward == 0 and target is not None and _KEEP.search(goal.title) is not None
    if toward == 0 and target is not None and not keeps:
        # A bare number where the client already stands, from the start on, is to be kept.
        started = _level_on(measured, goal.start_day)
        stands = [at for at in (started, level) if at is not None]
        near = all(abs(log_ratio(target, at)) < _CLEARLY for at in stands)
        keeps = bool(stands) and near and measured is not None and measured.enough
    if toward == 0 and target is not None:
        first = level if keeps else _level_on(measured, goal.start_day)
        toward = 1 if first is not None and target > first else -1
    scale = None
    if target is not None and goal.target:
        scale = target / goal.target
    milestones = tuple(
        value * scale for value in goal.milestones if scale is not None and value > 0
    )
    return GoalRead(goal, name, target, toward or -1, guessed, milestones, keeps)


def past_from_start(goal: GoalRead, measured: Series | None) -> bool:
    """Whether the first readings of the goal's time were all beyond its target, and clearly so:
    then its value or its direction is a slip, and nothing was achieved."""
    if goal.target is None or goal.keeps or measured is None:
        return False
    since = measured.values[measured.days >= (goal.given.start_day or 0)][:_FIRST_READINGS]
    beyond = (since - goal.target) * goal.toward
    return len(since) == _FIRST_READINGS and bool((beyond > _CLEARLY * goal.target).all())


def contradictory(goals: Sequence[GoalRead]) -> bool:
    """Whether two open goals want one metric to go both ways."""
    ways: dict[str, set[int]] = {}
    for goal in goals:
        if goal.metric is not None and goal.target is not None:
            ways.setdefault(goal.metric, set()).add(goal.toward)
    return any(len(directions) > 1 for directions in ways.values())


def metric_of(goal: GoalGiven, series: Mapping[str, Series]) -> str | None:
    """The metric that a goal is about, None where that cannot be told. series: by metric."""
    if goal.metric is not None:
        return goal.metric
    titled = _title_metric(goal.title)
    if titled is not None:
        return titled
    if goal.category in _UNMEASURED:
        return "strength" if goal.category == "strength" and "strength" in series else None
    unit = unit_word(goal.unit)
    by_unit = {"%": "body_fat", "bpm": "resting_heart_rate"}.get(unit or "")
    if by_unit is not None:
        return by_unit
    if unit in ("cm", "in"):
        return None
    if goal.category in _CATEGORY_METRICS:
        return "weight"
    if goal.category == "muscle_gain":
        return _muscle_metric(goal, unit, series)
    amount = _amount(goal.title)
    titled_amount = amount is not None and amount[1] in ("kg", "lbs") and _BODY.search(goal.title)
    return "weight" if unit in ("kg", "lbs", "st") or titled_amount else _weight_word(goal.title)


def _weight_word(title: str) -> str | None:
    return "weight" if "weight" in title.casefold() else None


def _muscle_metric(goal: GoalGiven, unit: str | None, series: Mapping[str, Series]) -> str | None:
    """Muscle is told by its own series if the target is near it, else by the weight."""
    near: dict[str, float] = {}
    for name in ("weight", "muscle_mass"):
        measured = series.get(name)
        if measured is None or not len(measured.days):
            continue
        if goal.target is None or goal.target <= 0:
            near[name] = 0.0
            continue
        sizes = [to_canonical(METRICS[name], goal.target, unit)]
        if unit is None:
            sizes.append(goal.target / POUNDS_PER_KG)
        near[name] = min(
            abs(log_ratio(size, measured.usual)) for size in sizes if size is not None
        )
    return min(near, key=lambda name: near[name]) if near else "weight"


def _title_metric(title: str) -> str | None:
    return next((name for name, pattern in _TITLE_METRICS if pattern.search(title)), None)


def _amount(title: str) -> tuple[float, str] | None:
    """A number with a unit in a title, e.g. (20.0, "lbs")."""
    match = _AMOUNT.search(title)
    if match is None:
        return None
    unit = unit_word(match[2])
    return (float(match[1].replace(",", ".")), unit) if unit else None


def _target(
    goal: GoalGiven, name: str, level: float | None, measured: Series | None
) -> tuple[float | None, bool]:
    """(target in the metric's unit, whether its unit was guessed)."""
    metric = METRICS[name]
    amount = _amount(goal.title)
    relative = amount if amount and direction_of(goal) and _is_relative(goal.title) else None
    if goal.target is None or goal.target <= 0:
        if relative is not None:
            return _from_start(goal, name, measured, *relative), False
        if amount is not None:
            return to_canonical(metric, *amount), False
        return None, False
    unit = unit_word(goal.unit)
    stated = to_canonical(metric, goal.target, unit)
    if level is None:
        return stated, False
    if relative is not None and stated is not None and stated < _SMALLEST_SHARE_AS_TARGET * level:
        # "Lose 20 lbs" with 20 in the target's column: an amount, not a place to arrive.
        return _from_start(goal, name, measured, goal.target, unit or relative[1]), False
    if stated is not None and unit is not None and abs(log_ratio(stated, level)) < math.log(1.6):
        return stated, False
    return _nearest(name, goal.target, stated, level)


def _nearest(
    name: str, target: float, stated: float | None, level: float
) -> tuple[float | None, bool]:
    """The reading of a bare number that lies nearest to today's level."""
    metric = METRICS[name]
    sizes = [target]
    if metric.unit == "kg":
        sizes.append(target / POUNDS_PER_KG)
    elif metric.unit == "cm":
        sizes.append(target * 2.54)
    if stated is not None:
        sizes.append(stated)
    best = min(sizes, key=lambda size: abs(log_ratio(size, level)))
    return best, stated is None or not math.isclose(best, stated)


def _is_relative(title: str) -> bool:
    return not re.search(r"\b(to|reach|under|below|at|down to)\s+\d", title, re.IGNORECASE)


def _from_start(
    goal: GoalGiven, name: str, measured: Series | None, size: float, unit: str | None
) -> float | None:
    first = _level_on(measured, goal.start_day)
    metric = METRICS[name]
    step = first * size / 100 if unit == "%" and first and metric.unit != "%" else None
    step = to_canonical(metric, size, unit) if step is None else step
    if first is None or step is None:
        return None
    return first + direction_of(goal) * step


def _level_on(measured: Series | None, day: int | None) -> float | None:
    """The typical value around `day`: of the five readings nearest to it; None: the first ones."""
    if measured is None or not len(measured.days):
        return None
    if day is None:
        return float(sorted(measured.values[:5])[len(measured.values[:5]) // 2])
    order = abs(measured.days - day).argsort()[:5]
    near = sorted(measured.values[order])
    return float(near[len(near) // 2])
