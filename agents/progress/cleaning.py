"""Readings that no body explains: left out before a trend is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIMIT_MADS = 3.5
_NEIGHBOURS = 4
_NEIGHBOUR_DAYS = 45.0
_MAD_TO_SD = 1.4826


@dataclass(frozen=True, slots=True)
class Daily:
    """One value per day that has any. days rise; members: indices of the readings behind each."""

    days: Floats
    values: Floats
    members: tuple[tuple[int, ...], ...]


def merge_days(days: Floats, values: Floats) -> Daily:
    """The median of each day's readings. days: any clock, rising; whole days are told apart."""
    groups: dict[int, list[int]] = {}
    for index, day in enumerate(days):
        groups.setdefault(int(np.floor(day)), []).append(index)
    return Daily(
        np.array(sorted(groups), dtype=np.float64),
        np.array([median(values[at] for at in groups[day]) for day in sorted(groups)]),
        tuple(tuple(groups[day]) for day in sorted(groups)),
    )


def outliers(days: Floats, values: Floats, noise_sd: float) -> NDArray[np.bool_]:
    """Hampel's test around a local line: True where a value is more than 3.5 MAD off.

    Up to four neighbours on each side within 45 days; the line through them is the median of
    their slopes. noise_sd: what the values jitter by anyway; the spread is never taken as less,
    or a run of equal readings would make the next honest one an outlier.
    """
    count = len(days)
    if count < 5:
        return np.zeros(count, dtype=np.bool_)
    steps = np.array([*range(-_NEIGHBOURS, 0), *range(1, _NEIGHBOURS + 1)])
    at = np.arange(count)[:, None] + steps[None, :]
    inside = (at >= 0) & (at < count)
    at = np.clip(at, 0, count - 1)
    offsets = days[at] - days[:, None]
    around = values[at]
    near = inside & (np.abs(offsets) <= _NEIGHBOUR_DAYS)
    first, second = np.triu_indices(len(steps), 1)
    gaps = offsets[:, second] - offsets[:, first]
    pairs = near[:, first] & near[:, second] & (gaps > 0)
    rises = around[:, second] - around[:, first]
    slopes = _row_medians(rises / np.where(gaps > 0, gaps, 1.0), pairs)
    straight = around - slopes[:, None] * offsets
    levels = _row_medians(straight, near)
    spreads = _MAD_TO_SD * _row_medians(np.abs(straight - levels[:, None]), near)
    far = np.abs(values - levels) > LIMIT_MADS * np.maximum(spreads, noise_sd)
    result: NDArray[np.bool_] = far & (near.sum(axis=1) >= 3)
    return result


def _row_medians(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Each row's median over its valid entries, 0 without any; nanmedian would loop in Python."""
    ordered = np.sort(np.where(valid, values, np.inf), axis=1)
    counts = valid.sum(axis=1)
    rows = np.arange(len(values))
    low = ordered[rows, np.maximum(counts - 1, 0) // 2]
    high = ordered[rows, np.minimum(counts // 2, values.shape[1] - 1)]
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2
    result: Floats = np.where(counts > 0, middle, 0.0)
    return result
