"""Where a noisy series is, where it is heading, and when it first passes a target.

The model: a level; a slope that fades with a time constant; a constant drift that does not. People
start with zeal and slow down, so an undamped slope promises too much, and a slope that fades to
nothing promises too little. How fast slopes fade and how much they wander differs from person to
person, so twelve Kalman filters run side by side and are weighed by how well each predicted the
readings, with a prior that says what is usual. A reading that surprises counts less the more it
surprises.

The forecast draws paths from the weighed posteriors, a week at a time, and notes when each first
passes the target. A path that does not within a year is "not within a year", never a date.

Values are in the metric's own unit, times in days. Numbers come from `Noise`, which says what one
metric's readings jitter by. Method: Harvey, Forecasting, Structural Time Series Models and the
Kalman Filter (1989), damped trends after Gardner and McKenzie (1985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HORIZON_DAYS = 365
PATHS = 600
STEP_DAYS = 7.0
# The slowest stands for those who never slow down: without it a straight line is always promised
# too late (the 80 % interval then held a third of straight losers).
_TAUS = (80.0, 150.0, 300.0, 1000.0)
_TAU_WEIGHTS = (0.22, 0.43, 0.25, 0.1)
_SLOPE_NOISES = (0.0005, 0.0012, 0.0024)
_SLOPE_WEIGHTS = (0.3, 0.5, 0.2)
_SURPRISE_SDS = 2.5
_READING_SHARE = 0.0085


@dataclass(frozen=True, slots=True)
class Noise:
    """What is usual for one metric. All standard deviations, in the metric's unit.

    reading: one reading around the true level. level: the level's own walk, per root day.
    slope_scale: multiplies the slope noises, which are for a body of 80 kg, per day and root day.
    slope, drift: prior, per day. toward: -1 or 1, the way somebody set out to go; 0 if nobody did.
    """

    reading: float
    level: float
    slope_scale: float
    slope: float
    drift: float
    toward: int = 0


_LEAN = 0.5
"""How far, in standard deviations, the prior leans the way the goal lies: who sets a goal works at
it. A few readings outweigh it."""


def noise_of(usual: float, reading: float | None = None, toward: int = 0) -> Noise:
    """The noise of a weight of `usual` kg; or of a metric whose readings jitter by `reading`.

    A weight's reading jitters by .85 %; every other number scales with that. Building up is
    slower than losing (gains are measured in tenths of a percent a week), so its priors are
    narrower.
    """
    reading = _READING_SHARE * usual if reading is None else reading
    scale = reading / (_READING_SHARE * 80)
    slope, drift = (0.02, 0.01) if toward > 0 else (0.04, 0.017)
    return Noise(
        reading=reading,
        level=0.01 * scale,
        slope_scale=scale * (0.75 if toward > 0 else 1.5),
        slope=slope * scale,
        drift=drift * scale,
        toward=toward,
    )


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed after the last reading, carried on to `day`.

    weights: of the twelve models. means: (12, 3) level, slope, drift. covariances: (12, 3, 3).
    """

    day: float
    weights: Floats
    means: Floats
    covariances: Floats
    taus: Floats
    slope_noises: Floats
    level_noise: float

    @property
    def level(self) -> float:
        """The believed level."""
        return float(self.weights @ self.means[:, 0])

    def level_sd(self) -> float:
        """The standard deviation of the level, the models' disagreement included."""
        return self._sd(np.array([1.0, 0.0, 0.0]))

    def rate(self) -> tuple[float, float]:
        """(mean, standard deviation) of today's change per day: slope and drift together."""
        direction = np.array([0.0, 1.0, 1.0])
        return float(self.weights @ (self.means @ direction)), self._sd(direction)

    def _sd(self, direction: Floats) -> float:
        means = self.means @ direction
        variances = np.einsum("i,kij,j->k", direction, self.covariances, direction)
        centre = self.weights @ means
        return math.sqrt(max(float(self.weights @ (variances + (means - centre) ** 2)), 0.0))


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The believed level on each reading's day, from the readings up to then, and its sd."""

    levels: Floats
    sds: Floats


def _models() -> tuple[Floats, Floats, Floats]:
    taus = np.repeat(np.array(_TAUS), len(_SLOPE_NOISES))
    noises = np.tile(np.array(_SLOPE_NOISES), len(_TAUS))
    weights = np.outer(np.array(_TAU_WEIGHTS), np.array(_SLOPE_WEIGHTS)).ravel()
    return taus, noises, weights


def _transition(taus: Floats, noises: Floats, level: float, days: float) -> tuple[Floats, Floats]:
    """(transition, process noise), each (models, 3, 3), over `days`."""
    count = len(taus)
    fade = np.exp(-days / taus)
    move = np.zeros((count, 3, 3))
    move[:, 0, 0] = move[:, 2, 2] = 1.0
    move[:, 0, 1] = taus * (1 - fade)
    move[:, 0, 2] = days
    move[:, 1, 1] = fade
    noise = np.zeros((count, 3, 3))
    variance = noises**2
    noise[:, 1, 1] = variance * taus / 2 * (1 - fade**2)
    noise[:, 0, 1] = noise[:, 1, 0] = variance * taus**2 / 2 * (1 - fade) ** 2
    exact = taus**2 * (days - 2 * taus * (1 - fade) + taus / 2 * (1 - fade**2))
    noise[:, 0, 0] = level**2 * days + variance * np.maximum(exact, 0.0)
    return move, noise


def _moved(
    means: Floats, covariances: Floats, move: Floats, added: Floats
) -> tuple[Floats, Floats]:
    """Every model's belief, carried on."""
    return (
        (move @ means[:, :, None])[:, :, 0],
        move @ covariances @ move.transpose(0, 2, 1) + added,
    )


def fit(days: Floats, values: Floats, noise: Noise, until: float) -> tuple[Posterior, Smoothed]:
    """Filter the readings, then carry the belief on to `until`.

    days rise strictly, at least one; until >= the last day.
    """
    taus, slope_noises, weights = _models()
    slope_noises = slope_noises * noise.slope_scale
    count = len(taus)
    means = np.zeros((count, 3))
    means[:, 0] = values[: min(3, len(values))].mean()
    means[:, 1] = noise.toward * _LEAN * noise.slope
    means[:, 2] = noise.toward * _LEAN * noise.drift
    covariances = np.zeros((count, 3, 3))
    covariances[:] = np.diag([(4 * noise.reading) ** 2, noise.slope**2, noise.drift**2])
    logs = np.log(weights)
    levels, sds = np.empty(len(days)), np.empty(len(days))
    # Most people weigh themselves at a few intervals, so few transitions are needed.
    known: dict[float, tuple[Floats, Floats]] = {}
    for index, value in enumerate(values):
        if index:
            gap = float(days[index] - days[index - 1])
            if gap not in known:
                known[gap] = _transition(taus, slope_noises, noise.level, gap)
            means, covariances = _moved(means, covariances, *known[gap])
        surprise = value - means[:, 0]
        spread = covariances[:, 0, 0] + noise.reading**2
        # Huber's weight: beyond 2.5 standard deviations a reading's noise grows with its error.
        excess = np.maximum(np.abs(surprise) / np.sqrt(spread) / _SURPRISE_SDS, 1.0)
        spread = spread + (excess - 1) * noise.reading**2 * 2
        gain = covariances[:, :, 0] / spread[:, None]
        means = means + gain * surprise[:, None]
        covariances = covariances - gain[:, :, None] * covariances[:, None, 0, :]
        logs -= 0.5 * (np.minimum(surprise**2 / spread, _SURPRISE_SDS**2 * 2) + np.log(spread))
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        levels[index] = weights @ means[:, 0]
        sds[index] = math.sqrt(float(weights @ covariances[:, 0, 0]))
    if until > days[-1]:
        ahead = _transition(taus, slope_noises, noise.level, float(until - days[-1]))
        means, covariances = _moved(means, covariances, *ahead)
    posterior = Posterior(until, weights, means, covariances, taus, slope_noises, noise.level)
    return posterior, Smoothed(levels, sds)


@dataclass(frozen=True, slots=True)
class Passage:
    """When the target is first passed, in days from the posterior's day.

    p10, p50, p90: None where it is beyond 365 days. times: each path's day, infinite if beyond.
    """

    p10: float | None
    p50: float | None
    p90: float | None
    p_reach: float
    times: Floats

    def p_by(self, days: float) -> float:
        """The share of paths that passed within `days`."""
        return float(np.mean(self.times <= days))

    def confidence(self) -> float:
        """P(|error| <= max(14 days, 25 %)) of p50; without one, of "not within a year"."""
        if self.p50 is None:
            return float(np.mean(np.isinf(self.times)))
        return float(np.mean(np.abs(self.times - self.p50) <= max(14.0, 0.25 * self.p50)))


# The 13 % and 87 % quantiles: with the 10 % and 90 % ones "80 % intervals" covered 90-92 %.
LOW_QUANTILE, HIGH_QUANTILE = 0.13, 0.87


def paths(posterior: Posterior, dice: np.random.Generator, horizon: int = HORIZON_DAYS) -> Floats:
    """(600, weeks + 1) possible levels, a week apart, from the posterior's day on.

    Models are drawn in proportion and each path has its mirror image, so that the quantiles of two
    nearly equal histories are nearly equal too.
    """
    half = PATHS // 2
    steps_of_weight = (np.arange(half) + 0.5) / half
    found = np.searchsorted(np.cumsum(posterior.weights), steps_of_weight)
    chosen = np.tile(np.minimum(found, len(posterior.weights) - 1), 2)
    roots = np.stack([_root(covariance) for covariance in posterior.covariances])
    drawn = _mirrored(dice.standard_normal((half, 3)))
    state = posterior.means[chosen] + (roots[chosen] @ drawn[:, :, None])[:, :, 0]
    move, added = _transition(
        posterior.taus, posterior.slope_noises, posterior.level_noise, STEP_DAYS
    )
    jolts = np.stack([_root(matrix) for matrix in added])[chosen]
    steps = math.ceil(horizon / STEP_DAYS)
    levels = np.empty((steps + 1, PATHS))
    level, slope, drift = state[:, 0], state[:, 1], state[:, 2] * STEP_DAYS
    along, fade = move[chosen, 0, 1], move[chosen, 1, 1]
    shaken, bent, turned = jolts[:, 0, 0], jolts[:, 1, 0], jolts[:, 1, 1]
    jolted = _mirrored(dice.standard_normal((half, steps, 2))).transpose(1, 2, 0)
    levels[0] = level
    for step in range(steps):
        first, second = jolted[step]
        level = level + along * slope + drift + shaken * first
        slope = fade * slope + bent * first + turned * second
        levels[step + 1] = level
    return levels.T


def _mirrored(drawn: Floats) -> Floats:
    return np.concatenate([drawn, -drawn])


def first_passage(levels: Floats, target: float, *, falling: bool) -> Passage:
    """When the paths first pass `target`; between two weeks on the straight line."""
    signed = (levels - target) * (1 if falling else -1)
    past = signed <= 0
    step = past.argmax(axis=1)
    rows = np.arange(len(levels))
    before = signed[rows, np.maximum(step - 1, 0)]
    after = signed[rows, step]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(step > 0, before / (before - after), 0.0)
    times = (np.maximum(step - 1, 0) + part) * STEP_DAYS
    times[~past.any(axis=1)] = np.inf
    times[times > HORIZON_DAYS] = np.inf
    low, middle, high = np.quantile(
        times, [LOW_QUANTILE, 0.5, HIGH_QUANTILE], method="inverted_cdf"
    )
    return Passage(
        p10=_finite(low),
        p50=_finite(middle),
        p90=_finite(high),
        p_reach=float(np.mean(np.isfinite(times))),
        times=times,
    )


def _finite(days: float) -> float | None:
    return float(days) if math.isfinite(days) else None


def _root(matrix: Floats) -> Floats:
    """A lower root of a covariance that may be singular."""
    root = np.zeros_like(matrix)
    for row in range(len(matrix)):
        for column in range(row + 1):
            rest = matrix[row, column] - root[row, :column] @ root[column, :column]
            if row == column:
                root[row, row] = math.sqrt(max(float(rest), 0.0))
            elif root[column, column] > 0:
                root[row, column] = rest / root[column, column]
    return root
