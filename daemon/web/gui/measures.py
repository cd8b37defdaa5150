"""From hourly roll-ups to percentiles and charts with their tables.

A histogram has thirty buckets; edge i is ``0.01 * 1.5**i`` seconds (``ai_edges_v1`` in SQL). A
percentile lies within its bucket by linear interpolation, so it is off by a quarter at most.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from daemon.web.gui import chart
from daemon.web.gui.chart import Axis, Line
from daemon.web.gui.words import DASH, amount

EDGES = tuple(round(0.01 * 1.5**i, 4) for i in range(29))
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Row = Mapping[str, Any]
Histograms = Iterable[Sequence[int | None]]


@dataclass(frozen=True)
class Chart:
    """A drawn chart and the same as a table. rows: (label, one text per name). points: all of it
    for programs, (moment, one number per name); measure: in what."""

    svg: Markup
    legend: Markup
    sentence: str
    names: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    points: Sequence[tuple[dt.datetime, Sequence[float | None]]]
    measure: str
    promql: str = ""
    unit: str = "UTC"


def merge(histograms: Histograms) -> list[int]:
    """The sum of histograms; [] where all are empty. Buckets that none has do not count."""
    total: list[int] = []
    for histogram in histograms:
        if not histogram:
            continue
        if not total:
            total = [0] * (len(EDGES) + 1)
        for index, value in enumerate(histogram[: len(total)]):
            total[index] += value or 0
    return total


def percentile(histograms: Histograms, share: float) -> float | None:
    """The duration in seconds below which ``share`` of all lie; None without any."""
    buckets = merge(histograms)
    wanted = sum(buckets) * share
    if not buckets or not wanted:
        return None
    seen = 0.0
    for index, number in enumerate(buckets):
        if number and seen + number >= wanted:
            low = EDGES[index - 1] if index else 0.0
            high = EDGES[index] if index < len(EDGES) else EDGES[-1] * 1.5
            return low + (high - low) * (wanted - seen) / number
        seen += number
    return EDGES[-1]


def window(now: dt.datetime, span: dt.timedelta, step: dt.timedelta) -> dt.datetime:
    """When a window begins: at a step, so that the present one ends it."""
    steps = (now - EPOCH) // step
    return EPOCH + steps * step - span + step


def positions(since: dt.datetime, now: dt.datetime, step: dt.timedelta) -> list[dt.datetime]:
    """The starts of all steps of a window, the present one included."""
    at, found = since, []
    while at <= now:
        found.append(at)
        at += step
    return found


def label_of(at: dt.datetime, step: dt.timedelta) -> str:
    if step >= DAY:
        return at.strftime("%d %b").lstrip("0")
    return at.strftime("%H:%M" if step == HOUR else "%a %H:%M")


def throughput(
    rows: Sequence[Row],
    since: dt.datetime,
    now: dt.datetime,
    *,
    step: dt.timedelta,
    task_type: str = "",
) -> Chart:
    """What ended in each step: completed, without the model that was wanted, failed."""
    by = {row["at"]: row for row in rows}
    slots = positions(since, now, step)

    def values(pick: Callable[[Row], int]) -> list[float]:
        return [float(pick(by[at])) if at in by else 0.0 for at in slots]

    lines = [
        Line("completed", values(lambda r: r["completed"] - r["degraded"]), "t-ok"),
        Line("degraded", values(lambda r: r["degraded"]), "t-warn"),
        Line("failed", values(lambda r: r["failed"]), "t-bad"),
    ]
    total = int(sum(sum(v or 0 for v in line.values) for line in lines))
    failed = int(sum(v or 0 for v in lines[2].values))
    hours = len(slots) * (step // HOUR)
    span = amount(hours // 24, "day") if hours > 48 else amount(hours, "hour")
    sentence = f"{amount(total, 'request')} ended in {span}, {failed} of them failed."
    links = [
        "/gui/requests?"
        + urlencode(
            {
                "status": "failed" if by[at]["failed"] else "completed",
                "to": f"{at + step:%Y-%m-%dT%H:%M}",
            }
            | ({"task_type": task_type} if task_type else {})
        )
        if at in by
        else ""
        for at in slots
    ]
    return series(
        slots,
        lines,
        sentence,
        step=step,
        links=links,
        promql="sum by (outcome) (rate(ai_requests_total[5m]))",
    )


def series(
    slots: Sequence[dt.datetime],
    lines: Sequence[Line],
    sentence: str,
    *,
    step: dt.timedelta,
    links: Sequence[str] = (),
    label: chart.Label = chart.plain,
    stacked: bool = True,
    promql: str = "",
    wide: bool = True,
    measure: str = "requests",
) -> Chart:
    """Lines over time as a chart with legend and table, newest row first. measure: what its
    numbers count, whatever their labels are rounded to."""
    axis = Axis([label_of(at, step) for at in slots], links, chart.WIDE if wide else chart.NARROW)
    draw = chart.bars if stacked else chart.curves
    rows = [
        (
            f"{at:%Y-%m-%d}" if step >= DAY else f"{at:%m-%d %H:%M}",
            [DASH if line.values[i] is None else label(line.values[i] or 0.0) for line in lines],
        )
        for i, at in reversed(list(enumerate(slots)))
        if any(line.values[i] for line in lines)
    ]
    return Chart(
        draw(axis, lines, sentence, label),
        chart.legend(lines) if len(lines) > 1 else Markup(""),
        sentence,
        [line.name for line in lines],
        rows,
        [(at, [line.values[i] for line in lines]) for i, at in enumerate(slots)],
        measure,
        promql,
    )
