"""What in the numbers a doctor or a dietitian should hear of before a coach goes on.

Sources: WHO Technical Report Series 894 (2000): a body mass index below 18.5 is underweight.
ACSM's Guidelines for Exercise Testing and Prescription: essential fat is 3 to 5 % of a man's
body, more of a woman's. BMJ 2011;342:d1732: 5 % lost within six to twelve months without meaning
to is to be looked into. AHA, All About Heart Rate: an adult's heart beats 60 to 100 times a minute
at rest. ESC guidelines on heart failure, 2021 (doi 10.1093/eurheartj/ehab368): a weight that jumps
within days is water; the bound here is twice theirs, for bodies of healthy people swing as well.
doi 10.1542/peds.2016-1649: who is still growing diets under a doctor's care only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Literal

from agents.progress.forecast import Forecast
from agents.progress.goals import GoalGiven, direction_of
from agents.progress.series import Reading, Series
from agents.progress.units import log_ratio

Concern = Literal["young_loss", "unhealthy_target", "unintended_loss", "sudden_gain", "fast_pulse"]

UNDERWEIGHT_BMI = 18.5
ESSENTIAL_FAT_PERCENT = 5.0
UNINTENDED_SHARE = 0.05
GROWN_UP = 16
FASTEST_AT_REST = 100
_LOSS_DAYS, _LEAST_SPAN_DAYS, _RECENT_DAYS = 182, 28, 60
_ENDS = 3
_SUDDEN_SHARE, _SUDDEN_DAYS, _BEFORE_DAYS = 0.035, 5, 14
_HEIGHT_SQUARED_M2 = (1.2**2, 2.2**2)
_SAME_UNIT = 0.3
_SHRINKING = frozenset({"weight", "body_fat", "chest", "waist", "hips", "thigh", "arm", "calf"})


def concerns(
    readings: Sequence[Reading],
    goals: Sequence[GoalGiven],
    series: Mapping[str, Series],
    forecasts: Sequence[Forecast],
    today: int,
    age: int | None = None,
) -> Iterator[Concern]:
    """Each concern once, the gravest first. today: days since 1970. age: in years, if known."""
    pulse = series.get("resting_heart_rate")
    if pulse is not None and _races(pulse, today):
        yield "fast_pulse"
    heavier = series.get("weight")
    if heavier is not None and _jumped(heavier, today):
        yield "sudden_gain"
    losing = [
        i for i in forecasts if i.goal.toward < 0 and i.goal.metric in ("weight", "body_fat")
    ]
    if age is not None and age < GROWN_UP and any(i.goal.target is not None for i in losing):
        yield "young_loss"
    if any(_unhealthy(item, series, readings) for item in forecasts):
        yield "unhealthy_target"
    meant = any(direction_of(goal) < 0 for goal in goals) or any(
        item.goal.toward < 0 and item.goal.metric in _SHRINKING for item in forecasts
    )
    weight = series.get("weight")
    if not meant and weight is not None and _lost(weight, today):
        yield "unintended_loss"


def _races(pulse: Series, today: int) -> bool:
    """Whether the middle of the last three pulses at rest is too fast, and they are recent."""
    newest = pulse.values[-_ENDS:]
    if len(newest) < _ENDS or today - pulse.days[-1] > _RECENT_DAYS:
        return False
    return bool(median(newest) > FASTEST_AT_REST)


def _jumped(weight: Series, today: int) -> bool:
    """Whether the last two readings lie a good way above all that was usual days before.

    Two, for one may be a slip; the days before end where a week of such a gain began.
    """
    if weight.unit_uncertain or len(weight.days) < 2 * _ENDS:
        return False
    if today - weight.days[-1] > _BEFORE_DAYS:
        return False
    ago = weight.days[-1] - weight.days
    before = weight.values[(ago >= _SUDDEN_DAYS) & (ago <= _BEFORE_DAYS)]
    if len(before) < 2 or ago[-2] >= _SUDDEN_DAYS:
        return False
    return bool(weight.values[-2:].min() >= (1 + _SUDDEN_SHARE) * median(before))


def _unhealthy(item: Forecast, series: Mapping[str, Series], readings: Sequence[Reading]) -> bool:
    goal = item.goal
    if goal.target is None or goal.toward >= 0:
        return False
    if goal.metric == "body_fat":
        return goal.target < ESSENTIAL_FAT_PERCENT
    if goal.metric != "weight" or "weight" not in series:
        return False
    squared = _height_squared(series["weight"], readings)
    return squared is not None and goal.target / squared < UNDERWEIGHT_BMI


def _height_squared(weight: Series, readings: Sequence[Reading]) -> float | None:
    """In m², from the indexes typed beside weights whose unit is the series' own."""
    if not len(weight.values) or weight.unit_uncertain:
        return None
    low, high = _HEIGHT_SQUARED_M2
    found = [
        reading.value / reading.bmi
        for reading in readings
        if reading.bmi is not None
        and reading.bmi > 0
        and reading.value > 0
        and abs(log_ratio(reading.value, weight.usual)) < _SAME_UNIT
        and low <= reading.value / reading.bmi <= high
    ]
    return median(found) if found else None


def _lost(weight: Series, today: int) -> bool:
    """Whether a twentieth went within half a year, by the middle of the first and last three."""
    near = weight.days > today - _LOSS_DAYS
    days, values = weight.days[near], weight.values[near]
    if len(days) < 2 * _ENDS or weight.unit_uncertain:
        return False
    if days[-1] - days[0] < _LEAST_SPAN_DAYS or today - days[-1] > _RECENT_DAYS:
        return False
    before, now = median(values[:_ENDS]), median(values[-_ENDS:])
    return bool(before - now >= UNINTENDED_SHARE * before)
