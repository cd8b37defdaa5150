"""What the request brings along: readings, targets, a period, in whatever words they come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agents.progress.goals import GoalGiven, metric_of
from agents.progress.model import Amount, Point, ProgressRequest
from agents.progress.series import METRICS, Metric, Reading, epley, to_canonical, unit_word

EPOCH_ORDINAL = 719163
"""`date(1970, 1, 1).toordinal()`"""

_SYNONYMS = {
    "bodyweight": "weight", "weightkg": "weight", "weightlbs": "weight", "currentweight": "weight",
    "bodyfatpercentage": "body_fat", "bodyfat": "body_fat", "fat": "body_fat",
    "bodyfatpercent": "body_fat", "muscle": "muscle_mass", "leanmass": "muscle_mass",
    "heartrate": "resting_heart_rate", "restinghr": "resting_heart_rate",
    "rhr": "resting_heart_rate", "pulse": "resting_heart_rate", "waistcircumference": "waist",
    "hip": "hips", "thighs": "thigh", "arms": "arm", "bicep": "arm", "biceps": "arm",
    "calves": "calf", "e1rm": "strength", "1rm": "strength", "onerepmax": "strength",
}  # fmt: skip
_LIFTS = frozenset(
    {"squat", "backsquat", "deadlift", "benchpress", "bench", "overheadpress", "press", "row"}
)
_PERIOD = re.compile(
    r"(?:last|past)?\s*(\d+)?\s*[-_ ]?(d|days?|w|weeks?|m|months?|y|years?)(?:ly)?", re.IGNORECASE
)
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
CATEGORIES = frozenset(
    {"weight_loss", "muscle_gain", "strength", "endurance", "flexibility", "other", "fat_loss"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """readings: of the request. replaced: metrics whose rows in the tables are not used."""

    readings: tuple[Reading, ...]
    replaced: frozenset[str]
    warnings: tuple[str, ...]


def metric_name(text: str) -> str | None:
    """The metric a free name means, None if none."""
    folded = re.sub(r"[^a-z0-9]", "", text.casefold())
    for name in METRICS:
        if folded == name.replace("_", ""):
            return name
    if folded in _LIFTS:
        return "strength"
    return _SYNONYMS.get(folded)


def read(request: ProgressRequest, today: int) -> Asked:
    """The request's readings. today: days since 1970; later points do not exist."""
    warnings: list[str] = []
    points = request.historical_data or ()
    later = [point for point in points if _day(point) > today]
    if later:
        warnings.append(f"future_rows_ignored: historical_data {len(later)}")
    kept = [point for point in points if _day(point) <= today]
    readings = [
        reading
        for index, point in enumerate(_one_lift(kept, warnings))
        if (reading := _point(point, index, request, warnings)) is not None
    ]
    replaced = frozenset(reading.metric for reading in readings)
    readings += _current(request, today, warnings)
    return Asked(tuple(readings), replaced, tuple(dict.fromkeys(warnings)))


def _day(point: Point) -> int:
    return point.date.toordinal() - EPOCH_ORDINAL


def _one_lift(points: Sequence[Point], warnings: list[str]) -> Iterator[Point]:
    """Loads of different lifts make no series: the one with most points is kept."""
    counts: dict[str, int] = {}
    for point in points:
        if metric_name(point.metric) == "strength":
            counts[point.metric] = counts.get(point.metric, 0) + 1
    chosen = max(counts, key=lambda name: counts[name], default=None)
    if len(counts) > 1:
        warnings.append(
            f"lifts_left_out: {len(counts) - 1} of {len(counts)} lifts in historical_data"
        )
    for point in points:
        if metric_name(point.metric) != "strength" or point.metric == chosen:
            yield point


def _point(
    point: Point, index: int, request: ProgressRequest, warnings: list[str]
) -> Reading | None:
    name = metric_name(point.metric)
    if name is None:
        warnings.append(
            "unknown_metric: historical_data names a metric that nothing is known about"
        )
        return None
    metric = METRICS[name]
    unit = _unit(point.unit, name, request)
    value = to_canonical(metric, point.value, unit)
    if value is None:
        warnings.append(f"unit_unknown: historical_data {name}")
        return None
    if name == "strength" and point.reps is not None:
        value = epley(value, point.reps)
        if value is None and point.reps < 1:
            warnings.append("reps_missing: loads of no repetition were left out")
            return None
        if value is None:
            warnings.append("reps_beyond_ten: loads of more than 10 repetitions were left out")
            return None
    writer = "staff" if unit is not None else "unstated"
    return Reading(name, _day(point) + index * 1e-5, point.value, value, writer)  # type: ignore[arg-type]


def _current(request: ProgressRequest, today: int, warnings: list[str]) -> list[Reading]:
    found = []
    for given, amount in (request.current_metrics or {}).items():
        name = metric_name(given)
        if name is None or amount.value <= 0:
            warnings.append("unknown_metric: current_metrics holds something that is no metric")
            continue
        unit = _unit(amount.unit, name, request)
        value = to_canonical(METRICS[name], amount.value, unit)
        if value is not None:
            writer = "staff" if unit is not None else "unstated"
            found.append(Reading(name, today + 0.98, amount.value, value, writer))  # type: ignore[arg-type]
    return found


def _unit(own: str | None, name: str, request: ProgressRequest) -> str | None:
    """The unit of a number of the request: its own, else the one for its metric, else for all."""
    units = request.units or {}
    by_metric = next((word for key, word in units.items() if metric_name(key) == name), None)
    for text in (own, by_metric, units.get("*")):
        word = unit_word(text)
        if word is not None and _fits(METRICS[name], word):
            return word
    return None


def _fits(metric: Metric, word: str) -> bool:
    return to_canonical(metric, 1.0, word) is not None


def first_day(period: str | int | None, today: int, warnings: list[str]) -> int | None:
    """The first day that `time_period` covers; None: all of them."""
    if period is None or (isinstance(period, str) and period.casefold() in ("all", "max")):
        return None
    if isinstance(period, int) or period.isdecimal():
        days = int(period)
    else:
        match = _PERIOD.fullmatch(period)
        days = int(match[1] or 1) * _DAYS[match[2][0].casefold()] if match else 0
    if not 1 <= days <= 36500:
        warnings.append(
            'time_period_unknown: expected days or a text such as "3 months"; all was read'
        )
        return None
    return today - days


def merge_goals(
    rows: Sequence[GoalGiven], request: ProgressRequest
) -> tuple[list[GoalGiven], list[str]]:
    """(the tables' goals with those that the request asks for marked or added, warnings).

    The app sends `{category: target}` without a unit, and two goals of a category collide there:
    the row whose target is the number is meant, else the most important one.
    """
    goals, warnings = list(rows), []
    for given, amount in (request.goal_metrics or {}).items():
        category = given.casefold().replace("-", "_").replace(" ", "_")
        name = None if category in CATEGORIES else metric_name(given)
        if name is None and category not in CATEGORIES:
            warnings.append("unknown_metric: goal_metrics holds something that is no metric")
            continue
        if amount.value <= 0:
            continue
        index = _meant(goals, category, name, amount, warnings)
        if index is None:
            goals.append(_new(category, name, amount, request))
        else:
            goals[index] = _asked(goals[index], amount)
    return goals, warnings


def _meant(
    goals: Sequence[GoalGiven],
    category: str,
    name: str | None,
    amount: Amount,
    warnings: list[str],
) -> int | None:
    same = [index for index, goal in enumerate(goals) if goal.category == category]
    if name is not None:
        same = [
            index
            for index, goal in enumerate(goals)
            if goal.target == amount.value and metric_of(goal, {}) in (None, name)
        ]
    exact = [index for index in same if goals[index].target == amount.value]
    if exact:
        return exact[0]
    still = [index for index in same if not goals[index].completed]
    if len(still) > 1:
        warnings.append(f"goal_ambiguous: {len(still)} goals of category {category}")
    return min(still, key=lambda index: goals[index].priority, default=None)


def _asked(goal: GoalGiven, amount: Amount) -> GoalGiven:
    if amount.target_date is not None:
        goal = replace(goal, target_day=amount.target_date.toordinal() - EPOCH_ORDINAL)
    if goal.target == amount.value:
        return replace(goal, asked=True)
    return replace(goal, asked=True, target=amount.value, unit=amount.unit, milestones=())


def _new(category: str, name: str | None, amount: Amount, request: ProgressRequest) -> GoalGiven:
    unit = amount.unit if name is None else _unit(amount.unit, name, request)
    day = amount.target_date
    return GoalGiven(
        goal_id=None,
        category=category if category in CATEGORIES else "other",
        target=amount.value,
        unit=unit,
        metric=name,
        asked=True,
        target_day=day.toordinal() - EPOCH_ORDINAL if day is not None else None,
    )
