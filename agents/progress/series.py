"""From readings as they were stored to one clean series per metric.

Each metric has a unit that everything is turned into, a range that a person can have, and a jitter
that its readings have anyway. Readings of one day become one value; what cannot be is left out and
named; a weight's units are repaired (`agents.progress.units`), a girth's too: a value that would
fit its neighbours in the other unit is in that unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agents.progress import cleaning, units
from agents.progress.units import POUNDS_PER_KG

Floats = NDArray[np.float64]

CM_PER_INCH = 2.54
EPLEY_REPS = 10
MIN_POINTS, MIN_SPAN_DAYS, STALE_DAYS = 3, 14, 21

Writer = Literal["staff", "unstated", "portal"]


@dataclass(frozen=True, slots=True)
class Metric:
    """low, high: what a person can have. jitter: of one reading, in the unit; None: a share."""

    name: str
    unit: str
    title: str
    low: float
    high: float
    jitter: float | None
    decimals: int = 1

    def jitter_of(self, usual: float) -> float:
        """The usual jitter of a reading around `usual`."""
        if self.jitter is not None:
            return self.jitter
        return usual * (0.0085 if self.name == "weight" else 0.03)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("weight", "kg", "Weight", 25, 350, None),
        Metric("body_fat", "%", "Body fat", 2, 70, 0.8),
        Metric("muscle_mass", "kg", "Muscle mass", 5, 150, 0.8),
        Metric("chest", "cm", "Chest", 50, 220, 1.2),
        Metric("waist", "cm", "Waist", 40, 250, 1.2),
        Metric("hips", "cm", "Hips", 50, 250, 1.2),
        Metric("thigh", "cm", "Thigh", 25, 130, 0.8),
        Metric("arm", "cm", "Upper arm", 14, 80, 0.5),
        Metric("calf", "cm", "Calf", 18, 80, 0.5),
        Metric("resting_heart_rate", "bpm", "Resting heart rate", 30, 150, 3.0, 0),
        Metric("strength", "kg", "Estimated one-repetition maximum", 1, 600, None),
    )
}
GIRTHS = frozenset({"chest", "waist", "hips", "thigh", "arm", "calf"})

_UNIT_WORDS = {
    "kg": "kg", "kgs": "kg", "kilo": "kg", "kilos": "kg", "kilogram": "kg", "kilograms": "kg",
    "lb": "lbs", "lbs": "lbs", "pound": "lbs", "pounds": "lbs",
    "%": "%", "percent": "%", "pct": "%",
    "cm": "cm", "centimeter": "cm", "centimeters": "cm", "centimetres": "cm",
    "in": "in", "inch": "in", "inches": "in", '"': "in",
    "bpm": "bpm", "st": "st", "stone": "st", "stones": "st",
    "metric": "metric", "imperial": "imperial",
}  # fmt: skip
_TO_CANONICAL = {
    ("kg", "lbs"): 1 / POUNDS_PER_KG,
    ("kg", "st"): 14 / POUNDS_PER_KG,
    ("cm", "in"): CM_PER_INCH,
}
_IMPERIAL = {"kg": "lbs", "cm": "in"}
_NEWEST = 5


def unit_word(text: str | None) -> str | None:
    """The unit a free text names, None if it names none that we know."""
    return _UNIT_WORDS.get((text or "").strip().casefold().rstrip("."))


def to_canonical(metric: Metric, value: float, unit: str | None) -> float | None:
    """`value` in the metric's unit; None if `unit` is one of something else. None: as it is."""
    word = _IMPERIAL.get(metric.unit) if unit == "imperial" else unit
    if word is None or word in (metric.unit, "metric"):
        return value
    factor = _TO_CANONICAL.get((metric.unit, word))
    return None if factor is None else value * factor


def own_unit(
    metric: Metric, stated: str | None, readings: Iterable[Reading], series: Series | None
) -> str | None:
    """`lbs` or `in` where the client thinks in it, None where in the metric's unit.

    stated: what the goal's row says. readings: of the metric, of which the newest tell; a weight
    that was stored as kg and repaired throughout was pounds.
    """
    other = _IMPERIAL.get(metric.unit)
    if other is None:
        return None
    word = unit_word(stated)
    if word in (other, "imperial", metric.unit, "metric"):
        return other if word in (other, "imperial") else None
    newest = sorted(readings, key=lambda row: row.day)[-_NEWEST:]
    factor = 1 / _TO_CANONICAL[metric.unit, other]
    told = sum(row.value > 0 and abs(row.stored / row.value / factor - 1) < 0.01 for row in newest)
    if newest and 2 * told > len(newest):
        return other
    if series is None or series.unit_uncertain:
        return None
    turned = sum(
        abs(item.from_value / item.to_value / factor - 1) < 0.02 for item in series.repairs
    )
    return other if 2 * turned > max(1, len(series.days)) else None


def in_unit(metric: Metric, value: float, unit: str) -> float:
    """A value of the metric in another unit it can have."""
    return value / _TO_CANONICAL[metric.unit, unit]


@dataclass(frozen=True, slots=True)
class Reading:
    """One stored value. day: days since 1970 on the gym's clock, with a fraction.

    stored: the number in its row; value: in the metric's unit as the row claims. row_id: None for
    readings that came with the request. writer: see `agents.progress.units.Weighed`.
    """

    metric: str
    day: float
    stored: float
    value: float
    writer: Writer = "staff"
    row_id: int | None = None
    bmi: float | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """from_value: in the unit its row claims; to_value: in the metric's unit."""

    row_id: int | None
    from_value: float
    to_value: float


@dataclass(frozen=True, slots=True)
class Series:
    """Clean values by whole day, in the metric's unit; days rise. outliers: (day, value, row)."""

    metric: Metric
    days: Floats
    values: Floats
    outliers: tuple[tuple[float, float, int | None], ...] = ()
    repairs: tuple[Repair, ...] = ()
    unit_uncertain: bool = False
    implausible: int = 0

    @property
    def span_days(self) -> int:
        """From the first day to the last."""
        return int(self.days[-1] - self.days[0]) if len(self.days) else 0

    @property
    def enough(self) -> bool:
        """Whether a trend may be told: three days, over two weeks."""
        return len(self.days) >= MIN_POINTS and self.span_days >= MIN_SPAN_DAYS

    @property
    def usual(self) -> float:
        """A typical recent value."""
        return float(median(self.values[-5:]))

    def jitter(self) -> float:
        """The usual jitter of a reading."""
        return self.metric.jitter_of(self.usual)


def epley(load_kg: float, reps: int) -> float | None:
    """The one-repetition maximum in kg; None beyond ten repetitions. Source: Epley, 1985."""
    if not 1 <= reps <= EPLEY_REPS:
        return None
    return load_kg if reps == 1 else load_kg * (1 + reps / 30)


def clean(
    metric: Metric,
    readings: Iterable[Reading],
    goals: Sequence[units.Goal] = (),
    hint: str | None = None,
) -> Series:
    """One metric's series. goals: a weight's goals as evidence of units. hint: `kg` or `lbs`, what
    the client's own page shows; `lbs?` when only a title suggests it."""
    rows = sorted(readings, key=lambda row: (row.day, row.row_id or 0))
    # Slips and pounds are told from their neighbours; what no factor makes possible goes first.
    possible = [row for row in rows if _possible(metric, row.value)]
    impossible = len(rows) - len(possible)
    rows = possible
    factors, uncertain = _factors(metric, rows, goals, hint)
    values = np.array([row.value * factor for row, factor in zip(rows, factors, strict=True)])
    fits = (values >= metric.low) & (values <= metric.high)
    implausible = int((~fits).sum()) + impossible
    repairs = tuple(
        Repair(row.row_id, round(row.value, 2), round(row.value * factor, 2))
        for row, factor, fit in zip(rows, factors, fits, strict=True)
        if factor != 1.0 and fit
    )
    rows = [row for row, fit in zip(rows, fits, strict=True) if fit]
    values = values[fits]
    if not rows:
        empty = np.array([])
        return Series(metric, empty, empty, (), repairs, uncertain, implausible)
    daily = cleaning.merge_days(np.array([row.day for row in rows]), values)
    noise = metric.jitter_of(float(np.median(daily.values)))
    odd = cleaning.outliers(daily.days, daily.values, noise)
    outliers = tuple(
        (float(day), float(value), rows[members[0]].row_id)
        for day, value, members, out in zip(
            daily.days, daily.values, daily.members, odd, strict=True
        )
        if out
    )
    return Series(
        metric, daily.days[~odd], daily.values[~odd], outliers, repairs, uncertain, implausible
    )


def _possible(metric: Metric, value: float) -> bool:
    if not math.isfinite(value) or value <= 0:
        return False
    return any(metric.low <= value * factor <= metric.high for factor in (*units.FACTORS, 2.54))


def _factors(
    metric: Metric, rows: Sequence[Reading], goals: Sequence[units.Goal], hint: str | None
) -> tuple[tuple[float, ...], bool]:
    if metric.name == "weight":
        weighed = [
            units.Weighed(row.day, row.value, _writer(row.writer, hint), row.bmi) for row in rows
        ]
        found = units.repair(weighed, goals)
        return found.factors, found.uncertain
    if metric.name in GIRTHS or metric.name == "muscle_mass":
        other = CM_PER_INCH if metric.name in GIRTHS else POUNDS_PER_KG
        return _by_neighbours(metric, rows, other), False
    return (1.0,) * len(rows), False


def _writer(writer: Writer, hint: str | None) -> str:
    if writer == "staff" or hint is None:
        return "staff" if writer == "staff" else "unstated"
    if hint == "lbs?":
        return "hinted_lbs"
    return f"portal_{hint}" if writer == "portal" else "unstated"


def _by_neighbours(metric: Metric, rows: Sequence[Reading], other: float) -> tuple[float, ...]:
    """Factors that bring a value to the others' median, where its own unit does not."""
    inside = [row.value for row in rows if metric.low <= row.value <= metric.high]
    if not inside:
        scaled = [row.value * other for row in rows]
        fit = all(metric.low <= value <= metric.high for value in scaled)
        return (other if fit else 1.0,) * len(rows)
    middle = float(np.median(inside))
    factors = []
    for row in rows:
        fits = {f: abs(units.log_ratio(row.value * f, middle)) for f in (1.0, other, 1 / other)}
        best = min(fits, key=lambda f: fits[f])
        factors.append(best if fits[best] < 0.25 and fits[1.0] > 0.5 else 1.0)
    return tuple(factors)
