"""What is flat, by a stated rule.

The first half of a run is warm-up: caches fill, pools find their size, nothing is old enough yet
to be pruned; a run of some minutes is nothing else, so its curves are only shown. The second half
is cut into slices, of each of which the median is taken (of peaks: the highest), and two things
are asked. ``growth``: what a line through the slices rises in this half, laid by Theil and Sen
(the median of the slopes of all pairs), which a few odd slices do not move. ``late``: how much
higher the end is than the middle, the medians of the last and the first fifth of these slices; it
tells what began late. Neither may be more than ``allowed``: so much an hour where a leak would be
a leak at any size (memory), a share of the level where things come and go with what is asked
(tables), and at least what a series wanders by anyway. Falling is fine.

A series that is to be judged and was not measured until the end fails, in a short run too. What
says more about the machine than about the daemons (CPU, the rate) is only shown; so are latencies
when the machine was busy with other work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

from tests.soak.probe import MEGABYTE, Sample

WARM_UP = 1 / 2
LEAST_SECONDS = 1200.0
"""What is shorter has no second half that says anything."""
SLICES = 30
MEASURED = 0.8
"""The share of slices that must have been measured."""
CROWDED = 0.1
"""From this share of samples on, in the judged half, a machine was busy with other work."""
Points = list[tuple[float, float]]
"""Seconds since the start, value."""
Reduce = Callable[[Iterable[float]], float]


@dataclass(frozen=True)
class Series:
    """points makes the curve from the samples; of: what stands for a slice of it.

    per_hour: growth that is allowed, in the unit; share: the same as a share of the level, in the
    judged half; slack: growth that says nothing. The largest of them counts. judged: False where
    it is only shown; latency: judged unless the machine was crowded.
    """

    title: str
    unit: str
    points: Callable[[Sequence[Sample]], Points]
    per_hour: float = 0.0
    share: float = 0.0
    slack: float = 0.0
    of: Reduce = median
    judged: bool = True
    latency: bool = False


@dataclass(frozen=True)
class Verdict:
    """middle, last: the level at half time and at the end. growth, late, allowed: in the unit, in
    the judged half. per_hour: growth in an hour. measured: until the end, without large gaps.

    flat: None where nothing is judged.
    """

    series: Series
    points: Points
    middle: float
    last: float
    growth: float
    late: float
    allowed: float
    per_hour: float
    measured: bool
    flat: bool | None


def level(key: str, scale: float = 1.0) -> Callable[[Sequence[Sample]], Points]:
    """A value as it was read."""

    def points(samples: Sequence[Sample]) -> Points:
        return [(s["seconds"], s[key] * scale) for s in samples if key in s]

    return points


def ratio(
    above: str, below: str, slices: int = 2 * SLICES
) -> Callable[[Sequence[Sample]], Points]:
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


def series_of(daemons: int) -> list[Series]:
    """All that is to be measured in a run with so many daemons, whether it was or not."""
    found = []
    names = [f"daemon {number}" for number in range(1, daemons + 1)]
    for name in names:
        found += [
            Series(f"{name}: memory", "MB", level(f"{name}/memory_mb"), per_hour=8.0, slack=3.0),
            Series(f"{name}: open handles", "", level(f"{name}/handles"), slack=3.0),
            Series(f"{name}: threads", "", level(f"{name}/threads"), slack=2.0),
            # The fewest at any moment: what ended is none of them, what hangs is.
            Series(f"{name}: children left", "", level(f"{name}/children"), slack=1.0, of=min),
            # All together hold so much as there happen to be at once.
            Series(
                f"{name}: all children, peaks",
                "MB",
                level(f"{name}/children_mb"),
                of=max,
                judged=False,
            ),
        ]
    largest = _largest([f"{name}/child_mb" for name in names])
    found.append(Series("largest child, peaks", "MB", largest, share=0.1, slack=3.0, of=max))
    found += _of_the_server()
    found += [
        Series("insert to end, p50", "s", level("requests/p50"), 0, 0.25, 0.25, latency=True),
        Series("insert to end, p95", "s", level("requests/p95"), 0, 0.25, 1.0, latency=True),
    ]
    for name in names:
        health = level(f"{name}/health_ms")
        found += [
            Series(f"{name}: answer of /health", "ms", health, 0, 0.25, 10.0, latency=True),
            Series(f"{name}: cores", "", ratio(f"{name}/cpu_seconds", "seconds"), judged=False),
        ]
    return [*found, Series("load of the machine", "", level("machine/load"), judged=False)]


def _of_the_server() -> list[Series]:
    bytes_to_mb, counted = 1 / MEGABYTE, "requests/ended"
    wal = _kilobytes(ratio("server/wal_bytes", counted))
    transactions = ratio("server/transactions", counted)
    return [
        Series("database sessions of the daemons", "", level("server/sessions"), slack=3.0),
        # Of all: a session that comes or goes is 12 MB. A leak shows in the largest, which stays.
        Series("private memory of these", "MB", level("server/session_mb"), slack=12.0),
        Series(
            "private memory of the largest",
            "MB",
            level("server/session_max_mb"),
            per_hour=2.0,
            slack=1.0,
        ),
        Series("tables", "MB", level("server/table_bytes", bytes_to_mb), share=0.05, slack=0.25),
        Series("indexes", "MB", level("server/index_bytes", bytes_to_mb), share=0.05, slack=0.25),
        Series("system catalogue", "MB", level("server/catalog_bytes", bytes_to_mb), slack=0.25),
        Series("dead rows", "", level("server/dead_rows"), share=0.2, slack=200.0),
        Series("WAL a request", "KB", wal, share=0.25, slack=2.0),
        Series("transactions a request", "", transactions, judged=False),
        Series("requests a second", "", ratio(counted, "seconds"), judged=False),
    ]


def _largest(keys: Sequence[str]) -> Callable[[Sequence[Sample]], Points]:
    def points(samples: Sequence[Sample]) -> Points:
        return [
            (sample["seconds"], max(sample[key] for key in keys))
            for sample in samples
            if all(key in sample for key in keys)
        ]

    return points


def crowded(samples: Sequence[Sample], cores: int) -> bool:
    """Whether more wanted to run than the machine has cores for, at times of the judged half."""
    half = samples[int(len(samples) * WARM_UP) :]
    loads = [sample["machine/load"] for sample in half if "machine/load" in sample]
    return sum(load > cores for load in loads) > CROWDED * len(loads)


def judge(series: Series, samples: Sequence[Sample], *, crowded: bool = False) -> Verdict:
    """The rule above, on one series. crowded: latencies are only shown."""
    points = series.points(samples)
    began, ended = samples[0]["seconds"], samples[-1]["seconds"]
    warm = began + WARM_UP * (ended - began)
    cut = sliced([p for p in points if p[0] >= warm], warm, ended, SLICES, series.of)
    expected = series.judged and not (series.latency and crowded)
    judged = expected and ended - began >= 0.95 * LEAST_SECONDS
    # Of a run so short that it has fewer samples than slices, a slice may well be empty.
    due = min(SLICES, sum(sample["seconds"] >= warm for sample in samples) // 2)
    until = cut[-1][0] if cut else began
    measured = len(cut) >= max(3, MEASURED * due) and until >= ended - (ended - warm) / 5
    if len(cut) < 3:
        return Verdict(series, points, 0, 0, 0, 0, 0, 0, False, False if expected else None)
    fifth = max(1, len(cut) // 5)
    middle = median(value for _, value in cut[:fifth])
    last = median(value for _, value in cut[-fifth:])
    slope = theil_sen(cut)
    growth = slope * (ended - warm)
    hours = (ended - warm) / 3600
    allowed = max(series.slack, series.share * abs(middle), series.per_hour * hours)
    flat = measured and max(growth, last - middle) <= allowed
    return Verdict(
        series=series,
        points=points,
        middle=middle,
        last=last,
        growth=growth,
        late=last - middle,
        allowed=allowed,
        per_hour=slope * 3600,
        measured=measured,
        flat=flat if judged else False if expected and not measured else None,
    )


def sliced(
    points: Points, began: float, ended: float, slices: int = SLICES, of: Reduce = median
) -> Points:
    """What stands for each of equal slices of time; empty ones are left out."""
    width = (ended - began) / slices or 1.0
    bins: dict[int, Points] = {}
    for at, value in points:
        bins.setdefault(min(slices - 1, int((at - began) / width)), []).append((at, value))
    return [
        (median(at for at, _ in inside), of([value for _, value in inside]))
        for _, inside in sorted(bins.items())
    ]


def theil_sen(points: Points) -> float:
    """The median slope of all pairs; 0 of fewer than two points."""
    slopes = [(w - v) / (b - a) for (a, v), (b, w) in combinations(points, 2) if b > a]
    return median(slopes) if slopes else 0.0


def _kilobytes(of: Callable[[Sequence[Sample]], Points]) -> Callable[[Sequence[Sample]], Points]:
    return lambda samples: [(at, value / 1024) for at, value in of(samples)]
