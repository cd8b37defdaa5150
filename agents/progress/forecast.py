"""What becomes of one goal: where the client stands, how fast, when, and how surely.

A goal counts as reached only if that is nearly certain, two of the last three readings are past
the target and the unit of the readings is beyond doubt: praise that has to be taken back costs
more trust than praise that comes a week late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agents.progress import trend
from agents.progress.goals import GoalRead
from agents.progress.series import Series

Floats = NDArray[np.float64]
Status = Literal[
    "on_track", "behind", "reached", "unreachable", "insufficient_data", "unsupported_metric"
]

REACHED_PROBABILITY = 0.975
HELD_PROBABILITY, KEPT_SHARE = 0.9, 0.03
"""How far from its target a weight may be and still be held. Source: doi 10.1038/sj.ijo.0803175,
which defines maintenance as a change of less than 3 %."""
UNREACHABLE_BELOW = 0.1
_Z80 = 1.2816


@dataclass(frozen=True, slots=True)
class Trend:
    """One series as the filter believes it. Rates per week, lo and hi enclose 80 %."""

    posterior: trend.Posterior
    smoothed: trend.Smoothed
    paths: Floats
    per_week: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """days: (p10, p50, p90) from today, None where not within 365. p_by_target: None without a
    date. confidence: that the middle is right within 14 days or a quarter."""

    goal: GoalRead
    status: Status
    current: float | None = None
    days: tuple[int | None, int | None, int | None] = (None, None, None)
    p_reach: float | None = None
    p_by_target: float | None = None
    needed_per_week: float | None = None
    confidence: float = 0.0
    trend: Trend | None = None


def fit(series: Series, today: int, toward: int, seed: int) -> Trend:
    """The trend of a series with enough readings. toward: -1, 0, 1, where a goal lies."""
    share = series.metric.name == "weight"
    noise = trend.noise_of(series.usual, None if share else series.jitter(), toward)
    until = max(float(today), float(series.days[-1]))
    posterior, smoothed = trend.fit(series.days, series.values, noise, until)
    levels = trend.paths(posterior, np.random.default_rng(seed))
    rate, sd = posterior.rate()
    return Trend(
        posterior=posterior,
        smoothed=smoothed,
        paths=levels,
        per_week=7 * rate,
        lo=7 * (rate - _Z80 * sd),
        hi=7 * (rate + _Z80 * sd),
    )


def forecast(goal: GoalRead, series: Series | None, today: int, seed: int) -> Forecast:
    """What becomes of `goal`."""
    if goal.metric is None or (goal.target is None and series is None):
        return Forecast(goal, "unsupported_metric")
    if goal.target is None:
        return Forecast(goal, "unsupported_metric", _last(series))
    if series is None or not series.enough:
        return Forecast(goal, "insufficient_data", _last(series))
    found = fit(series, today, goal.toward, seed)
    level = found.posterior.level
    p_past = _p_past(found.posterior, goal.target, goal.toward)
    if goal.keeps:
        p_past = _p_held(found.posterior, goal.target)
    needed = _needed(goal, level, today)
    if is_reached(series, goal, p_past):
        by = None if goal.given.target_day is None else 1.0
        return Forecast(goal, "reached", level, (0, 0, 0), 1.0, by, None, p_past, found)
    passage = trend.first_passage(found.paths, goal.target, falling=goal.toward < 0)
    # Noise alone carries some paths past a near target at once; "today" is for reached goals only.
    days = tuple(
        None if d is None else max(1, round(d)) for d in (passage.p10, passage.p50, passage.p90)
    )
    p_by = None
    if goal.given.target_day is not None:
        p_by = passage.p_by(max(goal.given.target_day - today, 0))
    return Forecast(
        goal=goal,
        status=_status(passage.p_reach, passage.p50, p_by, goal, today),
        current=level,
        days=(days[0], days[1], days[2]),
        p_reach=passage.p_reach,
        p_by_target=p_by,
        needed_per_week=needed,
        confidence=passage.confidence(),
        trend=found,
    )


def is_reached(series: Series, goal: GoalRead, p_past: float) -> bool:
    """Nearly certain, twice in the last three readings, and in a unit that is beyond doubt.

    p_past: that the level is past the target, or near it where to stay there is the goal.
    """
    if goal.target is None or series.unit_uncertain or (goal.unit_guessed and p_past < 0.99):
        return False
    if goal.keeps:
        return p_past >= HELD_PROBABILITY
    newest = series.values[-3:]
    past = newest <= goal.target if goal.toward < 0 else newest >= goal.target
    return p_past >= REACHED_PROBABILITY and int(past.sum()) >= 2


def _status(
    p_reach: float, p50: float | None, p_by: float | None, goal: GoalRead, today: int
) -> Status:
    if p_reach < UNREACHABLE_BELOW:
        return "unreachable"
    if p_by is not None and goal.given.target_day is not None:
        in_sight = goal.given.target_day - today <= trend.HORIZON_DAYS
        if in_sight:
            return "on_track" if p_by >= 0.5 else "behind"
    return "on_track" if p50 is not None else "behind"


def _p_past(posterior: trend.Posterior, target: float, toward: int) -> float:
    sd = max(posterior.level_sd(), 1e-9)
    return 0.5 * (1 + math.erf(toward * (posterior.level - target) / sd / math.sqrt(2)))


def _p_held(posterior: trend.Posterior, target: float) -> float:
    """That the level is within KEPT_SHARE of the target."""
    margin = KEPT_SHARE * target
    return _p_past(posterior, target - margin, 1) - _p_past(posterior, target + margin, 1)


def _needed(goal: GoalRead, level: float, today: int) -> float | None:
    """The change per week that would arrive on the target date; None without one to come."""
    if goal.given.target_day is None or goal.target is None or goal.given.target_day <= today:
        return None
    return (goal.target - level) / (goal.given.target_day - today) * 7


def _last(series: Series | None) -> float | None:
    return float(series.values[-1]) if series is not None and len(series.values) else None
