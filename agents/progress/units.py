"""Which readings of a weight are pounds that were stored as kilograms, or the other way round.

A body does not more than double overnight, so neighbours tell each other's unit: the cheapest
sequence of factors (as stored, pounds as kg, kg as pounds, a slipped decimal point) is found by
Viterbi's algorithm, and a jump that a long gap could explain costs less. What neighbours cannot
tell is the scale of the whole series; for that all evidence is added up as log-likelihoods: rows
whose unit somebody chose, the goal, a body mass index typed beside the weight, who wrote the row,
and last a prior of what people weigh.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POUNDS_PER_KG = 2.2046
FACTORS = (1.0, 1 / POUNDS_PER_KG, POUNDS_PER_KG, 0.1, 10.0)
"""What turns a stored value into kilograms."""

_LOG_FACTORS = np.log(np.array(FACTORS))
_STEP, _STEP_PER_ROOT_DAY = 0.02, 0.008
_JUMP_CAP = 60.0
_UNCERTAIN_MARGIN = 2.5
_EFFECTIVE_ROWS = 6
_LEFT_BEHIND = 0.15
_PRIOR_MEAN_KG, _PRIOR_SD_KG = 82.0, 18.0
_HEIGHT_M, _HEIGHT_SD_M = 1.71, 0.1

# Cost (minus log-probability) of each factor by who wrote the row.
_COSTS = {
    "staff": (0.03, 4.0, 4.5, 6.0, 6.0),
    "unstated": (0.35, 1.4, 4.0, 6.0, 6.0),
    "hinted_lbs": (0.8, 0.8, 4.0, 6.0, 6.0),
    "portal_kg": (0.1, 2.5, 4.5, 6.0, 6.0),
    "portal_lbs": (2.5, 0.1, 6.0, 6.0, 6.0),
}


@dataclass(frozen=True, slots=True)
class Weighed:
    """One stored weight, already turned into kg where its row says pounds.

    day: days on any clock, rising. writer: `staff` chose a unit; `unstated` and the portal's rows
    carry a unit nobody chose. bmi: typed beside it, None if not.
    """

    day: float
    kg: float
    writer: str = "unstated"
    bmi: float | None = None


@dataclass(frozen=True, slots=True)
class Repaired:
    """factors: per reading, what to multiply by. uncertain: the scale of the whole is a guess."""

    factors: tuple[float, ...]
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """A weight goal as evidence. unit_known: its unit was stated, in a column or a title.

    direction: -1 to lose, 1 to gain, 0 if nobody said; a target already left far behind then
    speaks against a scale.
    """

    target_kg: float
    unit_known: bool
    direction: int = 0


def repair(rows: Sequence[Weighed], goals: Sequence[Goal] = ()) -> Repaired:
    """The factor of each reading. rows: oldest first, values > 0; empty gives an empty answer."""
    if not rows:
        return Repaired((), uncertain=False)
    days = np.array([row.day for row in rows])
    logs = np.log(np.array([row.kg for row in rows]))
    costs = np.array([_COSTS[row.writer] for row in rows])
    path = _voted(_cheapest(days, logs, costs), logs, costs)
    candidates = _scaled(path, costs)
    scores = [_score(shifted, cost, rows, logs, goals) for shifted, cost in candidates]
    best = int(np.argmin(scores))
    others = [score for index, score in enumerate(scores) if index != best]
    margin = min(others) - scores[best] if others else math.inf
    chosen = candidates[best][0]
    return Repaired(
        tuple(FACTORS[state] for state in chosen), uncertain=margin < _UNCERTAIN_MARGIN
    )


def _cheapest(days: Floats, logs: Floats, costs: Floats) -> NDArray[np.int64]:
    """Viterbi's path over the factors: small unary costs, and a price for each jump."""
    values = logs[:, None] + _LOG_FACTORS[None, :]
    total = costs[0] * 0.1
    back = np.zeros((len(logs), len(FACTORS)), dtype=np.int64)
    for index in range(1, len(logs)):
        spread = _STEP + _STEP_PER_ROOT_DAY * math.sqrt(max(days[index] - days[index - 1], 0.0))
        jump = np.abs(values[index][:, None] - values[index - 1][None, :]) / spread
        through = total[None, :] + np.minimum(jump, _JUMP_CAP)
        back[index] = np.argmin(through, axis=1)
        total = through[np.arange(len(FACTORS)), back[index]] + costs[index] * 0.1
    path = np.empty(len(logs), dtype=np.int64)
    path[-1] = int(np.argmin(total))
    for index in range(len(logs) - 1, 0, -1):
        path[index - 1] = back[index][path[index]]
    return path


def _voted(path: NDArray[np.int64], logs: Floats, costs: Floats) -> NDArray[np.int64]:
    """Each factor once more, by the median of up to six neighbours.

    Beside a slip of the keyboard at the end of a series, another wrong factor can be the cheaper
    path; one odd neighbour does not move a median.
    """
    voted = path.copy()
    for index in range(len(logs)):
        near = [at for at in range(index - 3, index + 4) if 0 <= at < len(logs) and at != index]
        if len(near) < 2:
            continue
        middle = float(np.median(logs[near] + _LOG_FACTORS[voted[near]]))
        far = np.abs(logs[index] + _LOG_FACTORS - middle) + 0.02 * costs[index]
        voted[index] = int(np.argmin(far))
    return voted


def _scaled(path: NDArray[np.int64], costs: Floats) -> list[tuple[NDArray[np.int64], float]]:
    """The path at each scale that the whole series could have, with the cost of its factors.

    A row that would need a factor nobody uses, such as pounds twice, keeps its own and pays.
    """
    moves: tuple[dict[int, int], ...] = ({}, {0: 1, 2: 0}, {0: 2, 1: 0})
    found = []
    for move in moves:
        shifted = np.array([move.get(int(state), int(state)) for state in path])
        stuck = sum(1 for state in path if move and int(state) not in move)
        # Rows of one series err together, so their evidence counts as a few rows, not hundreds.
        mean = float(costs[np.arange(len(path)), shifted].mean())
        found.append(
            (shifted, mean * min(len(path), _EFFECTIVE_ROWS) + 6.0 * min(stuck, _EFFECTIVE_ROWS))
        )
    return found


def log_ratio(size: float, level: float) -> float:
    """The natural logarithm of `size` / `level`; -inf where that is too small for a float.

    size: 0 or more, level: above 0, in the same unit.
    """
    ratio = size / level
    return math.log(ratio) if ratio > 0 else -math.inf


def _score(
    states: NDArray[np.int64],
    cost: float,
    rows: Sequence[Weighed],
    logs: Floats,
    goals: Sequence[Goal],
) -> float:
    kg = np.exp(logs + _LOG_FACTORS[states])
    usual = float(np.median(kg))
    score = cost + 0.5 * ((usual - _PRIOR_MEAN_KG) / _PRIOR_SD_KG) ** 2
    if not 25 <= usual <= 350:
        score += 20
    for goal in goals[:3]:
        ratio = log_ratio(goal.target_kg, usual)
        far = abs(ratio)
        score += min(far / 0.08, 10.0) * (1.0 if goal.unit_known else 0.5)
        if goal.direction * ratio < -_LEFT_BEHIND:
            score += 4.0
    heights = [
        math.sqrt(kg[index] / row.bmi)
        for index, row in enumerate(rows)
        if row.bmi is not None and 10 <= row.bmi <= 80
    ]
    if heights:
        height = float(np.median(heights))
        score += min(0.5 * ((height - _HEIGHT_M) / _HEIGHT_SD_M) ** 2, 15.0)
    return score
