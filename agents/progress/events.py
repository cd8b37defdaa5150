"""What in a series deserves attention: a plateau, a loss that is too fast, a regain.

Each question is asked of a straight line through the last weeks, with a prior on its slope, so
that a few readings say little and many say much. "No new low for three weeks" was tried instead
and cried wolf in 15 of 100 quarters; the line does in about one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PLATEAU_DAYS = (42, 35)
_PLATEAU_BELOW = (0.3, 0.15)
_PLATEAU_SHARE_PER_WEEK = 0.001
TURN_DAYS = 14
_TURN_SURE = 0.95
_TOO_FAST_SHARE_PER_WEEK = 0.01
_TOO_FAST_DAYS = 21
_REGAIN_SHARE = 0.015
_PRIOR_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Slope:
    """A line's slope per day: posterior mean and standard deviation. since: its first day."""

    mean: float
    sd: float
    since: float
    count: int

    def above(self, limit: float) -> float:
        """P(slope > limit)."""
        return 0.5 * (1 - math.erf((limit - self.mean) / (self.sd * math.sqrt(2))))


def recent_slope(
    days: Floats, values: Floats, now: float, window: float, noise: float, prior: float
) -> Slope | None:
    """The slope over the last `window` days, None where too little was measured.

    noise: usual jitter of a reading; the residuals correct it. prior: sd of a slope per day.
    Needs four readings that span 60 % of the window.
    """
    near = days > now - window
    if near.sum() < 4 or np.ptp(days[near]) < 0.6 * window:
        return None
    at, value = days[near], values[near]
    offsets = at - at.mean()
    spread = float(offsets @ offsets)
    plain = float(offsets @ value) / spread
    rest = value - value.mean() - plain * offsets
    variance = (_PRIOR_WEIGHT * noise**2 + float(rest @ rest)) / (_PRIOR_WEIGHT + len(at) - 2)
    precision = spread / variance + 1 / prior**2
    mean = float(offsets @ value) / variance / precision
    return Slope(mean, precision**-0.5, float(at[0]), len(at))


def plateau(
    days: Floats, values: Floats, now: float, noise: float, prior: float, toward: int
) -> Slope | None:
    """The line of a plateau: P(progress > .1 % a week) < .3 over six weeks; None if there is none.

    Over five weeks the same with .15. toward: -1 if progress is a loss, 1 if it is a gain.
    """
    if not len(values):
        return None
    worth = _PLATEAU_SHARE_PER_WEEK * abs(float(values[-1])) / 7
    for window, below in zip(PLATEAU_DAYS, _PLATEAU_BELOW, strict=True):
        line = recent_slope(days, values * toward, now, window, noise, prior)
        if line is not None and line.above(worth) < below:
            return line
    return None


def too_fast(days: Floats, values: Floats, now: float, noise: float, prior: float) -> Slope | None:
    """The line of a loss beyond 1 % a week over three weeks; None if it is slower or unsure."""
    line = recent_slope(days, -values, now, _TOO_FAST_DAYS + 7, noise, prior)
    if line is None:
        return None
    limit = _TOO_FAST_SHARE_PER_WEEK * float(values[-1]) / 7
    return line if line.mean > limit and line.above(limit) > 0.7 else None


def turned(
    days: Floats, values: Floats, now: float, noise: float, prior: float, rate: float
) -> bool:
    """Whether the last two weeks surely lead against `rate`, the slope per day believed so far.

    The filter believes a long rise for weeks after it has become a fall.
    """
    line = recent_slope(days, values, now, TURN_DAYS, noise, prior)
    if line is None:
        return False
    return (line.above(0.0) if rate < 0 else 1 - line.above(0.0)) > _TURN_SURE


@dataclass(frozen=True, slots=True)
class Regain:
    """best: the best believed level and its day; back: how much of it was lost again."""

    best: float
    best_day: float
    back: float


def regain(
    line: Slope | None, levels: Floats, days: Floats, level: float, toward: int, jitter: float
) -> Regain | None:
    """A turn against the goal: P > .9 that the slope leads away, and 1.5 % off the best, which is
    more than a reading's jitter.

    line: recent slope of the values themselves. levels: believed level per day, smoothed.
    """
    if line is None or not len(levels):
        return None
    away = line.above(0.0) if toward < 0 else 1 - line.above(0.0)
    best = int(np.argmax(levels * toward))
    back = (float(levels[best]) - level) * toward
    if away > 0.9 and back >= max(_REGAIN_SHARE * abs(float(levels[best])), jitter):
        return Regain(float(levels[best]), float(days[best]), back)
    return None
