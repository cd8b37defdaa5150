"""How likely a client keeps a session at a given weekday and hour, and how sure that is.

One logistic model for the whole gym: what every client shares (a level, weekdays, hours, parts of
the day) and what each client adds (a level, parts of the day, weekdays), all with Gaussian priors
around zero. A client without history gets the gym's habits, one with ten sessions mostly their
own, and nothing has to be switched in between. A completed session counts 1, a missed one 0, a
cancelled one 0 with half its weight (nobody knows who cancelled); old sessions fade with a
half-life of 120 days. Age, sex and payment are no part of it.

The posterior is found by Newton's method; its spread is the inverse of the curvature (Laplace).
The curvature is an arrow: clients touch each other only through what they share. So each client's
block is eliminated alone, and the cost grows with the number of clients, not with its cube.
Method: Gelman and Hill, Data Analysis Using Regression and Multilevel Models (2007), chapter 14;
Bishop, Pattern Recognition and Machine Learning (2006), section 4.5 for the predictive mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALF_LIFE_DAYS = 120.0
OLDEST_DAYS = 365
PREFERENCE_LOGIT = 0.8
_INTERCEPT, _INTERCEPT_SD = 1.4, 1.0
_CLIENT_SD, _WEEKDAY_SD, _HOUR_SD, _PART_SD = 0.8, 0.3, 0.2, 0.4
_CLIENT_PART_SD, _CLIENT_WEEKDAY_SD = 0.7, 0.35
_OWN_VARIANCE = _CLIENT_SD**2 + _CLIENT_PART_SD**2 + _CLIENT_WEEKDAY_SD**2
_BAND_SDS = 1.2816  # 10 % and 90 %
_STEPS, _LONGEST_STEP, _CLOSE = 30, 2.0, 1e-9

PART_NAMES = ("early morning", "late morning", "midday", "afternoon", "late afternoon", "evening")
_PART_STARTS = (9, 12, 14, 16, 18)
_PARTS, _HOURS, _DAYS = len(PART_NAMES), 24, 7
_PART_OF_HOUR = tuple(sum(hour >= start for start in _PART_STARTS) for hour in range(_HOURS))
_SHARED = 1 + _DAYS + _HOURS + _PARTS
_OWN = 1 + _PARTS + _DAYS

_WEIGHTS = {"completed": (1.0, 1.0), "no_show": (0.0, 1.0), "cancelled": (0.0, 0.5)}
"""What became of a session, and how much that says. All else is unknown and says nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A past session. start: wall time; status: a folded word."""

    client_id: int
    start: datetime
    status: str

    @property
    def closed(self) -> bool:
        """Whether somebody noted what became of it."""
        return self.status in _WEIGHTS

    @property
    def kept(self) -> bool:
        """Whether the client came."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True)
class Chance:
    """Probability that a session is kept, with its 10 % and 90 % bounds."""

    p: float
    low: float
    high: float


def part_of(hour: int) -> int:
    """Index in PART_NAMES of an hour of the day."""
    return _PART_OF_HOUR[hour]


class Attendance:
    """The fitted model of one gym. Build it with `fit`."""

    def __init__(
        self,
        clients: dict[int, int],
        shared: Floats,
        own: Floats,
        shared_covariance: Floats,
        own_inverse: Floats,
        cross: Floats,
    ) -> None:
        self._clients = clients
        self._shared = shared
        self._own = own
        self._shared_covariance = shared_covariance
        self._own_inverse = own_inverse
        self._cross = cross

    @classmethod
    def fit(cls, seen: Iterable[Seen], now: datetime) -> Attendance:
        """The posterior given what happened in the 365 days before `now` (wall time)."""
        cells = _cells(seen, now)
        clients = {
            client: place for place, client in enumerate(dict.fromkeys(c for c, *_ in cells))
        }
        owner = np.array([clients[c] for c, *_ in cells], dtype=np.intp)
        shared_x, own_x = _features([(day, hour) for _, day, hour, _, _ in cells])
        weight = np.array([cell[3] for cell in cells], dtype=np.float64)
        kept = np.array([cell[4] for cell in cells], dtype=np.float64)
        return cls(clients, *_newton(shared_x, own_x, owner, len(clients), weight, kept))

    def chances(
        self, client_id: int, starts: Sequence[datetime], wishes: Sequence[float] | None = None
    ) -> list[Chance]:
        """For each wall time the chance that the client keeps a session then.

        wishes: -1 to 1 per start, how well it fits what the client asked for. A wish is a guess
        about a liking, so it counts less the more of the client's own sessions speak for
        themselves.
        """
        if not starts:
            return []
        shared_x, own_x = _features([(s.isoweekday() - 1, s.hour) for s in starts])
        place = self._clients.get(client_id)
        if place is None:
            own = np.zeros(_OWN)
            inverse = np.diag(_own_prior())
            cross = np.zeros((_OWN, _SHARED))
        else:
            own, inverse, cross = self._own[place], self._own_inverse[place], self._cross[place]
        mean = shared_x @ self._shared + own_x @ own
        reach = shared_x - own_x @ inverse @ cross
        own_variance = np.einsum("ij,jk,ik->i", own_x, inverse, own_x)
        variance = own_variance + np.einsum("ij,jk,ik->i", reach, self._shared_covariance, reach)
        if wishes is not None:
            open_share = np.clip(own_variance / _OWN_VARIANCE, 0.0, 1.0)
            mean = mean + PREFERENCE_LOGIT * np.asarray(wishes, dtype=np.float64) * open_share
        return [_chance(m, math.sqrt(v)) for m, v in zip(mean, variance, strict=True)]


def _chance(mean: float, spread: float) -> Chance:
    middle = mean / math.sqrt(1.0 + math.pi * spread * spread / 8.0)
    low, high = mean - _BAND_SDS * spread, mean + _BAND_SDS * spread
    return Chance(*(round(_logistic(min(max(x, low), high)), 4) for x in (middle, low, high)))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def _cells(seen: Iterable[Seen], now: datetime) -> list[tuple[int, int, int, float, float]]:
    """(client, weekday 0-6, hour, weight, weight kept), summed, in order of client."""
    sums: dict[tuple[int, int, int], list[float]] = {}
    for session in seen:
        age_days = (now - session.start).total_seconds() / 86_400
        if session.status not in _WEIGHTS or not 0 <= age_days <= OLDEST_DAYS:
            continue
        kept, weight = _WEIGHTS[session.status]
        weight *= 0.5 ** (age_days / HALF_LIFE_DAYS)
        key = (session.client_id, session.start.isoweekday() - 1, session.start.hour)
        cell = sums.setdefault(key, [0.0, 0.0])
        cell[0] += weight
        cell[1] += weight * kept
    return [(*key, sums[key][0], sums[key][1]) for key in sorted(sums)]


def _features(times: Sequence[tuple[int, int]]) -> tuple[Floats, Floats]:
    """(shared, own) indicator rows for (weekday 0-6, hour)."""
    shared, own = np.zeros((len(times), _SHARED)), np.zeros((len(times), _OWN))
    shared[:, 0] = own[:, 0] = 1.0
    for row, (day, hour) in enumerate(times):
        part = part_of(hour)
        shared[row, [1 + day, 1 + _DAYS + hour, 1 + _DAYS + _HOURS + part]] = 1.0
        own[row, [1 + part, 1 + _PARTS + day]] = 1.0
    return shared, own


def _shared_prior() -> Floats:
    """Variances."""
    sds = [_INTERCEPT_SD, *[_WEEKDAY_SD] * _DAYS, *[_HOUR_SD] * _HOURS, *[_PART_SD] * _PARTS]
    return np.array([sd * sd for sd in sds], dtype=np.float64)


def _own_prior() -> Floats:
    sds = [_CLIENT_SD, *[_CLIENT_PART_SD] * _PARTS, *[_CLIENT_WEEKDAY_SD] * _DAYS]
    return np.array([sd * sd for sd in sds], dtype=np.float64)


def _newton(
    shared_x: Floats,
    own_x: Floats,
    owner: NDArray[np.intp],
    clients: int,
    weight: Floats,
    kept: Floats,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """(shared, own, covariance of shared, inverse of each own block, cross blocks) at the mode.

    The log posterior is strictly concave, so the steps end; long ones are cut for safety.
    """
    prior_mean = np.zeros(_SHARED)
    prior_mean[0] = _INTERCEPT
    shared_precision, own_precision = 1.0 / _shared_prior(), 1.0 / _own_prior()
    shared, own = prior_mean.copy(), np.zeros((clients, _OWN))
    edges = np.searchsorted(owner, np.arange(clients + 1))
    rows = [slice(first, end) for first, end in pairwise(edges)]
    blocks, cross = np.zeros((clients, _OWN, _OWN)), np.zeros((clients, _OWN, _SHARED))
    own_slope = np.zeros((clients, _OWN))
    for _ in range(_STEPS):
        logit = shared_x @ shared + np.einsum("ij,ij->i", own_x, own[owner])
        p = 1.0 / (1.0 + np.exp(-np.clip(logit, -35.0, 35.0)))
        error = kept - weight * p
        curve = weight * p * (1.0 - p)
        shared_slope = shared_x.T @ error - shared_precision * (shared - prior_mean)
        curved_shared, curved_own = shared_x * curve[:, None], own_x * curve[:, None]
        corner = curved_shared.T @ shared_x + np.diag(shared_precision)
        for client, mine in enumerate(rows):
            own_slope[client] = own_x[mine].T @ error[mine] - own_precision * own[client]
            blocks[client] = curved_own[mine].T @ own_x[mine]
            cross[client] = own_x[mine].T @ curved_shared[mine]
        inverse = np.linalg.inv(blocks + np.diag(own_precision)).astype(np.float64)
        solved = inverse @ cross
        schur = corner - np.einsum("cij,cik->jk", cross, solved)
        covariance = np.linalg.inv(schur).astype(np.float64)
        step = covariance @ (shared_slope - np.einsum("cij,ci->j", solved, own_slope))
        own_step = np.einsum("cij,cj->ci", inverse, own_slope - cross @ step)
        longest = max(np.abs(step).max(), np.abs(own_step).max() if clients else 0.0)
        if longest < _CLOSE:
            break
        scale = min(1.0, _LONGEST_STEP / longest)
        shared, own = shared + scale * step, own + scale * own_step
    return shared, own, covariance, inverse, cross
