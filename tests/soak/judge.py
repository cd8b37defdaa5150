"""What is flat, by a stated rule.

The first quarter of a run is warm-up: caches fill, and nothing is old enough yet to be pruned. The
rest is cut into slices, each slice's median taken, and a line laid through them by Theil and Sen
(the median of the slopes of all pairs), which a few odd slices do not move. ``growth`` is what
that line rises from the warm-up's end to the end of the run. A series is flat when this is at most
a tenth of its median, or no more than what it may wander by anyway (``slack``: a pool opens a
connection, a table extends by a few pages). Falling is fine. What depends on how busy the machine
is (latencies, rates) is shown and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

from tests.soak.probe import MEGABYTE, Sample

WARM_UP = 1 / 4
SLICES = 45
LIMIT = 0.10
Points = list[tuple[float, float]]
"""Seconds since the start, value."""


@dataclass(frozen=True)
class Series:
    """points makes the curve from the samples. slack: growth that says nothing, in the unit.

    judged: False where it is only shown.
    """

    title: str
    unit: str
    points: Callable[[Sequence[Sample]], Points]
    slack: float = 0.0
    judged: bool = True


@dataclass(frozen=True)
class Verdict:
    """first, last: medians of the first and the last third. growth, per_hour: in the unit.

    flat: None where nothing is judged, for want of a judgement or of points.
    """

    series: Series
    points: Points
    first: float
    last: float
    middle: float
    growth: float
    per_hour: float
    flat: bool | None


def level(key: str, scale: float = 1.0) -> Callable[[Sequence[Sample]], Points]:
    """A value as it was read."""

    def points(samples: Sequence[Sample]) -> Points:
        return [(s["seconds"], s[key] * scale) for s in samples if key in s]

    return points


def ratio(above: str, below: str, slices: int = SLICES) -> Callable[[Sequence[Sample]], Points]:
    """How much a counter rose for each step of another, slice by slice."""

    def points(samples: Sequence[Sample]) -> Points:
        counted = [sample for sample in samples if above in sample and below in sample]
        chosen = counted[:: max(1, len(counted) // slices)]
        return [
            (b["seconds"], (b[above] - a[above]) / (b[below] - a[below]))
            for a, b in pairwise(chosen)
            if b[below] > a[below]
        ]

    return points


def series_of(samples: Sequence[Sample]) -> list[Series]:
    """All that is shown of a run."""
    found = []
    for name in sorted({key.partition("/")[0] for key in samples[0] if key.startswith("daemon ")}):
        found += [
            Series(f"{name}: memory", "MB", level(f"{name}/memory_mb"), slack=3.0),
            Series(f"{name}: open handles", "", level(f"{name}/handles"), slack=2.0),
            Series(f"{name}: threads", "", level(f"{name}/threads"), slack=2.0),
            Series(f"{name}: children's memory", "MB", level(f"{name}/children_mb"), slack=3.0),
        ]
    server = (
        Series("database sessions of the daemons", "", level("server/sessions"), slack=2.0),
        Series("private memory of these sessions", "MB", level("server/session_mb"), slack=3.0),
        Series("tables", "MB", level("server/table_bytes", 1 / MEGABYTE), slack=0.25),
        Series("indexes", "MB", level("server/index_bytes", 1 / MEGABYTE), slack=0.25),
        Series("system catalogue", "MB", level("server/catalog_bytes", 1 / MEGABYTE), slack=0.25),
        Series("dead rows", "", level("server/dead_rows"), slack=200.0),
        Series("WAL a request", "KB", _kilobytes(ratio("server/wal_bytes", "requests/ended"))),
        Series(
            "transactions a request",
            "",
            ratio("server/transactions", "requests/ended"),
            judged=False,
        ),
        Series("requests a second", "", ratio("requests/ended", "seconds"), judged=False),
        Series("insert to end, p50", "s", level("requests/p50"), judged=False),
        Series("insert to end, p95", "s", level("requests/p95"), judged=False),
    )
    found += server
    for name in sorted({key.partition("/")[0] for key in samples[0] if key.startswith("daemon ")}):
        found += [
            Series(f"{name}: answer of /health", "ms", level(f"{name}/health_ms"), judged=False),
            Series(f"{name}: cores", "", ratio(f"{name}/cpu_seconds", "seconds"), judged=False),
        ]
    return found


def judge(series: Series, samples: Sequence[Sample]) -> Verdict:
    """The rule above, on one series."""
    points = series.points(samples)
    began, ended = samples[0]["seconds"], samples[-1]["seconds"]
    warm = began + WARM_UP * (ended - began)
    kept = [(at, value) for at, value in points if at >= warm]
    if len(kept) < 3:
        return Verdict(series, points, 0.0, 0.0, 0.0, 0.0, 0.0, None)
    cut = sliced(kept, warm, ended)
    slope = theil_sen(cut)
    growth = slope * (ended - warm)
    third = max(1, len(kept) // 3)
    middle = median(value for _, value in kept)
    flat = growth <= max(series.slack, LIMIT * abs(middle)) if series.judged else None
    return Verdict(
        series,
        points,
        median(value for _, value in kept[:third]),
        median(value for _, value in kept[-third:]),
        middle,
        growth,
        slope * 3600,
        flat,
    )


def sliced(points: Points, began: float, ended: float, slices: int = SLICES) -> Points:
    """The medians of equal slices of time; empty ones are left out."""
    width = (ended - began) / slices or 1.0
    bins: dict[int, Points] = {}
    for at, value in points:
        bins.setdefault(min(slices - 1, int((at - began) / width)), []).append((at, value))
    return [
        (median(at for at, _ in inside), median(value for _, value in inside))
        for _, inside in sorted(bins.items())
    ]


def theil_sen(points: Points) -> float:
    """The median slope of all pairs; 0 of fewer than two points."""
    slopes = [(w - v) / (b - a) for (a, v), (b, w) in combinations(points, 2) if b > a]
    return median(slopes) if slopes else 0.0


def _kilobytes(of: Callable[[Sequence[Sample]], Points]) -> Callable[[Sequence[Sample]], Points]:
    return lambda samples: [(at, value / 1024) for at, value in of(samples)]
